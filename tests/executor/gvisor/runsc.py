"""gVisor's ``runsc``: the one on PATH, else the version that go.mod pins, built once and kept outside the work tree.

    python tests/executor/gvisor/runsc.py

builds it where it is missing and prints its path.
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
PACKAGE: Final = "gvisor.dev/gvisor/runsc"
CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "prlcoder-test")


class NoRunscError(Exception):
    """There is none, and none can be built: why."""


def runsc() -> Path:
    """Its path. Building takes a minute or two, once a version."""
    found = shutil.which("runsc")
    if found is not None:
        return Path(found)
    binary = CACHE / f"runsc-{version()}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "runsc.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # others wait for the one that builds
        if not binary.exists():
            build(binary)
    return binary


def version() -> str:
    """What go.mod pins."""
    pinned = re.search(r"gvisor\.dev/gvisor (v\S+)", (FOLDER / "go.mod").read_text())
    assert pinned is not None
    return pinned[1]


def build(binary: Path) -> None:
    """Compile it; ``NoRunscError`` with the last of what Go said if that fails."""
    if shutil.which("go") is None:
        raise NoRunscError("neither runsc nor go is on PATH (go builds it: make setup-gvisor)")
    unfinished = binary.with_suffix(".unfinished")
    command = ["go", "build", "-C", str(FOLDER), "-trimpath", "-ldflags", "-s -w", "-o", str(unfinished), PACKAGE]
    done = subprocess.run(
        command, env={**os.environ, "CGO_ENABLED": "0"}, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode != 0:
        raise NoRunscError(f"runsc could not be built: {done.stderr.strip()[-500:]}")
    unfinished.rename(binary)


if __name__ == "__main__":
    try:
        print(runsc())
    except NoRunscError as error:
        sys.exit(str(error))
