"""The files of ``/proc`` that a jail shows: a few that programs and packages read. They are mounted read-only.

The kernel's own ``/proc`` would show the other processes of a jail, the host's mounts and its settings, would let a
program open descriptors anew, and cannot be mounted in most containers. The files here are plain text. They are
written once per jail and describe a program that has just started, so their figures of memory and time do not change.
"""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Final

PROGRAM: Final = ("python", "program.py")
STARTED_SIZE_KIB: Final = 65_536  # address space of a program that has just started
STARTED_RSS_KIB: Final = 16_384
_KIB: Final = 1024


def write_proc(folder: Path, executable: str, scratch: str) -> None:
    """Fill an empty ``folder``. ``executable`` and ``scratch`` are paths inside the jail."""
    own = folder / "self"
    own.mkdir()
    for path, text in (*_machine().items(), *((f"self/{name}", text) for name, text in _process(scratch).items())):
        (folder / path).write_text(text, encoding="utf-8")
        (folder / path).chmod(0o444)
    for link, target in (("1", "self"), ("mounts", "self/mounts")):
        (folder / link).symlink_to(target)
    for link, target in (("exe", executable), ("cwd", scratch), ("root", "/")):
        (own / link).symlink_to(target)
    for directory in (folder, own):
        directory.chmod(0o755)  # the mount is read-only


def _machine() -> dict[str, str]:
    processors = len(os.sched_getaffinity(0))
    page_kib = os.sysconf("SC_PAGE_SIZE") // _KIB
    total, free = (os.sysconf(name) * page_kib for name in ("SC_PHYS_PAGES", "SC_AVPHYS_PAGES"))
    started_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    names = ("cpu", *(f"cpu{number}" for number in range(processors)))
    counts = {"intr": 0, "ctxt": 0, "btime": int(time.time() - started_s), "processes": 1, "procs_running": 1}
    sizes = {"MemTotal": total, "MemFree": free, "MemAvailable": free, "Buffers": 0, "Cached": 0}
    sizes |= {"SwapCached": 0, "Active": 0, "Inactive": 0, "SwapTotal": 0, "SwapFree": 0, "Shmem": 0, "Slab": 0}
    return {
        "cpuinfo": "".join(_processor(number, processors) for number in range(processors)),
        "meminfo": "".join(f"{name + ':':<15} {size:>8} kB\n" for name, size in sizes.items()),
        "stat": "".join(f"{name} 0 0 0 0 0 0 0 0 0 0\n" for name in names)
        + "".join(f"{name} {count}\n" for name, count in counts.items()),
        "uptime": f"{started_s:.2f} 0.00\n",
        "loadavg": "0.00 0.00 0.00 1/1 1\n",
        "version": f"Linux version {platform.release()} (jail)\n",
        "filesystems": "nodev\ttmpfs\n",
    }


def _processor(number: int, count: int) -> str:
    fields: dict[str, object] = {
        "processor": number,
        "model name": platform.machine(),
        "physical id": 0,
        "siblings": count,
        "core id": number,
        "cpu cores": count,
        "flags": "",
    }
    return "".join(f"{name}\t: {value}\n" for name, value in fields.items()) + "\n"


def _process(scratch: str) -> dict[str, str]:
    page_kib = os.sysconf("SC_PAGE_SIZE") // _KIB
    size, resident = STARTED_SIZE_KIB // page_kib, STARTED_RSS_KIB // page_kib
    name = PROGRAM[0]
    fields: dict[str, object] = {"Name": name, "Umask": "0022", "State": "R (running)"}
    fields |= {"Tgid": 1, "Ngid": 0, "Pid": 1, "PPid": 0, "TracerPid": 0}
    fields |= {"Uid": "\t".join(["65534"] * 4), "Gid": "\t".join(["65534"] * 4), "FDSize": 64, "Groups": "65534"}
    fields |= {f"Vm{kind}": f"{STARTED_SIZE_KIB:>8} kB" for kind in ("Peak", "Size")}
    fields |= {f"Vm{kind}": f"{STARTED_RSS_KIB:>8} kB" for kind in ("HWM", "RSS", "Data")}
    fields |= {"VmSwap": f"{0:>8} kB", "Threads": 1, "NoNewPrivs": 1, "Seccomp": 2}
    before_size = f"1 ({name}) R 0 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 0"  # fields 1 to 22 of proc(5)
    return {
        "status": "".join(f"{field}:\t{value}\n" for field, value in fields.items()),
        "stat": f"{before_size} {STARTED_SIZE_KIB * _KIB} {resident}{' 0' * 28}\n",
        "statm": f"{size} {resident} 0 0 0 {resident} 0\n",
        "comm": f"{name}\n",
        "cmdline": "".join(f"{word}\0" for word in PROGRAM),
        "cgroup": "0::/\n",
        "oom_score": "0\n",
        "mounts": f"none {scratch} tmpfs rw 0 0\n",
    }
