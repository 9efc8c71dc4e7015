"""The code of the Kubernetes API server that validates custom resources, as a program.

It is compiled from ``main.go`` once per version of its sources, and kept outside the work tree.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parent
CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "prlcoder-test")
SOURCES: Final = ("main.go", "go.mod", "go.sum")


class NoValidatorError(Exception):
    """The validator is missing and cannot be compiled; the message says why."""


def validate(definition: Path, requests: list[dict[str, Any]]) -> dict[str, Any]:
    """The answer of the validator, as ``main.go`` describes it."""
    done = subprocess.run(
        [str(validator()), str(definition)], input=json.dumps(requests), capture_output=True, text=True, check=True
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def validator() -> Path:
    """Path of the program. Compiling it takes three minutes of CPU time on a cold cache."""
    digest = hashlib.sha256(b"".join((FOLDER / name).read_bytes() for name in SOURCES)).hexdigest()[:16]
    binary = CACHE / f"crd-validator-{digest}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "crd-validator.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other processes wait for the one that compiles
        if not binary.exists():
            _compile(binary)
    return binary


def _compile(binary: Path) -> None:
    if shutil.which("go") is None:
        raise NoValidatorError("go is not on PATH; it compiles the API server's validation")
    unfinished = binary.with_suffix(".unfinished")
    command = ["go", "build", "-C", str(FOLDER), "-trimpath", "-o", str(unfinished), "."]
    environment = {**os.environ, "CGO_ENABLED": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise NoValidatorError(f"the API server's validation could not be compiled: {done.stderr.strip()[-500:]}")
    unfinished.rename(binary)
