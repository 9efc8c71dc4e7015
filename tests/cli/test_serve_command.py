"""``prlcoder serve`` as a process, with signals and a ready file."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from tests.fixtures.serving import eventually, free_port

from prlcoder.cli.serve_all import read_ready
from prlcoder.executor import ExecutionRequest
from prlcoder.executor.serving.blocking import BlockingExecutor
from prlcoder.executor.serving.requests import ExecutionWriter
from prlcoder.problems.model import CallTest, CallTests
from prlcoder.rpc.address import Address
from prlcoder.rpc.client import open_channel
from prlcoder.segmenter.serving.client import BlockingSegmenter
from prlcoder.v1 import executor_pb2, executor_pb2_grpc, segmenter_pb2, segmenter_pb2_grpc

TWICE = CallTests("f", (CallTest((1,), {}, 2),))
Start = Any


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """``start(*words)``: a ``prlcoder serve`` process and, once it is healthy, its addresses."""
    started: list[subprocess.Popen[str]] = []

    def serve(*words: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
        ready = tmp_path / f"ready-{len(started)}.json"
        process = popen(*words, "--ready-file", str(ready))
        started.append(process)
        eventually(lambda: ready.exists() or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        return process, read_ready(ready)[words[0]]

    yield serve
    for process in started:
        process.kill()
        process.communicate()


def popen(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "prlcoder.cli", "serve", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_says_where_it_is_logs_json_and_ends_on_a_signal(start: Start, number: signal.Signals) -> None:
    process, addresses = start("segmenter", "--workers", "1")
    with BlockingSegmenter(addresses["grpc"]) as client:
        assert len(client.segment(["x = 1\ny = 2\n"], "line")[0]) == 2
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out == f"segmenter: grpc on {addresses['grpc']}, metrics on {addresses['metrics']}\n"
    rows = [json.loads(line) for line in err.splitlines()]
    assert [row["message"] for row in rows] == ["serving", "call", "stopped"]
    assert rows[1]["method"] == "/prlcoder.v1.SegmenterService/Segment"
    assert (rows[1]["code"], len(rows[1]["request_id"])) == ("OK", 32)


def test_a_server_that_does_not_start_leaves_no_ready_file_of_the_one_before(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    ready.write_text("{}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = popen("segmenter", "--workers", "1", "--port", port, "--ready-file", str(ready))
        process.communicate(timeout=60)
    assert process.returncode != 0
    assert not ready.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("segmenter", "--host", "0.0.0.0"), "not loopback and there is no TLS"),
        (("segmenter", "--tls-certificate", "x.pem"), "give both or neither"),
        (("segmenter", "--tls-client-ca", "x.pem"), "needs --tls-certificate and --tls-key"),
        (("segmenter", "--token-file", "/nowhere"), "/nowhere: cannot be read"),
        (("segmenter", "--max-batch", "9", "--max-queue", "8"), "is above --max-queue"),
        (("segmenter", "--max-calls", "0"), "--max-calls: 0 is not positive"),
    ],
)
def test_options_that_are_wrong_are_one_message_and_exit_code_2(words: tuple[str, ...], message: str) -> None:
    process = popen(*words)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert message in err.splitlines()[-1]
    assert "Traceback" not in err


@pytest.mark.needs_sandbox
def test_sigterm_under_load_answers_what_was_accepted_and_refuses_the_rest(start: Start) -> None:
    process, addresses = start("executor", "--workers", "1")
    writer, answered = ExecutionWriter(), []

    def requests() -> Iterator[executor_pb2.ExecuteBatchRequest]:
        for number in range(100_000):  # far more than it accepts before the signal
            program = f"import time\ntime.sleep(0.02)\ndef f(n): return 2 * n  # {number}"
            yield executor_pb2.ExecuteBatchRequest(
                id=str(number), execution=writer.write(ExecutionRequest(program, TWICE))
            )

    stub: Any = executor_pb2_grpc.ExecutorServiceStub(grpc.insecure_channel(addresses["grpc"]))
    stream = stub.ExecuteBatch(requests(), timeout=120)
    with pytest.raises(grpc.RpcError, match="about to stop") as caught:  # noqa: PT012
        for response in stream:
            answered.append(response)
            if len(answered) == 10:
                process.terminate()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert process.wait(60) == 0
    names = [int(response.id) for response in answered]
    assert sorted(names) == list(range(len(names)))  # no hole: every accepted item was answered, once
    assert len(names) > 10
    assert all(response.result.verdict == 1 for response in answered)


@pytest.mark.parametrize(("max_calls", "connections"), [(64, 1), (512, 4)])
def test_more_calls_than_can_wait_are_refused_in_words_that_a_client_repeats(
    start: Start, max_calls: int, connections: int
) -> None:
    """While the server is suspended, calls wait in gRPC, which by itself would cancel those beyond about a thousand."""
    process, addresses = start("segmenter", "--workers", "1", "--max-calls", str(max_calls), "--log-level", "warning")
    request = segmenter_pb2.SegmentRequest(sources=[segmenter_pb2.Source(program="x = 1\n")], mode=1)

    async def codes() -> set[grpc.StatusCode]:
        async with AsyncExitStack() as stack:
            channels = [
                await stack.enter_async_context(open_channel(Address(addresses["grpc"]))) for _ in range(connections)
            ]
            stubs: list[Any] = [segmenter_pb2_grpc.SegmenterServiceStub(channel) for channel in channels]

            async def code(stub: Any) -> grpc.StatusCode:
                try:
                    await stub.Segment(request, timeout=60)
                except grpc.aio.AioRpcError as error:
                    return error.code()
                return grpc.StatusCode.OK

            assert {await code(stub) for stub in stubs} == {grpc.StatusCode.OK}
            process.send_signal(signal.SIGSTOP)
            calls = [asyncio.create_task(code(stub)) for stub in stubs for _ in range(2000 // connections)]
            await asyncio.wait(calls, timeout=1.0)  # they are sent; none can be answered
            process.send_signal(signal.SIGCONT)
            return set(await asyncio.gather(*calls))

    found = asyncio.run(codes())
    assert grpc.StatusCode.OK in found
    assert found <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE}


@pytest.mark.needs_sandbox
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_client_goes_on_with_the_server_that_comes_after(start: Start, number: signal.Signals) -> None:
    port = str(free_port())
    process, addresses = start("executor", "--workers", "1", "--port", port)
    items = [ExecutionRequest(f"def f(n): return 2 * n + {int(k % 3 == 0)}  # {k}", TWICE) for k in range(120)]
    passed: list[bool] = []
    with BlockingExecutor(addresses["grpc"]) as client:
        for result in client.run(items):
            passed.append(result.passed)
            if len(passed) == 30:
                process.send_signal(number)
                process.wait(60)
                start("executor", "--workers", "1", "--port", port)
    assert passed == [k % 3 != 0 for k in range(120)]


@pytest.mark.needs_sandbox
def test_no_jail_outlives_a_server_that_was_killed(start: Start) -> None:
    process, _ = start("executor", "--workers", "1")
    jails = descendants(process.pid)
    assert jails
    os.kill(process.pid, signal.SIGKILL)
    process.wait(60)
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in jails))


def test_no_worker_outlives_a_server_that_was_killed(start: Start) -> None:
    process, addresses = start("segmenter", "--workers", "1")
    with BlockingSegmenter(addresses["grpc"]) as client:
        client.segment(["x = 1\n"], "line")
    workers = descendants(process.pid)
    assert workers
    os.kill(process.pid, signal.SIGKILL)
    process.wait(60)
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def descendants(pid: int) -> list[int]:
    """Processes below ``pid``."""
    children = [int(word) for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()]
    return children + [below for child in children for below in descendants(child)]
