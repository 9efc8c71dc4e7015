"""Helm, built once from the version that go.mod pins, and kept outside the work tree.

    python -m tests.chart.helm

builds it if it is missing and prints its path.
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


class NoHelmError(Exception):
    """Helm cannot be built on this machine; the message says why."""


def helm_path() -> Path:
    """The program. ``NoHelmError`` if it is missing and cannot be built."""
    program = CACHE / f"helm-{version()}" / "helm"
    program.parent.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "helm.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # others wait for the one that builds
        if not program.exists():
            _build(program)
    return program


def version() -> str:
    """The version of Helm that go.mod pins."""
    pinned = re.search(r"helm\.sh/helm/v4 (v\S+)", (FOLDER / "go.mod").read_text())
    assert pinned is not None
    return pinned[1]


def _build(program: Path) -> None:
    if shutil.which("go") is None:
        raise NoHelmError("Helm is not built, and there is no go to build it (make setup-cluster builds it)")
    unfinished = program.with_name("unfinished")
    command = ["go", "build", "-C", str(FOLDER), "-trimpath", "-ldflags", "-s -w", "-o", str(unfinished)]
    environment = {**os.environ, "CGO_ENABLED": "0"}
    package = "helm.sh/helm/v4/cmd/helm"
    done = subprocess.run([*command, package], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoHelmError(f"Helm could not be built: {done.stderr.strip()[-500:]}")
    unfinished.rename(program)


if __name__ == "__main__":
    try:
        print(helm_path())
    except NoHelmError as error:
        sys.exit(str(error))
