"""Kubernetes' own binaries, built once from the versions that go.mod pins, and kept outside the work tree.

    python -m tests.cluster.binaries

builds what is missing (five minutes on two cores) and prints the folder.
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

FOLDER: Final = Path(__file__).resolve().parent
CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "prlcoder-test")
PROGRAMS: Final = ("kube-apiserver", "kube-controller-manager", "kubectl")


class NoClusterError(Exception):
    """The control plane cannot run on this machine; the message says why."""


def binaries() -> Path:
    """The folder that holds the programs. ``NoClusterError`` if they are missing and cannot be built."""
    folder = CACHE / f"kubernetes-{version()}"
    folder.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "kubernetes.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # others wait for the one that builds
        if missing := [name for name in PROGRAMS if not (folder / name).exists()]:
            build(folder, missing)
    return folder


def built() -> bool:
    """Whether every program has been built on this machine."""
    return all((CACHE / f"kubernetes-{version()}" / name).exists() for name in PROGRAMS)


def version() -> str:
    """The version of Kubernetes that go.mod pins."""
    pinned = re.search(r"k8s\.io/kubernetes (v\S+)", (FOLDER / "go.mod").read_text())
    assert pinned is not None
    return pinned[1]


def build(folder: Path, programs: list[str]) -> None:
    """Compile the programs; ``NoClusterError`` with the last lines of Go's output if that fails."""
    if shutil.which("go") is None:
        raise NoClusterError("the control plane is not built, and go is not on PATH (make setup-cluster builds it)")
    _, major, minor = re.split(r"[v.]", version())[:3]
    named = {"gitVersion": version(), "gitMajor": major, "gitMinor": minor}
    stamps = " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in named.items())
    packages = [f"k8s.io/kubernetes/cmd/{name}" for name in programs]
    unfinished = folder / "unfinished"
    unfinished.mkdir(exist_ok=True)
    command = ["go", "build", "-C", str(FOLDER), "-trimpath", "-ldflags", f"-s -w {stamps}", "-o", f"{unfinished}/"]
    environment = {**os.environ, "CGO_ENABLED": "0"}
    done = subprocess.run(
        [*command, *packages], env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode != 0:
        raise NoClusterError(f"the control plane could not be built: {done.stderr.strip()[-500:]}")
    for name in programs:
        (unfinished / name).rename(folder / name)
    unfinished.rmdir()


if __name__ == "__main__":
    try:
        print(binaries())
    except NoClusterError as error:
        sys.exit(str(error))
