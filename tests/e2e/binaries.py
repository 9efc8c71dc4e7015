"""The programs of a Kubernetes node, built once from the versions that the go.mod files pin.

    python -m tests.e2e.binaries

builds what is missing (about five minutes on two cores after the control plane's) and prints the folders.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.cluster import binaries as control_plane
from tests.cluster.binaries import CACHE, NoClusterError

FOLDER: Final = Path(__file__).resolve().parent / "containerd"
MODULE: Final = "github.com/containerd/containerd/v2"
NODE_PROGRAMS: Final = ("kube-scheduler", "kubelet", "kube-proxy")
CONTAINERD_PROGRAMS: Final = ("containerd", "ctr", "containerd-shim-runc-v2")
OMITTED: Final = "no_btrfs no_devmapper no_zfs no_aufs"  # snapshotters that need headers of C libraries


def kubernetes() -> Path:
    """The folder with the programs of the control plane and of a node."""
    folder = control_plane.binaries()
    with open(CACHE / "kubernetes.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if missing := [name for name in NODE_PROGRAMS if not (folder / name).exists()]:
            control_plane.build(folder, missing)
    return folder


def containerd() -> Path:
    """The folder with containerd, its command line and its shim for runc."""
    folder = CACHE / f"containerd-{containerd_version()}"
    folder.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "containerd.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if missing := [name for name in CONTAINERD_PROGRAMS if not (folder / name).exists()]:
            _build_containerd(folder, missing)
    return folder


def built() -> bool:
    """Whether every program has been built on this machine."""
    kubernetes_folder = CACHE / f"kubernetes-{control_plane.version()}"
    containerd_folder = CACHE / f"containerd-{containerd_version()}"
    wanted = (
        *(kubernetes_folder / name for name in (*control_plane.PROGRAMS, *NODE_PROGRAMS)),
        *(containerd_folder / name for name in CONTAINERD_PROGRAMS),
    )
    return all(path.exists() for path in wanted)


def containerd_version() -> str:
    """The version of containerd that go.mod pins."""
    pinned = re.search(rf"{MODULE} (v\S+)", (FOLDER / "go.mod").read_text())
    assert pinned is not None
    return pinned[1]


def _build_containerd(folder: Path, programs: list[str]) -> None:
    if shutil.which("go") is None:
        raise NoClusterError("containerd is not built, and go is not on PATH (make setup-e2e builds it)")
    unfinished = folder / "unfinished"
    unfinished.mkdir(exist_ok=True)
    command = ["go", "build", "-C", str(FOLDER), "-trimpath", "-tags", OMITTED, "-ldflags", "-s -w"]
    packages = [f"{MODULE}/cmd/{name}" for name in programs]
    environment = {**os.environ, "CGO_ENABLED": "0"}
    done = subprocess.run(
        [*command, "-o", f"{unfinished}/", *packages],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise NoClusterError(f"containerd could not be built: {done.stderr.strip()[-500:]}")
    for name in programs:
        (unfinished / name).rename(folder / name)
    unfinished.rmdir()


if __name__ == "__main__":
    try:
        print(kubernetes(), containerd(), sep="\n")
    except NoClusterError as error:
        sys.exit(str(error))
