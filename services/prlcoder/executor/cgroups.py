"""One control group per worker, for all processes of its jail together, where version 2 is delegated to this process.

Without delegation, which is the common case, memory is limited per process and the number of processes is limited.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CONTROLLERS: Final = frozenset({"memory", "pids"})
OWN_LEAF: Final = "prlcoder-supervisor"
ZYGOTE_MIB: Final = 256  # what a jail needs besides its program: the zygote, the scratch folder and the memory files
ZYGOTE_PROCESSES: Final = 8

_MOUNT: Final = Path("/sys/fs/cgroup")


def delegated(mount: Path = _MOUNT, membership: Path = Path("/proc/self/cgroup")) -> Path | str:
    """The group below which this process may create groups, or the reason why there is none."""
    own = _own_group(mount, membership)
    if isinstance(own, str):
        return own
    if own.name == OWN_LEAF:  # prepared earlier, by this process or by its parent
        own = own.parent
    try:
        available = set((own / "cgroup.controllers").read_text().split())
    except OSError as error:
        return f"{own} cannot be read ({error.strerror})"
    if not available >= CONTROLLERS:
        return f"{own} lacks the controllers {', '.join(sorted(CONTROLLERS - available))}"
    if not os.access(own, os.W_OK) or not os.access(own / "cgroup.procs", os.W_OK):
        return f"{own} is not writable; delegate it (systemd: Delegate=yes)"
    return own


def _own_group(mount: Path, membership: Path) -> Path | str:
    if not (mount / "cgroup.controllers").exists():
        return f"no control groups of version 2 at {mount}"
    for line in membership.read_text().splitlines():
        hierarchy, _, path = line.partition("::")
        if hierarchy == "0":
            return mount / path.lstrip("/")
    return "this process is in no control group of version 2"


def prepare(place: Path) -> bool:
    """Allow limits on groups below ``place``. Returns False if the kernel refuses.

    A group that passes controllers on may hold no process itself, so this process moves into a leaf.
    """
    try:
        leaf = place / OWN_LEAF
        leaf.mkdir(exist_ok=True)
        for pid in (place / "cgroup.procs").read_text().split():
            if int(pid) == os.getpid():
                (leaf / "cgroup.procs").write_text(pid)
        (place / "cgroup.subtree_control").write_text("+memory +pids")
    except OSError:  # the group holds processes of others
        return False
    return True


@dataclass
class Cgroup:
    """The control group of one jail, with the largest limits that a program has needed so far."""

    folder: Path
    memory_mib: int = 0
    processes: int = 0

    def allow(self, memory_mib: int, processes: int) -> None:
        """Raise the group's limits to fit a program with these. Raises ``OSError`` if the kernel refuses."""
        if memory_mib > self.memory_mib:
            (self.folder / "memory.max").write_text(str((memory_mib + ZYGOTE_MIB) << 20))
            self.memory_mib = memory_mib
        if processes > self.processes:
            (self.folder / "pids.max").write_text(str(processes + ZYGOTE_PROCESSES))
            self.processes = processes

    def close(self) -> None:
        """Remove the group. Its processes must have ended."""
        with contextlib.suppress(OSError):
            self.folder.rmdir()


def open_group(place: Path, name: str) -> Cgroup | None:
    """A new group for one jail, or None if the kernel refuses."""
    try:
        (place / name).mkdir()
    except OSError:
        return None
    with contextlib.suppress(OSError):  # some kernels do not account for swap
        (place / name / "memory.swap.max").write_text("0")
    return Cgroup(place / name)
