"""containerd's shim for gVisor, built once from the version of gVisor that ``tests/executor/gvisor/go.mod`` pins.

The shim gives its processes the OOM score -999 and ends where the kernel refuses that, as it does in a container
without CAP_SYS_RESOURCE. It is built from a copy of gVisor's module in which that score is 0.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from tests.cluster.binaries import CACHE, NoClusterError
from tests.executor.gvisor.runsc import FOLDER, NoRunscError, runsc, version

NAME: Final = "containerd-shim-runsc-v1"  # the name by which containerd finds io.containerd.runsc.v1
MODULE: Final = "gvisor.dev/gvisor"
SCORE_SOURCE: Final = Path("pkg", "shim", "v1", "manager.go")
SCORE, KILLABLE_SCORE = "oomScoreMax = -999", "oomScoreMax = 0"


def folder() -> Path:
    """The folder that the built shim is in."""
    return CACHE / f"gvisor-shim-{version()}"


def built() -> bool:
    """Whether the shim has been built on this machine."""
    return (folder() / NAME).exists()


def shim() -> Path:
    """The folder with the shim. ``NoClusterError`` if it is missing and cannot be built."""
    folder().mkdir(parents=True, exist_ok=True)
    with open(CACHE / "gvisor-shim.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # others wait for the one that builds
        if not built():
            _build()
    return folder()


def settings() -> str:
    """The shim's configuration file: which runsc it starts, and how."""
    try:
        return f'binary_name = "{runsc()}"\n[runsc_config]\nplatform = "systrap"\n'
    except NoRunscError as error:
        raise NoClusterError(str(error)) from error


def _build() -> None:
    if shutil.which("go") is None:
        raise NoClusterError("gVisor's shim is not built, and go is not on PATH (make setup-e2e builds it)")
    source = Path(_go("list", "-C", str(FOLDER), "-m", "-f", "{{.Dir}}", MODULE))
    with tempfile.TemporaryDirectory(prefix="gvisor-shim-", dir=CACHE) as name:
        copy, unfinished = Path(name, "gvisor"), Path(name, NAME)
        shutil.copytree(source, copy, copy_function=shutil.copyfile)  # the module cache is read-only
        manager = copy / SCORE_SOURCE
        text = manager.read_text()
        if SCORE not in text:
            raise NoClusterError(f"{SCORE_SOURCE} of gVisor {version()} has no {SCORE!r}; look for what replaced it")
        manager.write_text(text.replace(SCORE, KILLABLE_SCORE))
        _go("build", "-C", str(copy), "-trimpath", "-ldflags", "-s -w", "-o", str(unfinished), "./shim")
        unfinished.rename(folder() / NAME)


def _go(*arguments: str) -> str:
    """What Go prints; ``NoClusterError`` with the last of its messages if it fails."""
    environment = {**os.environ, "CGO_ENABLED": "0"}
    done = subprocess.run(
        ["go", *arguments], env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode != 0:
        raise NoClusterError(f"gVisor's shim could not be built: {done.stderr.strip()[-500:]}")
    return done.stdout.strip()
