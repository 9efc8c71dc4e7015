"""The control groups that a kubelet makes for its pods. They belong to the machine and stay when its processes end."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

ROOT: Final = Path("/sys/fs/cgroup")
NAME: Final = "kubepods"
PATIENCE_S: Final = 30.0


def pod_groups() -> list[Path]:
    """The topmost groups, one per hierarchy with version 1, one in all with version 2."""
    return [path for path in (ROOT / NAME, *ROOT.glob(f"*/{NAME}")) if path.is_dir()]


def pod_processes(pod_uid: str) -> list[int]:
    """The processes of a pod, as the host numbers them."""
    found: set[int] = set()
    for group in pod_groups():
        for listed in group.rglob("cgroup.procs"):
            if f"pod{pod_uid}" in str(listed):
                found.update(int(line) for line in listed.read_text().split())
    return sorted(found)


def stage_process(pod_uid: str) -> int:
    """The process of a pod that runs its stage."""
    return next(one for one in pod_processes(pod_uid) if b"--stage" in Path(f"/proc/{one}/cmdline").read_bytes())


def server_process(pod_uid: str, name: str) -> int:
    """The first process of a server of reinforcement learning in a pod."""
    words = f"serve\0{name}\0".encode()
    return next(one for one in pod_processes(pod_uid) if words in Path(f"/proc/{one}/cmdline").read_bytes())


def remove_pod_groups() -> None:
    """Remove the groups once their processes have ended."""
    deadline = time.monotonic() + PATIENCE_S
    while groups := pod_groups():
        for group in groups:
            _remove(group)
        if time.monotonic() > deadline:
            return
        time.sleep(0.1)


def _remove(group: Path) -> None:
    for folder in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
        _try_to_remove(folder)
    _try_to_remove(group)


def _try_to_remove(folder: Path) -> None:
    with suppress(OSError):  # a process in it has not ended yet
        folder.rmdir()
