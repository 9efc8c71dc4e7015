"""The options of commands that execute programs in the sandbox."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from prlcoder.errors import InputError

if TYPE_CHECKING:
    from prlcoder.executor import Executor, PackageFolder, ResourceLimits

PROFILES = ("auto", "namespaces", "gvisor", "degraded")
JAILS = ("zygote", "per-run")


def add_sandbox_options(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the number of sandboxes, the limits of a program and of a test, the isolation and the packages."""
    add_worker_option(parser)
    parser.add_argument(
        "--wall-limit", type=float, default=20.0, metavar="S", help="wall-clock seconds per program (default: 20)"
    )
    parser.add_argument(
        "--cpu-limit", type=float, default=10.0, metavar="S", help="CPU seconds per program (default: 10)"
    )
    parser.add_argument(
        "--test-limit",
        type=float,
        metavar="S",
        help="CPU seconds per test, 0 for none; the limits per program grow to the number of tests times this "
        "(default: the limit of the problem's format, if it has one)",
    )
    parser.add_argument(
        "--memory-limit", type=int, default=1024, metavar="MIB", help="memory per program in MiB (default: 1024)"
    )
    add_profile_option(parser)
    add_package_options(parser)


def add_worker_option(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the number of sandboxes."""
    parser.add_argument("--workers", type=int, metavar="N", help="number of parallel sandboxes (default: one per core)")


def add_profile_option(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the isolation of the sandbox."""
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        default="auto",
        help="isolation of the sandbox; `auto` never chooses `degraded`, which has no namespaces (default: auto)",
    )


def add_package_options(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the packages that a jail offers beside the standard library."""
    parser.add_argument(
        "--packages",
        type=Path,
        metavar="DIR",
        help="folder of packages that programs and tests may import (make it with `pip install --target DIR NAME`)",
    )
    parser.add_argument(
        "--preload", nargs="+", default=(), metavar="NAME", help="modules of --packages to import once for all programs"
    )


def add_all_tests_option(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add whether tests run after one that did not pass."""
    parser.add_argument(
        "--all-tests",
        action="store_true",
        help="run every test, also after one that did not pass, and report the share of tests passed",
    )


def add_jail_option(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the lifetime of a jail."""
    parser.add_argument(
        "--jail", choices=JAILS, default="zygote", help="one jail per worker, or one per run (default: zygote)"
    )


def check_sandbox_options(arguments: argparse.Namespace) -> None:
    """Raise ``InputError`` for a number that is not positive, or packages that cannot be used."""
    for name in ("workers", "wall_limit", "cpu_limit", "memory_limit"):
        value = getattr(arguments, name)
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"--{name.replace('_', '-')}: {value} is not positive; give a number above 0")
    if arguments.test_limit is not None and not 0 <= arguments.test_limit < float("inf"):
        raise InputError(f"--test-limit: {arguments.test_limit} is negative; give a number of seconds, or 0 for none")
    packages_from(arguments)


def packages_from(arguments: argparse.Namespace) -> PackageFolder | None:
    """The folder of packages, or None. Raises ``InputError`` if it cannot be used."""
    if arguments.packages is None:
        if arguments.preload:
            raise InputError("--preload: has no effect without --packages; give both")
        return None
    from prlcoder.executor import PackageFolder

    return PackageFolder.open(arguments.packages, arguments.preload)


def limits_from(arguments: argparse.Namespace) -> ResourceLimits:
    """The limits of a program. Raises ``InputError`` for an invalid option."""
    from prlcoder.executor import ResourceLimits

    check_sandbox_options(arguments)
    return ResourceLimits(
        cpu_s=arguments.cpu_limit,
        wall_s=arguments.wall_limit,
        memory_mib=arguments.memory_limit,
        test_s=arguments.test_limit,
    )


def executor_from(arguments: argparse.Namespace) -> Executor:
    """An executor with the options; ``--jail`` and ``--fork-per-test`` where the command has them."""
    from prlcoder.executor import Executor

    return Executor(
        workers=arguments.workers,
        jail=getattr(arguments, "jail", "zygote"),
        profile=arguments.profile,
        limits=limits_from(arguments),
        fork_per_test=getattr(arguments, "fork_per_test", False),
        packages=packages_from(arguments),
    )
