"""The operator under many runs that are applied at once, against a real API server and its real controllers.

    python benchmarks/operator_load.py [--runs 10 100 1000] [--idle 120] [--out FILE]

It starts etcd, the API server and the controllers on loopback (``make setup-cluster`` builds them once) and the
operator as a process. No node runs pods: the Job controller makes them, and they stay pending. For each number of runs
it prints

- the time from the answer to a run's creation until its first Job is seen, 50th and 99th percentile and maximum. One
  client creates the runs as fast as the API server takes them (CREATORS at a time), and one watches the Jobs;
- the operator's calls per run until every run has a Job and the queue is empty, by kind. They are counted by the API
  server: runs, their status, Jobs, ConfigMaps, pods and Events are read and written by the operator only, apart from
  the controllers' own writes and watches, which have other verbs;
- the operator's CPU time and its largest resident memory.

Then all runs are marked as complete, and for ``--idle`` seconds the operator's CPU time is measured while it has
nothing to do but its resync, which ``RESYNC_S`` makes five times as frequent as the chart does.

Client, API server, etcd and operator share the machine, so the times are upper bounds for an operator of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import resource
import ssl
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from aiohttp import ClientSession, ClientTimeout, TCPConnector

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.cluster.control_plane import ADMIN_TOKEN, ControlPlane, control_plane
from tests.cluster.operator_process import operator, training_run

CRD: Final = Path(__file__).resolve().parents[1] / "charts" / "prlcoder" / "files" / "trainingruns.yaml"
RUNS: Final = "/apis/prlcoder.dev/v1alpha1/namespaces/default/trainingruns"
JOBS: Final = "/apis/batch/v1/namespaces/default/jobs"
CREATORS: Final = 16
RESYNC_S: Final = 60
SETTLED_S: Final = 3.0  # without a call of the operator: its queue is empty
TICKS: Final = os.sysconf("SC_CLK_TCK")
CALL = re.compile(r"^apiserver_request_total\{(.*)\} (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')
CALLS: Final = {  # of the operator: (resource, subresource) and verbs
    ("trainingruns", ""): ("GET",),
    ("trainingruns", "status"): ("PATCH",),
    ("configmaps", ""): ("GET", "POST"),
    ("jobs", ""): ("LIST", "GET", "POST", "PATCH"),
    ("pods", ""): ("LIST",),
    ("events", ""): ("LIST",),
}


@dataclass(frozen=True)
class Load:
    """What one number of runs cost. Times are in seconds, memory is in MiB."""

    runs: int
    created_s: float
    p50_s: float
    p99_s: float
    longest_s: float
    calls_per_run: dict[str, float]
    cpu_s: float
    memory_mib: float
    idle_cpu_percent: float
    idle_s: float


def main() -> None:
    """Measure each number of runs on a control plane of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--idle", type=float, default=2.0 * RESYNC_S, help="seconds (default: two resyncs)")
    parser.add_argument("--out", type=Path, help="write the figures as JSON, too")
    arguments = parser.parse_args()
    loads = []
    for count in arguments.runs:
        with control_plane() as plane, tempfile.TemporaryDirectory(prefix="prlcoder-load-") as folder:
            plane.install(CRD, "trainingruns.prlcoder.dev")
            with operator(plane, Path(folder, "log"), PRLCODER_OPERATOR_RESYNC_S=str(RESYNC_S)) as process:
                loads.append(asyncio.run(_measure(plane, process.pid, count, arguments.idle)))
        _print(loads[-1])
    if arguments.out is not None:
        machine = {"cores": os.cpu_count(), "python": platform.python_version(), "commit": _commit()}
        arguments.out.write_text(json.dumps({"machine": machine, "loads": [asdict(one) for one in loads]}, indent=2))


async def _measure(plane: ControlPlane, pid: int, count: int, idle_s: float) -> Load:
    trusted = ssl._create_unverified_context()
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    options = {"base_url": plane.url, "headers": headers, "timeout": ClientTimeout(total=None)}
    async with ClientSession(connector=TCPConnector(ssl=trusted, limit=0), **options) as session:
        await _settled(session)  # kopf has begun to watch, and knows the resources
        calls, cpu = await _calls(session), _cpu_s(pid)
        watching = asyncio.create_task(_first_jobs(session, count))
        begun = time.monotonic()
        created = await _create(session, count)
        created_s = time.monotonic() - begun
        seen = await watching
        await _settled(session)
        used, made = _cpu_s(pid) - cpu, await _calls(session) - calls
        waits = sorted(seen[name] - created[name] for name in created)
        await _mark_complete(session, list(created))
        await _settled(session)
        cpu = _cpu_s(pid)
        await asyncio.sleep(idle_s)
        return Load(
            runs=count,
            created_s=created_s,
            p50_s=waits[len(waits) // 2],
            p99_s=waits[min(len(waits) - 1, int(0.99 * len(waits)))],
            longest_s=waits[-1],
            calls_per_run={call: number / count for call, number in sorted(made.items())},
            cpu_s=used,
            memory_mib=_largest_memory_mib(pid),
            idle_cpu_percent=100 * (_cpu_s(pid) - cpu) / idle_s,
            idle_s=idle_s,
        )


async def _create(session: ClientSession, count: int) -> dict[str, float]:
    """Create the runs; when the API server had answered, by name."""
    created: dict[str, float] = {}
    names = iter([f"load-{number}" for number in range(count)])

    async def work() -> None:
        for name in names:
            async with session.post(RUNS, json=training_run(name)) as answer:
                assert answer.status == 201, await answer.text()
            created[name] = time.monotonic()

    await asyncio.gather(*(work() for _ in range(CREATORS)))
    return created


async def _first_jobs(session: ClientSession, count: int) -> dict[str, float]:
    """When the first Job of each run was seen."""
    seen: dict[str, float] = {}
    async with session.get(JOBS, params={"watch": "true", "resourceVersion": "0"}) as answer:
        while len(seen) < count:
            event = json.loads(await answer.content.readuntil(b"\n"))
            assert event["type"] != "ERROR", event
            seen.setdefault(event["object"]["metadata"]["labels"]["prlcoder.dev/run"], time.monotonic())
    return seen


async def _mark_complete(session: ClientSession, names: Sequence[str]) -> None:
    """Write the status that a finished run has."""
    condition = {"type": "Complete", "status": "True", "reason": "AllStagesDone", "message": "by the benchmark"}
    condition["lastTransitionTime"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    patch = {"status": {"phase": "Complete", "conditions": [condition]}}
    content = {"Content-Type": "application/merge-patch+json"}
    for name in names:
        async with session.patch(f"{RUNS}/{name}/status", data=json.dumps(patch), headers=content) as answer:
            assert answer.status == 200, await answer.text()


async def _settled(session: ClientSession) -> None:
    """Return once the operator has made no call for a while."""
    before: Counter[str] = Counter({"none yet": -1})
    while (now := await _calls(session)) != before:
        before = now
        await asyncio.sleep(SETTLED_S)


async def _calls(session: ClientSession) -> Counter[str]:
    """How many calls of each kind that only the operator makes the API server has answered."""
    async with session.get("/metrics") as answer:
        text = await answer.text()
    made: Counter[str] = Counter()
    for labels, number in CALL.findall(text):
        found = dict(LABEL.findall(labels))
        kind = found["resource"], found["subresource"]
        if found["verb"] in CALLS.get(kind, ()):
            made[f"{found['verb']} {'/'.join(filter(None, kind))}"] += int(float(number))
    return made


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _largest_memory_mib(pid: int) -> float:
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


def _print(load: Load) -> None:
    total = sum(load.calls_per_run.values())
    kinds = ", ".join(f"{call} {number:.1f}" for call, number in load.calls_per_run.items())
    print(
        f"{load.runs} runs, created within {load.created_s:.1f} s\n"
        f"  apply to first Job: p50 {load.p50_s:.2f} s, p99 {load.p99_s:.2f} s, longest {load.longest_s:.2f} s\n"
        f"  calls per run: {total:.1f} ({kinds})\n"
        f"  operator: {load.cpu_s:.1f} s of CPU, {load.memory_mib:.0f} MiB\n"
        f"  {load.runs} finished runs: {load.idle_cpu_percent:.2f} % of a core over {load.idle_s:.0f} s",
        flush=True,
    )


def _commit() -> str:
    described = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(described, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    main()
