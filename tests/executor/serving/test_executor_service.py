"""The executor over gRPC: equal to the executor, and no result lost or mixed up whatever happens."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.fixtures.serving import Serve, channel, eventually

from prlcoder.errors import WorkError
from prlcoder.executor import ExecutionRequest, ExecutionResult, Executor, ResourceLimits, Verdict, jail
from prlcoder.executor.serving.blocking import BlockingExecutor
from prlcoder.executor.serving.client import ExecutorClient
from prlcoder.executor.serving.requests import ExecutionWriter
from prlcoder.executor.serving.service import ExecutorService
from prlcoder.executor.serving.settings import ExecutorSettings
from prlcoder.problems.model import AssertTests, CallTest, CallTests, Comparison, StdioTest, StdioTests, Tolerance
from prlcoder.rpc.client import ServiceError
from prlcoder.rpc.server import Server
from prlcoder.rpc.settings import ServerLimits as ServerLimits
from prlcoder.rpc.settings import ServerSettings
from prlcoder.v1 import executor_pb2, executor_pb2_grpc, problem_pb2, verdict_pb2

pytestmark = pytest.mark.needs_sandbox

LIMITS = ResourceLimits(cpu_s=2.0, wall_s=4.0, memory_mib=512, output_mib=4, processes=8)
SETTINGS = ExecutorSettings(workers=1, default_limits=LIMITS, max_limits=LIMITS)
TWICE = CallTests("f", tuple(CallTest((n,), {}, 2 * n) for n in range(3)))
RIGHT = "def f(n): return 2 * n"
SLEEPY = "import time\ntime.sleep(0.4)\n" + RIGHT
STAMP = "import time\ndef f(n): raise type('E%d' % time.monotonic_ns(), (Exception,), {})"  # no two runs are equal
HANGS = "import time\ntime.sleep(3600)\n" + RIGHT

NESTED = CallTests("f", (CallTest(([1], (2,)), {"k": None}, {1: (1, 2.5), "x": {3}}),))
OBJECT = AssertTests("def check(f):\n    assert f(1) is not None\n", "f", True)

VARIED = [
    ExecutionRequest(RIGHT, TWICE),
    ExecutionRequest("def f(n): return 0", TWICE, all_tests=True),
    ExecutionRequest("def f(n): return 1 / n", TWICE),
    ExecutionRequest("def f(n", TWICE),
    ExecutionRequest("def f(n):\n    while True: pass", TWICE, limits=replace(LIMITS, cpu_s=0.3)),
    ExecutionRequest("def f(n): return K * n", TWICE, preamble="K = 2"),
    ExecutionRequest("print(int(input()) * 2)", StdioTests((StdioTest("3\n", "6\n"),), Comparison.EXACT)),
    ExecutionRequest("def f(*a, **k): return {1: (1, 2.5), 'x': {3}}", NESTED),
    ExecutionRequest("class A: pass\ndef f(n): return A()", OBJECT),
    ExecutionRequest("x = 'ß🎈'\nassert len(x) == 2\ndef f(n): return 2 * n", TWICE),
]


def executor_server(serve: Serve, settings: ExecutorSettings = SETTINGS, **limits: Any) -> Server:
    server_settings = ServerSettings(limits=ServerLimits(**limits), drain_grace_s=60.0)
    return serve(lambda given, registry: ExecutorService(given, settings, registry), server_settings)


@pytest.fixture(scope="module")
def server(serve: Serve) -> Server:
    return executor_server(serve)


@pytest.fixture
def client(server: Server) -> Iterator[BlockingExecutor]:
    with BlockingExecutor(f"127.0.0.1:{server.port}") as started:
        yield started


def essence(result: ExecutionResult) -> tuple[Any, ...]:
    """A result without its measurements."""
    return result.verdict, result.reason, result.tests_passed, result.tests_total, result.profile


def numbered(count: int) -> tuple[list[ExecutionRequest], list[bool]]:
    """Programs that differ, every third wrong, and which of them pass."""
    passes = [number % 3 != 0 for number in range(count)]
    return [ExecutionRequest(f"{RIGHT} + {int(not ok)}  # {n}", TWICE) for n, ok in enumerate(passes)], passes


def test_results_equal_those_of_the_executor_itself(client: BlockingExecutor) -> None:
    with Executor(workers=1, limits=LIMITS) as executor:
        expected = [essence(result) for result in executor.run(VARIED)]
    assert [essence(result) for result in client.run(VARIED)] == expected
    assert len({verdict for verdict, *_ in expected}) == 5
    assert essence(client.execute(VARIED[0])) == expected[0]


def test_a_stream_answers_out_of_order_and_run_puts_in_order(serve: Serve) -> None:
    server = executor_server(serve, replace(SETTINGS, workers=2))
    items = [ExecutionRequest(SLEEPY, TWICE), *numbered(4)[0]]

    async def ask() -> tuple[list[int], list[bool]]:
        async with ExecutorClient(f"127.0.0.1:{server.port}") as client:
            order = [index async for index, _ in client.as_completed(items)]
            return order, [result.passed async for result in client.run(items)]

    order, passed = asyncio.run(ask())
    assert sorted(order) == list(range(5))
    assert order[0] != 0
    assert passed == [True, *numbered(4)[1]]


def test_many_items_over_several_streams_are_not_mixed_up(client: BlockingExecutor) -> None:
    items, passes = numbered(200)
    found: list[list[bool]] = [[], [], []]

    def ask(place: int) -> None:
        found[place] = [result.passed for result in client.run(items)]

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [passes] * 3


def batch(server: Server, requests: list[executor_pb2.ExecuteBatchRequest]) -> list[executor_pb2.ExecuteBatchResponse]:
    stub: Any = executor_pb2_grpc.ExecutorServiceStub(channel(server))
    return list(stub.ExecuteBatch(iter(requests), timeout=120))


def request(name: str, program: str = RIGHT, **fields: Any) -> executor_pb2.ExecuteBatchRequest:
    execution = ExecutionWriter().write(ExecutionRequest(program, TWICE))
    for field, value in fields.items():
        execution.ClearField(field) if value is None else getattr(execution, field).CopyFrom(value)
    return executor_pb2.ExecuteBatchRequest(id=name, execution=execution)


def test_an_id_that_comes_again_gets_the_first_outcome_and_no_second_run(server: Server) -> None:
    responses = batch(
        server, [request("same", STAMP), request("other"), request("same", RIGHT), request("same", STAMP)]
    )
    outcomes = [response.result.reason for response in responses if response.id == "same"]
    assert len(outcomes) == 3
    assert len(set(outcomes)) == 1
    assert [response.result.verdict for response in responses if response.id == "other"] == [1]


def test_an_equal_execution_is_answered_from_the_cache_unless_fresh(server: Server) -> None:
    program = f"{STAMP}  # for the cache"
    stub: Any = executor_pb2_grpc.ExecutorServiceStub(channel(server))

    def ask(fresh: bool) -> verdict_pb2.ExecutionResult:
        execution = ExecutionWriter().write(ExecutionRequest(program, TWICE), fresh=fresh)
        result: verdict_pb2.ExecutionResult = stub.Execute(
            executor_pb2.ExecuteRequest(execution=execution), timeout=60
        ).result
        return result

    first, again, fresh = ask(False), ask(False), ask(True)
    assert (first.cached, again.cached, fresh.cached) == (False, True, False)
    assert first.reason == again.reason != fresh.reason


def test_a_wrong_item_fails_alone_and_names_its_field(server: Server) -> None:
    code = problem_pb2.CallTest(input="1", output="open('x')")
    bad_value = problem_pb2.Tests(calls=problem_pb2.CallTests(entry_point="f", cases=[code]))
    no_case = problem_pb2.Tests(calls=problem_pb2.CallTests(entry_point="f"))
    wrong_comparison = problem_pb2.Tests(stdio=problem_pb2.StdioTests(cases=[problem_pb2.StdioTest()], comparison=1))
    wrong = {
        "": (request(""), "id: has 0 characters"),
        "long" * 100: (request("long" * 100), "id: has 400 characters"),
        "empty": (request("empty", ""), "execution.program: is empty"),
        "no tests": (request("no tests", tests=None), "execution.tests: contains no tests"),
        "no case": (request("no case", tests=no_case), "execution.tests.calls.cases: is empty"),
        "value": (request("value", tests=bad_value), "execution.tests.calls.cases[0].output: holds"),
        "compare": (request("compare", tests=wrong_comparison), "execution.tests.stdio.comparison: does not apply"),
        "cpu": (request("cpu", limits=verdict_pb2.Limits(cpu_s=1e9)), "execution.limits.cpu_s: 1000000000.0 must be"),
        "nan": (request("nan", limits=verdict_pb2.Limits(wall_s=float("nan"))), "execution.limits.wall_s: nan must be"),
    }
    responses = {
        response.id: response for response in batch(server, [*(one for one, _ in wrong.values()), request("fine")])
    }
    assert responses.pop("fine").result.verdict == 1
    for name, (_, message) in wrong.items():
        status = responses[name].status
        assert (status.code, status.message[: len(message)]) == (3, message)


def test_many_items_may_share_a_message(server: Server) -> None:
    program = f"{RIGHT}  # together"
    batch(server, [request("kept", program)])  # so that the outcomes below are ready at one time
    items = [request(f"m{number}", program) for number in range(20)]
    items[0].more.extend(items[1:])
    responses = batch(server, [items[0], request("alone")])
    flat = [one for response in responses for one in (response, *response.more)]
    assert sorted(one.id for one in flat) == sorted(["alone", *(f"m{number}" for number in range(20))])
    assert {one.result.verdict for one in flat} == {1}
    assert len(responses) < 21


def test_a_stream_that_is_empty_ends_well(server: Server) -> None:
    assert batch(server, []) == []


def test_a_client_that_goes_away_frees_its_programs(server: Server, client: BlockingExecutor) -> None:
    stub: Any = executor_pb2_grpc.ExecutorServiceStub(channel(server))
    limits = verdict_pb2.Limits(wall_s=4.0)
    for _ in range(5):  # each would hold the only worker for four seconds
        call = stub.ExecuteBatch(iter([request("a", HANGS, limits=limits), request("b", SLEEPY)]), timeout=60)
        call.cancel()
    long = stub.Execute.future(executor_pb2.ExecuteRequest(execution=request("", HANGS).execution), timeout=60)
    long.cancel()
    assert client.execute(ExecutionRequest(RIGHT, TWICE)).passed


def test_a_full_queue_refuses_single_calls_with_a_hint_and_holds_streams(serve: Serve) -> None:
    server = executor_server(serve, queue_items=1)
    stub: Any = executor_pb2_grpc.ExecutorServiceStub(channel(server))
    held = stub.Execute.future(executor_pb2.ExecuteRequest(execution=request("", HANGS).execution), timeout=60)
    eventually(lambda: "prlcoder_executor_queue_depth 1.0" in metrics(server))
    with pytest.raises(grpc.RpcError) as caught:
        stub.Execute(executor_pb2.ExecuteRequest(execution=request("", f"{RIGHT} # late").execution), timeout=60)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "the queue is full (1 items of at most 1)" in caught.value.details()
    stream = stub.ExecuteBatch(iter([request("waits", f"{RIGHT} # waits")]), timeout=60)
    held.cancel()
    assert [response.result.verdict for response in stream] == [1]


def test_a_client_that_retries_gets_through_a_full_queue(serve: Serve) -> None:
    server = executor_server(serve, queue_items=1)
    items, passes = numbered(12)

    async def ask() -> list[bool]:
        async with ExecutorClient(f"127.0.0.1:{server.port}") as client:
            return [result.passed for result in await asyncio.gather(*map(client.execute, items))]

    assert asyncio.run(ask()) == passes


def test_a_call_that_comes_again_has_a_place_where_a_new_one_has_none(serve: Serve) -> None:
    """The client's first attempt is refused; the second waits in the queue until the deadline."""
    server = executor_server(serve, queue_items=16)
    stub: Any = executor_pb2_grpc.ExecutorServiceStub(channel(server))
    asked = [executor_pb2.ExecuteRequest(execution=request("", f"{HANGS} # {n}").execution) for n in range(15)]
    held = [stub.Execute.future(one, timeout=60) for one in asked]
    eventually(lambda: "prlcoder_executor_queue_depth 15.0" in metrics(server))
    with pytest.raises(grpc.RpcError) as caught:
        stub.Execute(asked[0], timeout=60)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    async def ask() -> None:
        async with ExecutorClient(f"127.0.0.1:{server.port}", timeout_s=1.5) as client:
            await client.execute(ExecutionRequest(RIGHT, TWICE))

    with pytest.raises(ServiceError) as failed:
        asyncio.run(ask())
    assert failed.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    for call in held:
        call.cancel()


def metrics(server: Server) -> str:
    """The page that Prometheus reads."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics") as page:
        text: str = page.read().decode()
    return text


def jails() -> list[int]:
    """The nsjail processes of this process."""
    children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return [int(pid) for path in children for pid in path.read_text().split() if "nsjail" in _command(pid)]


def _command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def test_workers_that_are_killed_lose_no_result(serve: Serve, client: BlockingExecutor) -> None:
    items, passes = numbered(150)
    assert jails()
    done: list[bool] = []
    for result in client.run(ExecutionRequest(item.program + "#", TWICE) for item in items):
        done.append(result.passed)
        if len(done) in (20, 60, 100):
            for pid in jails():
                os.kill(pid, signal.SIGKILL)
    assert done == passes


def test_a_connection_that_ends_while_it_is_written_to_is_opened_again(serve: Serve) -> None:
    """grpc.aio's client calls such an end INTERNAL, whatever it was; here the connection's age, again and again."""
    server = executor_server(serve, connection_age_s=0.3, connection_grace_s=0.1)
    passes = [number % 3 != 0 for number in range(100)]
    padding = "#" * 60_000  # so that something is being written most of the time
    items = [ExecutionRequest(f"{RIGHT} + {int(not ok)}  # {n} {padding}", TWICE) for n, ok in enumerate(passes)]
    with BlockingExecutor(f"127.0.0.1:{server.port}") as client:
        assert [result.passed for result in client.run(items)] == passes


def test_the_metrics_count_what_ran(server: Server, client: BlockingExecutor) -> None:
    client.execute(ExecutionRequest(f"{RIGHT} # metric", TWICE))
    text = metrics(server)
    assert 'prlcoder_executor_runs_total{profile="namespaces",verdict="passed"}' in text
    assert "prlcoder_executor_queue_depth 0.0" in text
    assert "prlcoder_executor_run_seconds_bucket" in text


def test_capabilities_say_what_the_server_offers(client: BlockingExecutor) -> None:
    offered = client.capabilities()
    assert (offered.profile, offered.jail, offered.workers, offered.max_message_bytes) == (
        "namespaces",
        "zygote",
        1,
        16 << 20,
    )
    assert offered.default_limits.cpu_s == LIMITS.cpu_s


def test_an_error_in_the_source_of_items_comes_after_the_results_before_it(
    server: Server, client: BlockingExecutor
) -> None:
    def items() -> Iterator[ExecutionRequest]:
        yield ExecutionRequest(RIGHT, TWICE)
        raise LookupError("no more")

    async def ask(got: list[bool]) -> None:
        async with ExecutorClient(f"127.0.0.1:{server.port}") as other:
            async for result in other.run(items()):
                got.append(result.passed)  # noqa: PERF401 (what came before the error counts)

    got: list[bool] = []
    with pytest.raises(LookupError):
        asyncio.run(ask(got))
    assert got == [True]
    with pytest.raises(LookupError):
        list(client.run(items()))


def test_a_refused_item_is_an_error_that_names_it(client: BlockingExecutor) -> None:
    too_much = replace(LIMITS, cpu_s=1e6)
    with pytest.raises(ServiceError, match=r"execution\.limits\.cpu_s"):
        list(client.run([ExecutionRequest(RIGHT, TWICE), ExecutionRequest(RIGHT, TWICE, limits=too_much)]))


def test_without_a_sandbox_the_server_does_not_start(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise WorkError("the kernel refuses")

    monkeypatch.setattr(jail, "start", refuse)
    with pytest.raises(WorkError, match="the kernel refuses"):
        executor_server(serve)


def test_health_follows_a_sandbox_that_breaks_and_comes_back(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = executor_server(serve)
    health = health_pb2_grpc.HealthStub(channel(server))
    start = jail.start

    def refuse(*_: Any) -> Any:
        raise WorkError("the kernel refuses")

    before = set(jails())
    monkeypatch.setattr(jail, "start", refuse)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: health.Check(health_pb2.HealthCheckRequest()).status == 2)
    with BlockingExecutor(f"127.0.0.1:{server.port}") as client:
        monkeypatch.setattr(jail, "start", start)
        eventually(lambda: health.Check(health_pb2.HealthCheckRequest()).status == 1)
        assert client.execute(ExecutionRequest(RIGHT, TWICE)).verdict is Verdict.PASSED


def test_a_fault_of_the_tests_is_told_apart_from_one_of_the_program(server: Server) -> None:
    import_fails = AssertTests("import no_such_package\ndef check(candidate):\n    candidate(1)\n", "f", True)
    raises = AssertTests("def check(candidate):\n    for x in [1]:\n        len(candidate(x))\n", "f", True)
    with BlockingExecutor(f"127.0.0.1:{server.port}") as client:
        faulty, suspicious = client.run(ExecutionRequest("def f(n): return 2\n", one) for one in (import_fails, raises))
    assert (faulty.verdict, faulty.outcome) == (None, "test_error")
    assert faulty.test_error == "line 1: ModuleNotFoundError: No module named 'no_such_package'"
    assert (suspicious.outcome, suspicious.test_exception[:17]) == ("wrong_answer", "line 3: TypeError")
    assert "prlcoder_executor_test_errors_total 1.0" in metrics(server)


def test_judging_options_travel(server: Server) -> None:
    """Checkers, tolerances and limits per test give the same verdicts through the service."""
    checker = "def check(arguments, result, expected):\n    return sorted(result) == sorted(expected)\n"
    any_order = CallTests("f", (CallTest((), {}, [1, 2]),), checker=checker)
    close = CallTests("f", (CallTest((), {}, 0.3),), tolerance=Tolerance(absolute=1e-9))
    text = StdioTests((StdioTest("", "0.5\n"),), tolerance=Tolerance(relative=0.1))
    shallow = CallTests("f", (CallTest((), {}, [(1, 2)]),), Comparison.SHALLOW)
    decimals = StdioTests((StdioTest("", "1.50\n"),), Comparison.DECIMALS)
    busy = CallTests("f", (CallTest((), {}, 1),), test_limit_s=0.2)
    items = [
        ("def f(): return [2, 1]\n", any_order),
        ("def f(): return [2, 2]\n", any_order),
        ("def f(): return 0.1 + 0.2\n", close),
        ("print(0.52)\n", text),
        ("def f(): return [[1, 2]]\n", shallow),
        ("print(1.5)\n", decimals),
        ("def f():\n    while True: pass\n", busy),
    ]
    with BlockingExecutor(f"127.0.0.1:{server.port}") as client:
        results = list(client.run(ExecutionRequest(program, tests) for program, tests in items))
    assert [one.outcome for one in results] == [
        "passed",
        "wrong_answer",
        "passed",
        "passed",
        "wrong_answer",
        "passed",
        "timeout",
    ]
    assert results[-1].cpu_s < 2


def test_invalid_judging_options_name_their_field(server: Server) -> None:
    case = problem_pb2.CallTest(input="", output="1")
    invalid = {
        "execution.tests.calls.checker: is not Python": problem_pb2.CallTests(checker="def"),
        "execution.tests.calls.tolerance.absolute: -1.0 is not": problem_pb2.CallTests(
            tolerance=problem_pb2.Tolerance(absolute=-1)
        ),
        "execution.tests.calls.test_limit_s: nan is not": problem_pb2.CallTests(test_limit_s=float("nan")),
    }
    for message, calls in invalid.items():
        calls.entry_point = "f"
        calls.cases.append(case)
        (response,) = batch(server, [request("one", tests=problem_pb2.Tests(calls=calls))])
        assert (response.status.code, response.status.message[: len(message)]) == (3, message)


def test_a_limit_per_test_cannot_raise_a_program_above_the_servers_maximum(serve: Serve) -> None:
    settings = ExecutorSettings(
        workers=1,
        default_limits=ResourceLimits(cpu_s=0.5, wall_s=30.0),
        max_limits=ResourceLimits(cpu_s=1.0, wall_s=60.0),
    )
    target = serve(lambda given, registry: ExecutorService(given, settings, registry))
    tests = CallTests("f", tuple(CallTest((n,), {}, n) for n in range(50)), test_limit_s=0.9)
    program = (
        "import time\n"
        "def f(n):\n"
        "    end = time.process_time() + 0.2\n"
        "    while time.process_time() < end: pass\n"
        "    return n\n"
    )
    with BlockingExecutor(f"127.0.0.1:{target.port}") as client:
        result = client.execute(ExecutionRequest(program, tests, all_tests=True))
    assert (result.outcome, result.reason) == ("timeout", "cpu")
    assert result.cpu_s < 3
