"""Services under more load than they can take, with clients and workers that fail.

    python benchmarks/load.py [--seconds 600] [--seed 0]

Executor, segmenter, mutator and PRM (a tiny one, made here) run as ``prlcoder serve`` processes on loopback. The answer
of a program depends on its number, so that a result of another program is noticed. At any time there are two clients
that stream through the typed client, one that writes its stream by hand and sends some ids twice, and four with single
calls that are repeated while the queue is full; single calls at twice the measured capacity that are not repeated; two
clients each with short deadlines, that cancel, and that vanish (connection reset, channel closed); noise on the ports;
and clients of the other services, while the PRM's checkpoint is exchanged. Meanwhile a worker is killed (SIGKILL) every
few seconds: a zygote, a jail, all jails, the PRM's model, or a worker of another service. Connections are closed when
they are 5 s old.

The run succeeds if no result is wrong, lost or duplicated; every failure has a status that its client may see; the logs
contain no errors; it takes at most 2 s from a kill in the executor, or of the PRM's model, to the next result; memory
is flat over the second half; and at the end nothing is in flight, the services are healthy and right, and exit cleanly.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

import load_clients as clients
import load_other_clients as others
from load_clients import MAX_WAIT_S, Traffic
from load_ledger import Kill, Ledger, growth, slope
from load_servers import Killer, ServerProcess, serving, tiny_prm
from prlcoder.executor.serving.client import ExecutorClient

WARM_UP_S: Final = 3.0  # one stream alone, which also measures the capacity
MAX_RECOVERY_S: Final = 2.0
MAX_GROWTH_SHARE: Final = 0.05  # of a process's memory over the second half
MAX_GROWTH_MIB: Final = 8.0  # in addition, for the allocator
SETTLE_S: Final = 30.0
MAX_EXAMPLES_SHOWN: Final = 40  # per failed check


@dataclass
class Outcome:
    """A finished run."""

    seconds: float
    capacity: float  # programs/s over one stream without other load
    ledger: Ledger
    left: dict[str, dict[str, float]] = field(default_factory=dict)  # unfinished calls, by server
    faults: list[str] = field(default_factory=list)  # errors in logs
    unhealthy: list[str] = field(default_factory=list)
    exits: dict[str, int | None] = field(default_factory=dict)

    def swollen(self) -> list[str]:
        """The server processes whose memory was not flat."""
        sizes = self.ledger.memory.items()
        return [
            name
            for name, samples in sizes
            if not name.endswith("below")
            and growth(samples) > MAX_GROWTH_MIB + MAX_GROWTH_SHARE * samples[len(samples) // 2][1]
        ]


def run(seconds: float, seed: int, folder: Path) -> Outcome:
    """The whole test, with ``seconds`` of load."""
    models = [str(tiny_prm(folder / f"model-{number}", number)) for number in range(2)]
    with serving(folder, Path(models[0])) as servers:
        outcome = asyncio.run(_load(servers, models, seconds, seed))
        outcome.exits = {name: server.stop() for name, server in servers.items()}
        outcome.faults = [f"{name}: {line}" for name, server in servers.items() for line in server.faults()]
    return outcome


async def _load(servers: dict[str, ServerProcess], models: list[str], seconds: float, seed: int) -> Outcome:
    addresses = {name: server.address for name, server in servers.items()}
    traffic = Traffic(addresses, models, Ledger(), rng=random.Random(seed))
    await others.learn_scores(traffic)
    capacity = await _capacity(traffic)
    traffic.ledger = Ledger()
    traffic.ends = time.monotonic() + seconds
    every_s = min(4.0, seconds / 8)
    processes = {name: server.process.pid for name, server in servers.items()}
    work = {
        "steady 1": clients.steady(traffic),
        "steady 2": clients.steady(traffic),
        "by hand": clients.by_hand(traffic),
        **{f"patient {number}": clients.patient(traffic) for number in range(4)},
        "overload": clients.overload(traffic, 2 * capacity),
        **{
            f"{kind.__name__} {number}": kind(traffic)
            for number in range(2)
            for kind in (clients.hasty, clients.cancelling, clients.vanishing, others.scoring)
        },
        "babbling": clients.babbling(traffic),
        "cutting": others.cutting(traffic),
        "proposing": others.proposing(traffic),
        "updating": others.updating(traffic, 2 * every_s),
        "killing": _kill(traffic, Killer(servers, random.Random(seed)), every_s),
        "weighing": _weigh(traffic, processes),
    }
    traffic.ledger.meter(processes, -1)
    await asyncio.gather(*(_guarded(traffic, name, one) for name, one in work.items()))
    traffic.ledger.meter(processes, 1)
    outcome = Outcome(seconds, capacity, traffic.ledger)
    await _settle(outcome, servers)
    await _require_sound(outcome, traffic)
    return outcome


async def _guarded(traffic: Traffic, name: str, work: Coroutine[Any, Any, None]) -> None:
    """Note a client that fails and let the others continue."""
    try:
        async with asyncio.timeout(traffic.ends - time.monotonic() + MAX_WAIT_S + 30):
            await work
    except Exception as error:
        traffic.ledger.unexpected.append(f"{name} ended: {type(error).__name__}: {error}")


async def _capacity(traffic: Traffic) -> float:
    """Right results per second over one stream."""
    traffic.ends = time.monotonic() + WARM_UP_S
    began = time.monotonic()
    await clients.steady(traffic)
    return len(traffic.ledger.right) / (time.monotonic() - began)


async def _kill(traffic: Traffic, killer: Killer, every_s: float) -> None:
    """Kill workers, and stop early enough before the end that every recovery can be observed."""
    while traffic.ends - time.monotonic() > 2 * every_s:
        await asyncio.sleep(every_s * traffic.rng.uniform(0.5, 1.5))
        at = time.monotonic()
        if (victim := killer.strike()) is not None:
            traffic.ledger.kills.append(Kill(at, victim))


async def _weigh(traffic: Traffic, processes: dict[str, int]) -> None:
    while traffic.going:
        traffic.ledger.weigh(processes)
        await asyncio.sleep(1.0 if traffic.ends - traffic.ledger.began > 30 else 0.25)


async def _settle(outcome: Outcome, servers: dict[str, ServerProcess]) -> None:
    """Give the servers time to end abandoned calls."""
    ends = time.monotonic() + SETTLE_S
    while time.monotonic() < ends:
        found = {name: await asyncio.to_thread(server.unfinished) for name, server in servers.items()}
        outcome.left = {name: left for name, left in found.items() if left}
        if not outcome.left:
            return
        await asyncio.sleep(0.2)


async def _require_sound(outcome: Outcome, traffic: Traffic) -> None:
    """Check health and verdicts after the load."""
    for name, address in traffic.addresses.items():
        async with grpc.aio.insecure_channel(address) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=30)
            if answer.status != health_pb2.HealthCheckResponse.SERVING:
                outcome.unhealthy.append(f"{name}: not serving")
    programs = traffic.draw(40)
    async with ExecutorClient(traffic.addresses["executor"], fresh=True) as client:
        results = [result async for result in client.run(program.item for program in programs)]
    faults = (program.fault(result) for program, result in zip(programs, results, strict=True))
    outcome.unhealthy += [fault for fault in faults if fault is not None]


def report(outcome: Outcome) -> bool:
    """Print everything, and return whether every check succeeded."""
    ledger = outcome.ledger
    right = len(ledger.right)
    print(
        f"{outcome.seconds:.0f} s of load; capacity alone {outcome.capacity:.0f} programs/s; twice that in single calls"
    )
    print(f"and all other clients on top: {right} right results, {right / outcome.seconds:.1f}/s")
    if len(ledger.latencies) > 1:
        cut = quantiles(ledger.latencies, n=100)
        print(f"single calls, repeated until done: {len(ledger.latencies)}, p50 {cut[49]:.3f} s, p99 {cut[98]:.3f} s")
    for (client, code), count in sorted(ledger.statuses.items()):
        print(f"  {client:12} {code:28} {count}")
    for victim, count in sorted(Counter(kill.victim for kill in ledger.kills).items()):
        print(f"  killed: {victim}, {count} times")
    for service, asked_after, what in (
        ("executor", False, "its next result"),
        ("executor", True, "its next result of a program sent after it"),
        ("prm", False, "its next scores"),
        ("prm", True, "its next scores of a program sent after it"),
    ):
        if times := ledger.recoveries(service, asked_after=asked_after):
            found = f"median {median(times):.3f} s, longest {max(times):.3f} s, {len(times)} kills"
            print(f"  {service}: kill to {what}: {found}")
    for name, samples in sorted(ledger.memory.items()):
        sizes = [size for _, size in samples]
        print(
            f"  {name:16} MiB: first {sizes[0]:.1f}, half-way {sizes[len(sizes) // 2]:.1f}, last {sizes[-1]:.1f}, "
            f"highest {max(sizes):.1f}; second half {growth(samples):+.1f}, {slope(samples):+.2f} per minute"
        )
    print("  CPU s: " + ", ".join(f"{name} {seconds:.0f}" for name, seconds in ledger.cpu.items()))
    verdicts = judged(outcome)
    for line, examples in verdicts:
        print(f"{'ok  ' if not examples else 'FAIL'} {line}")
        for example, count in Counter(examples).most_common(MAX_EXAMPLES_SHOWN):
            print(f"       {example}" + (f" ({count} times)" if count > 1 else ""))
    return not any(examples for _, examples in verdicts)


def judged(outcome: Outcome) -> list[tuple[str, list[str]]]:
    """Each check with its failures."""
    ledger = outcome.ledger
    slow = [
        f"{service}: {seconds:.3f} s"
        for service in ("executor", "prm")
        for seconds in ledger.recoveries(service, asked_after=False)
        if seconds > MAX_RECOVERY_S
    ]
    return [
        (f"wrong results: {len(ledger.wrong)}", ledger.wrong),
        (f"lost results: {len(ledger.lost)}", ledger.lost),
        (f"duplicated results: {len(ledger.duplicated)}", ledger.duplicated),
        (f"statuses that a client must not see: {len(ledger.unexpected)}", ledger.unexpected),
        (f"errors in logs: {len(outcome.faults)}", outcome.faults),
        (f"recoveries above {MAX_RECOVERY_S:.0f} s: {len(slow)}", slow),
        ("memory flat over the second half", outcome.swollen()),
        ("nothing left in flight", [f"{name}: {left}" for name, left in outcome.left.items()]),
        ("healthy and right at the end", outcome.unhealthy),
        ("clean exit on SIGTERM", [f"{name}: {code}" for name, code in outcome.exits.items() if code != 0]),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(0 if report(run(arguments.seconds, arguments.seed, Path(folder))) else 1)


if __name__ == "__main__":
    main()
