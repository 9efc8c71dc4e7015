"""``prlcoder doctor``: check what this machine offers, and say what to do about what is missing."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from prlcoder.cli.sandbox_options import add_package_options, packages_from

if TYPE_CHECKING:
    from prlcoder.executor import PackageFolder

GIB: Final = 1 << 30
PYTHON_VERSIONS: Final = ((3, 11), (3, 13))
MIN_MEMORY_GIB: Final = 4  # the quickstart's peak is below this
MIN_DISK_GIB: Final = 2  # a quickstart's run folder with its checkpoints
GPU_COMMAND: Final = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")


@dataclass(frozen=True)
class DoctorCheck:
    """The result of one check. ``remedy`` says what to do about it; only ``failed`` makes the command fail."""

    check: str
    state: Literal["ok", "missing", "failed"]
    detail: str
    remedy: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``prlcoder doctor``."""
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument(
        "--sandbox",
        action="store_true",
        help="try every layer of the sandbox from inside and report which ones are enforced",
    )
    add_package_options(parser)
    parser.add_argument(
        "--profile",
        choices=("auto", "namespaces", "gvisor", "degraded"),
        default="auto",
        help="with --sandbox: the profile to examine (default: auto)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print all results; returns 1 if a required check failed."""
    findings = list(conformance(arguments.profile) if arguments.sandbox else examine(packages_from(arguments)))
    if arguments.json:
        import json

        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        width = 2 + max(10, *(len(finding.check) for finding in findings))
        for finding in findings:
            remedy = f"\n{'':{8 + width}}-> {finding.remedy}" if finding.remedy else ""
            print(f"{finding.state:8}{finding.check:{width}}{finding.detail}{remedy}")
    return 1 if any(finding.state == "failed" for finding in findings) else 0


def examine(folder: PackageFolder | None = None) -> Iterator[DoctorCheck]:
    """Run all checks, the required ones first."""
    yield python()
    yield sandbox()
    yield packages(folder)
    yield cores()
    yield memory()
    yield disk()
    yield training()
    yield gpu()


def conformance(profile: str) -> Iterator[DoctorCheck]:
    """Check every layer of a profile. A layer that the profile requires and this host does not enforce has failed."""
    from prlcoder.errors import WorkError
    from prlcoder.executor.conformance import examine as examine_layers

    try:
        for layer in examine_layers(profile):
            if layer.state == "enforced":
                yield DoctorCheck(layer.name, "ok", layer.detail)
            elif layer.required:
                yield DoctorCheck(
                    layer.name, "failed", layer.detail, "see docs/sandbox.md; do not run untrusted programs"
                )
            else:
                yield DoctorCheck(layer.name, "missing", layer.detail)
    except WorkError as error:
        detail, _, remedy = str(error).partition("; ")
        yield DoctorCheck("sandbox", "failed", detail, remedy)


def python() -> DoctorCheck:
    """Check the version of the interpreter."""
    version = ".".join(map(str, sys.version_info[:3]))
    if PYTHON_VERSIONS[0] <= sys.version_info[:2] <= PYTHON_VERSIONS[1]:
        return DoctorCheck("python", "ok", f"{version} at {sys.executable}")
    return DoctorCheck("python", "failed", version, "use Python 3.11, 3.12 or 3.13")


def sandbox() -> DoctorCheck:
    """Start a real jail and run a program in it."""
    from prlcoder.errors import WorkError
    from prlcoder.executor import ExecutionRequest, Executor
    from prlcoder.problems.model import CallTest, CallTests

    tests = CallTests("f", (CallTest((20, 22), {}, 42),))
    try:
        with Executor(workers=1) as executor:
            result = executor.execute(ExecutionRequest("def f(a, b):\n    return a + b\n", tests))
    except WorkError as error:
        detail, _, remedy = str(error).partition("; ")
        return DoctorCheck("sandbox", "failed", detail, remedy)
    if result.passed:
        return DoctorCheck("sandbox", "ok", f"a program ran in its own namespaces (profile {result.profile})")
    verdict = result.verdict or "no verdict"
    return DoctorCheck("sandbox", "failed", f"a right program got {verdict} ({result.reason})", "please report this")


def packages(folder: PackageFolder | None) -> DoctorCheck:
    """What programs can import in a jail beside the standard library. Every module is imported there once."""
    from prlcoder.errors import WorkError
    from prlcoder.executor import ExecutionRequest, Executor
    from prlcoder.problems.model import StdioTest, StdioTests

    if folder is None:
        version = ".".join(map(str, sys.version_info[:2]))
        return DoctorCheck("packages", "ok", f"programs see the standard library of Python {version}; see --packages")
    names = folder.modules()
    tests = StdioTests((StdioTest("", ""),))
    try:
        with Executor(workers=1, packages=folder) as executor:
            items = (ExecutionRequest(f"import {name}\n", tests) for name in names)
            failed = [
                f"{name} ({result.reason})"
                for name, result in zip(names, executor.run(items), strict=True)
                if not result.passed
            ]
    except WorkError as error:
        detail, _, remedy = str(error).partition("; ")
        return DoctorCheck("packages", "failed", detail, remedy)
    listed = ", ".join(f"{name} {version}" for name, version in folder.installed()) or "no distribution"
    if failed:
        remedy = "install them for this Python and this machine, or leave them out"
        return DoctorCheck("packages", "failed", f"{listed}; cannot be imported in a jail: {', '.join(failed)}", remedy)
    return DoctorCheck("packages", "ok", f"{listed}, in {folder.path}")


def cores() -> DoctorCheck:
    """Count the cores that this process may use."""
    return DoctorCheck("cores", "ok", str(len(os.sched_getaffinity(0))))


def memory() -> DoctorCheck:
    """Check the physical memory."""
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    if size >= MIN_MEMORY_GIB:
        return DoctorCheck("memory", "ok", f"{size:.1f} GiB")
    return DoctorCheck("memory", "missing", f"{size:.1f} GiB", f"training needs {MIN_MEMORY_GIB} GiB or more")


def disk() -> DoctorCheck:
    """Check the free space in the default folder of runs."""
    free = shutil.disk_usage(Path.cwd()).free / GIB
    if free >= MIN_DISK_GIB:
        return DoctorCheck("disk", "ok", f"{free:.1f} GiB free here")
    return DoctorCheck(
        "disk", "missing", f"{free:.1f} GiB free here", f"a run folder needs {MIN_DISK_GIB} GiB: set storage.uri"
    )


def training() -> DoctorCheck:
    """Check whether the training extra is installed, without importing it."""
    lacking = [name for name in ("torch", "transformers", "accelerate", "trl") if find_spec(name) is None]
    if not lacking:
        return DoctorCheck("training", "ok", "torch, transformers, accelerate and trl are installed")
    return DoctorCheck(
        "training", "missing", f"no {', '.join(lacking)}", "pip install 'prlcoder[train]' to train models"
    )


def gpu() -> DoctorCheck:
    """List NVIDIA GPUs with the driver's own tool."""
    try:
        listed = subprocess.run(GPU_COMMAND, capture_output=True, text=True, timeout=20, check=True).stdout.split("\n")
    except (OSError, subprocess.SubprocessError):
        return DoctorCheck("gpu", "missing", "no NVIDIA GPU", "not needed for the quickstart; large models need one")
    return DoctorCheck("gpu", "ok", "; ".join(line.strip() for line in listed if line.strip()))
