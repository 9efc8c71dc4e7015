"""Records what the clients of a load test see, and the memory and CPU time of the servers."""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

TICKS: Final = os.sysconf("SC_CLK_TCK")
PAGE_MIB: Final = os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@dataclass(frozen=True)
class Kill:
    """A SIGKILL: its time (``time.monotonic``) and its victim."""

    at: float
    victim: str


@dataclass
class Ledger:
    """Filled by the clients of one event loop."""

    began: float = field(default_factory=time.monotonic)
    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)  # (client, status code or outcome)
    right: list[tuple[float, float]] = field(default_factory=list)  # of the executor: times of request, answer
    scored: list[tuple[float, float]] = field(default_factory=list)  # the same for the PRM
    latencies: list[float] = field(default_factory=list)  # s, of single calls that were repeated until they succeeded
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    memory: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # by process: (s since began, MiB)
    cpu: dict[str, float] = field(default_factory=dict)  # by process, s

    def status(self, client: str, code: str, allowed: Iterable[str], detail: str = "") -> None:
        """Count how a call or an item ended, and note it if this client must not see it."""
        self.statuses[client, code] += 1
        if code not in allowed:
            self.unexpected.append(f"{client}: {code} {detail}".rstrip())

    def judge(self, fault: str | None, asked: float) -> None:
        """Record one result of the executor."""
        if fault is None:
            self.right.append((asked, time.monotonic()))
        else:
            self.wrong.append(fault)

    def weigh(self, processes: dict[str, int]) -> None:
        """Record the resident memory of each process and of its descendants."""
        now = time.monotonic() - self.began
        for name, pid in processes.items():
            self.memory.setdefault(name, []).append((now, resident(pid)))
            below = sum(resident(child) for child in descendants(pid))
            self.memory.setdefault(f"{name}, below", []).append((now, below))

    def meter(self, processes: dict[str, int], sign: int) -> None:
        """Subtract (``sign`` -1) at the start and add (1) at the end the CPU time of each process, its descendants and
        this process."""
        spent = {"these clients": time.process_time()}
        for name, pid in processes.items():
            spent[name], spent[f"{name}, below"] = cpu_seconds(pid)
        for name, seconds in spent.items():
            self.cpu[name] = self.cpu.get(name, 0.0) + sign * seconds

    def recoveries(self, service: str = "executor", *, asked_after: bool) -> list[float]:
        """Seconds from each kill in the executor, or of the PRM's model, to the next right result; with ``asked_after``
        of a program that was sent after the kill. Infinite if there was none."""
        answered = sorted((end, start) for start, end in (self.scored if service == "prm" else self.right))
        victim = "prm's model" if service == "prm" else service
        found = []
        for kill in (kill for kill in self.kills if kill.victim.startswith(victim)):
            ends = (end for end, start in answered if end > kill.at and (start > kill.at or not asked_after))
            found.append(next(ends, math.inf) - kill.at)
        return found


def growth(samples: Sequence[tuple[float, float]]) -> float:
    """MiB by which the median of the last tenth exceeds that of the tenth after half-time, when all bounded caches are
    full."""
    tenth = max(len(samples) // 10, 1)
    half = len(samples) // 2
    return median(size for _, size in samples[-tenth:]) - median(size for _, size in samples[half : half + tenth])


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """MiB per minute over the second half, by least squares."""
    part = samples[len(samples) // 2 :]
    mean_t = sum(at for at, _ in part) / len(part)
    mean_m = sum(size for _, size in part) / len(part)
    spread = sum((at - mean_t) ** 2 for at, _ in part)
    return 60 * sum((at - mean_t) * (size - mean_m) for at, size in part) / spread if spread else 0.0


def resident(pid: int) -> float:
    """Resident memory in MiB; 0 if the process has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_MIB
    except (OSError, IndexError):
        return 0.0


def cpu_seconds(pid: int) -> tuple[float, float]:
    """CPU seconds of a process, and of its descendants, dead or alive."""
    own, below = _cpu(pid)
    return own, below + sum(sum(_cpu(child)) for child in descendants(pid))


def _cpu(pid: int) -> tuple[float, float]:
    """CPU seconds of a process, and of the children that it has waited for."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0, 0.0
    return (int(words[11]) + int(words[12])) / TICKS, (int(words[13]) + int(words[14])) / TICKS


def descendants(pid: int) -> list[int]:
    """All descendants of ``pid``, parents first."""
    found: list[int] = []
    with suppress(OSError):  # the process has just ended
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, path.read_text().split()):
                found += [child, *descendants(child)]
    return found
