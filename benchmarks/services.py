"""The executor's service against the executor itself, in one run on one machine.

    python benchmarks/services.py executor [--programs 2000] [--workers 2] [--repeats 3] [--apart]

The workload is canonical programs of the nano suite, each with a different comment, so that no two are equal. The
server is a separate process (``prlcoder serve executor``) and is asked for fresh results.

- throughput: ``ExecutorClient.as_completed`` over one stream against ``Executor.run`` in this process,
  alternating; medians of ``--repeats`` runs. The target is at least 80 %.
- added latency: programs that arrive at random (a Poisson process) at half of the in-process throughput, over one open
  stream and as single ``Execute`` calls, against the same arrivals at an ``AsyncExecutor`` in this process,
  alternating; differences of the 99th percentiles, each the median of ``--repeats`` runs. The target is below 5 ms.

Server and client need CPU time, too, and with as many workers as cores they take it from the programs. ``--apart``
reserves the last core for them (and for the executor's thread in this process) and gives each other core to one worker.
It shows what gRPC costs on a machine with spare cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from load_ledger import descendants
from prlcoder.cli.serve_all import read_ready
from prlcoder.executor import ExecutionRequest, ExecutionResult, Executor
from prlcoder.executor.serving.async_executor import AsyncExecutor
from prlcoder.executor.serving.client import ExecutorClient
from prlcoder.problems.nano.suite import problems
from prlcoder.spec import NanoSuite

PROBLEMS = 50  # with many programs per problem, as in supervision

Run = Callable[[ExecutionRequest], Awaitable[Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("service", choices=("executor",))
    parser.add_argument("--programs", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--apart", action="store_true", help="one core for server and client, the others for programs")
    arguments = parser.parse_args()
    cores = Cores.apart() if arguments.apart else None
    workers = len(cores.programs) if cores else arguments.workers
    print(json.dumps(measure(arguments.programs, workers, arguments.repeats, cores), indent=2))


@dataclass(frozen=True)
class Cores:
    """The cores of the programs; this process and the server share the remaining one."""

    programs: frozenset[int]

    @classmethod
    def apart(cls) -> Cores:
        *programs, last = sorted(os.sched_getaffinity(0))
        if not programs:
            sys.exit("--apart needs at least two cores")
        os.sched_setaffinity(0, {last})
        return cls(frozenset(programs))

    def place(self, owner: int) -> None:
        """Pin the jails of the executor in process ``owner`` to these cores."""
        for pid in descendants(owner):
            if "serve" not in Path(f"/proc/{pid}/cmdline").read_text().split("\0"):
                os.sched_setaffinity(pid, self.programs)


def measure(count: int, workers: int, repeats: int, cores: Cores | None) -> dict[str, Any]:
    """All figures: rates in programs per second, latencies in milliseconds."""
    items = programs(count)
    local, remote = [], []
    here: list[list[float]] = []
    streamed: list[list[float]] = []
    called: list[list[float]] = []
    with server(workers) as (target, pid):
        if cores:
            cores.place(pid)
        asyncio.run(over_grpc(target, items[:200]))  # warm up
        for _ in range(repeats):
            local.append(count / in_process(items, workers, cores))
            remote.append(count / asyncio.run(over_grpc(target, items)))
        rate = median(local) / 2
        arrivals = items[: min(count, int(rate * 20))]
        for _ in range(repeats):
            here.append(asyncio.run(latencies_here(arrivals, rate, workers, cores)))
            streamed.append(asyncio.run(latencies_streamed(target, arrivals, rate)))
            called.append(asyncio.run(latencies_called(target, arrivals, rate)))
    return {
        "in_process_per_s": round(median(local), 1),
        "grpc_per_s": round(median(remote), 1),
        "throughput_ratio": round(median(remote) / median(local), 3),
        "half_load_per_s": round(rate, 1),
        **{
            f"p{percent}_{name}_ms": percentile(seconds, percent)
            for percent in (50, 99)
            for name, seconds in (("in_process", here), ("stream", streamed), ("calls", called))
        },
        "p99_added_by_stream_ms": round(percentile(streamed, 99) - percentile(here, 99), 2),
        "p99_added_by_calls_ms": round(percentile(called, 99) - percentile(here, 99), 2),
    }


def programs(count: int) -> list[ExecutionRequest]:
    """Different programs that pass."""
    suite = list(problems(NanoSuite(train=PROBLEMS, validation=1, test=1)))
    return [
        ExecutionRequest(f"{problem.canonical}# {number}\n", problem.tests, problem.preamble)
        for number, problem in ((number, suite[number % len(suite)]) for number in range(count))
    ]


@contextmanager
def server(workers: int) -> Iterator[tuple[str, int]]:
    """The address and the process id of a running server."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.json"
        command = [sys.executable, "-m", "prlcoder.cli", "serve", "executor", "--workers", str(workers)]
        process = subprocess.Popen(
            [*command, "--ready-file", str(ready), "--log-level", "warning"], stdout=subprocess.DEVNULL
        )
        try:
            while not ready.exists():
                if process.poll() is not None:
                    sys.exit("the server did not start")
                time.sleep(0.05)
            yield read_ready(ready)["executor"]["grpc"] or "", process.pid
        finally:
            process.terminate()
            process.wait()


def in_process(items: Sequence[ExecutionRequest], workers: int, cores: Cores | None) -> float:
    """Seconds for all items in this process, without start-up."""
    with Executor(workers=workers) as executor:
        if cores:
            cores.place(os.getpid())
        executor.execute(items[0])
        began = time.monotonic()
        check(list(executor.run(items)))
        return time.monotonic() - began


async def over_grpc(target: str, items: Sequence[ExecutionRequest]) -> float:
    """Seconds for all items over one stream, without connecting."""
    async with ExecutorClient(target, fresh=True) as client:
        await client.capabilities()
        began = time.monotonic()
        check([result async for _, result in client.as_completed(items)])
        return time.monotonic() - began


async def latencies_here(
    items: Sequence[ExecutionRequest], rate: float, workers: int, cores: Cores | None
) -> list[float]:
    """Seconds from arrival to result, in this process."""
    driver = AsyncExecutor(lambda: Executor(workers=workers))
    await driver.start()
    if cores:
        cores.place(os.getpid())
    try:
        return await arrive(items, rate, driver.execute)
    finally:
        await driver.close()


async def latencies_called(target: str, items: Sequence[ExecutionRequest], rate: float) -> list[float]:
    """Seconds from arrival to result, with one call per item."""
    async with ExecutorClient(target, fresh=True) as client:
        await client.capabilities()
        return await arrive(items, rate, client.execute)


class Arrivals:
    """The source of an open stream: items that have arrived and were not yet sent."""

    def __init__(self) -> None:
        self._arrived: deque[ExecutionRequest] = deque()
        self.ended = False

    def add(self, item: ExecutionRequest) -> None:
        self._arrived.append(item)

    def draw(self) -> ExecutionRequest | None:
        return self._arrived.popleft() if self._arrived else None


async def latencies_streamed(target: str, items: Sequence[ExecutionRequest], rate: float) -> list[float]:
    """Seconds from arrival to result, over one stream."""
    async with ExecutorClient(target, fresh=True) as client:
        await client.capabilities()
        arrivals = Arrivals()
        stream = client.stream(arrivals)
        answers: list[asyncio.Future[ExecutionResult]] = []

        async def read() -> None:
            async for index, result in client.answers(stream):
                answers[index].set_result(result)

        async def run(item: ExecutionRequest) -> ExecutionResult:
            answers.append(asyncio.get_running_loop().create_future())
            arrivals.add(item)
            stream.look_again()
            return await answers[-1]

        reading = asyncio.create_task(read())
        try:
            return await arrive(items, rate, run)
        finally:
            arrivals.ended = True
            stream.look_again()
            await reading


async def arrive(items: Sequence[ExecutionRequest], rate: float, run: Run) -> list[float]:
    """Seconds per item, for random arrivals at ``rate`` per second; every call has the same arrivals."""
    gaps = random.Random(0)
    loop = asyncio.get_running_loop()
    due = loop.time()
    tasks = []

    async def one(item: ExecutionRequest) -> float:
        began = loop.time()
        check([await run(item)])
        return loop.time() - began

    for item in items:
        due += gaps.expovariate(rate)
        await asyncio.sleep(max(due - loop.time(), 0.0))
        tasks.append(asyncio.create_task(one(item)))
    return list(await asyncio.gather(*tasks))


def percentile(runs: Sequence[Sequence[float]], percent: int) -> float:
    """The median over runs of this percentile, in milliseconds."""
    return round(1000 * median(quantiles(seconds, n=100)[percent - 1] for seconds in runs), 2)


def check(results: Sequence[ExecutionResult]) -> None:
    """End the benchmark if a program fails: its figures would mean nothing."""
    if not all(result.passed for result in results):
        sys.exit(f"a program failed: {next(result for result in results if not result.passed)}")


if __name__ == "__main__":
    main()
