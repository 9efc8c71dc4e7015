"""Finds out which layers of the sandbox a host provides, by an attempt inside a jail for each layer.

A probe is a program whose ``f()`` returns True if its attempt was refused. A limit is probed by reaching it.
Namespaces are also compared from outside: those of the jail with those of this process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from prlcoder.executor import cgroups, jail
from prlcoder.executor.etc_files import ETC_FILES
from prlcoder.executor.executor import Executor
from prlcoder.executor.pool import require_profile
from prlcoder.executor.verdicts import ExecutionRequest, ExecutionResult, ResourceLimits, Verdict
from prlcoder.problems.model import CallTest, CallTests

LayerState = Literal["enforced", "missing"]

LIMITS: Final = ResourceLimits(cpu_s=10.0, wall_s=30.0, memory_mib=256, output_mib=1, processes=8)
NAMESPACES: Final = {"user": "user", "pid": "PID", "mnt": "mount", "net": "network", "ipc": "IPC"}
PROBE_TEST: Final = CallTests("f", (CallTest((), {}, True),))


@dataclass(frozen=True)
class Layer:
    """One layer of the sandbox. ``required``: the profile promises this layer."""

    name: str
    state: LayerState
    detail: str
    required: bool


@dataclass(frozen=True)
class Probe:
    """A program, the verdict and reason that prove that a layer holds, and the profiles that promise the layer."""

    name: str
    attempt: str
    program: str
    verdict: Verdict = Verdict.PASSED
    reason: str = ""
    profiles: tuple[jail.Profile, ...] = ("namespaces", "gvisor", "degraded")
    limits: ResourceLimits = LIMITS


_RETURN_EPERM: Final = """\
def f():
    try:
        {attempt}
    except OSError:
        return True
    return False
"""
_SYSTEM_CALLS: Final = """\
import ctypes, errno, platform
calls = {"x86_64": (272, 101, 165, 321, 425), "aarch64": (97, 117, 40, 280, 425)}[platform.machine()]
def f():
    call = ctypes.CDLL(None, use_errno=True).syscall
    refused = [call(number, 0x10000000, 0, 0, 0, 0) == -1 and ctypes.get_errno() == errno.EPERM for number in calls]
    return all(refused) and ctypes.CDLL(None).prctl(21, 0, 0, 0, 0) == 2
"""
_PRIVILEGES: Final = """\
import ctypes, os, struct
def f():
    header, data = ctypes.create_string_buffer(struct.pack("<Ii", 0x20080522, 0)), ctypes.create_string_buffer(24)
    ctypes.CDLL(None).capget(header, data)
    return ctypes.CDLL(None).prctl(39, 0, 0, 0, 0) == 1 and not any(data.raw)
"""
_FORKS: Final = """\
import os, time
def f():
    for _ in range(64):
        try:
            if os.fork() == 0:
                time.sleep(60)
        except BlockingIOError:
            return True
    return False
"""

_OTHERS: Final = """\
import os, resource
def f():
    for pid in {1, os.getppid()} - {os.getpid(), 0}:
        for reach in (lambda: os.kill(pid, 0), lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE)):
            try:
                reach()
            except OSError:
                continue
            return False
    return True
"""

PROBES: Final = (
    Probe(
        "own process tree", "wants to be PID 1", "import os\ndef f(): return os.getpid() == 1", profiles=("namespaces",)
    ),
    Probe(
        "other processes",
        "signals its parent and PID 1, and limits them",
        _OTHERS,
    ),
    Probe(
        "unmapped user",
        "becomes root",
        "import os\ndef f():\n    try: os.setuid(0)\n    except OSError: return os.getuid() == os.getgid() == 65534\n"
        "    return False",
        profiles=("namespaces", "gvisor"),
    ),
    Probe("privileges", "looks for capabilities and new privileges", _PRIVILEGES),
    Probe(
        "host files",
        "lists the settings of the system",
        f"import os\ndef f(): return set(os.listdir('/etc')) <= {{'ld.so.cache', *{sorted(ETC_FILES)!r}}}",
        profiles=("namespaces", "gvisor"),
    ),
    Probe(
        "read-only system",
        "writes into /usr, / and /proc",
        "import os\ndef f():\n    for path in ('/usr/prlcoder-probe', '/prlcoder-probe', '/proc/prlcoder-probe'):\n"
        "        try: open(path, 'x').close()\n        except OSError: continue\n        os.remove(path)\n"
        "        return False\n    return True",
        profiles=("namespaces", "gvisor"),
    ),
    Probe("network", "opens a socket", "import socket\n" + _RETURN_EPERM.format(attempt="socket.socket()")),
    Probe("system call filter", "calls unshare, ptrace, mount, bpf and io_uring", _SYSTEM_CALLS),
    Probe("memory", "allocates 512 MiB of 256", "x = bytearray(512 << 20)", Verdict.RUNTIME_ERROR, "memory"),
    Probe("CPU time", "loops", "while True: pass", Verdict.TIMEOUT, "cpu", limits=replace(LIMITS, cpu_s=0.5)),
    Probe(
        "wall time", "sleeps", "import time\ntime.sleep(60)", Verdict.TIMEOUT, "wall", limits=replace(LIMITS, wall_s=1)
    ),
    Probe("processes", "forks 64 times", _FORKS, profiles=("namespaces", "gvisor")),
    Probe(
        "file size",
        "writes 8 MiB of 1",
        "def f():\n    try: open('x', 'wb').write(bytes(8 << 20))\n    except OSError: return True\n    return False",
    ),
    Probe(
        "open files",
        "opens 10,000",
        "def f():\n    try: return not [open('/dev/null') for _ in range(10_000)]\n    except OSError: return True",
    ),
    Probe(
        "clean scratch",
        "follows one that left a file",
        "import os\ndef f():\n    left = os.listdir('.')\n    open('mark', 'w').close()\n    return not left",
    ),
)


def examine(profile: str) -> Iterator[Layer]:
    """Yields every layer of the profile. Raises ``WorkError`` with a remedy if no jail starts at all."""
    known = require_profile(profile)
    yield from _namespaces(known)
    with Executor(workers=1, profile=known, limits=LIMITS) as executor:
        for probe in PROBES:
            results = list(
                executor.run(
                    [ExecutionRequest(probe.program, PROBE_TEST, limits=probe.limits)]
                    * (2 if "scratch" in probe.name else 1)
                )
            )
            yield _judge(probe, results[-1], known)
    yield _cgroup()


def _judge(probe: Probe, result: ExecutionResult, profile: jail.Profile) -> Layer:
    holds = (result.verdict, result.reason) == (probe.verdict, probe.reason)
    got = f"{result.verdict or 'no verdict'} {result.reason}".strip()
    detail = f"a program that {probe.attempt}: {'the layer holds' if holds else f'got {got}'}"
    return Layer(probe.name, "enforced" if holds else "missing", detail, profile in probe.profiles)


def _namespaces(profile: jail.Profile) -> Iterator[Layer]:
    """Compares the links below ``/proc/PID/ns`` of a jail's innermost process with those of this process."""
    running = jail.start(profile)
    try:
        jail.await_ready(running)
        inner = _innermost(running.process.pid)
        for name, what in NAMESPACES.items():
            required = profile != "degraded"
            try:
                own = os.readlink(f"/proc/{inner}/ns/{name}") != os.readlink(f"/proc/self/ns/{name}")
            except OSError as error:
                yield Layer(f"{what} namespace", "missing", f"cannot be compared: {error.strerror}", False)
                continue
            detail = "the jail has its own" if own else "the jail shares the host's"
            yield Layer(f"{what} namespace", "enforced" if own else "missing", detail, required)
    finally:
        running.close()


def _innermost(pid: int) -> int:
    """The zygote: the last process in the chain of only children below ``pid``."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return pid
    return _innermost(int(children[0])) if children else pid


def _cgroup() -> Layer:
    place = cgroups.delegated()
    if isinstance(place, Path):
        return Layer("control group", "enforced", f"memory and processes of each worker, below {place}", False)
    return Layer("control group", "missing", place, False)
