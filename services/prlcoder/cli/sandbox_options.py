"""The options of commands that execute programs in the sandbox."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from prlcoder.errors import InputError

if TYPE_CHECKING:
    from prlcoder.executor import Executor, ResourceLimits

PROFILES = ("auto", "namespaces", "gvisor", "degraded")
JAILS = ("zygote", "per-run")


def add_sandbox_options(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the number of sandboxes, the limits of a program, and the isolation."""
    add_worker_option(parser)
    parser.add_argument(
        "--wall-limit", type=float, default=20.0, metavar="S", help="wall-clock seconds per program (default: 20)"
    )
    parser.add_argument(
        "--cpu-limit", type=float, default=10.0, metavar="S", help="CPU seconds per program (default: 10)"
    )
    parser.add_argument(
        "--memory-limit", type=int, default=1024, metavar="MIB", help="memory per program in MiB (default: 1024)"
    )
    add_profile_option(parser)


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


def add_jail_option(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the lifetime of a jail."""
    parser.add_argument(
        "--jail", choices=JAILS, default="zygote", help="one jail per worker, or one per run (default: zygote)"
    )


def check_sandbox_options(arguments: argparse.Namespace) -> None:
    """Raise ``InputError`` for a number that is not positive."""
    for name in ("workers", "wall_limit", "cpu_limit", "memory_limit"):
        value = getattr(arguments, name)
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"--{name.replace('_', '-')}: {value} is not positive; give a number above 0")


def limits_from(arguments: argparse.Namespace) -> ResourceLimits:
    """The limits of a program. Raises ``InputError`` for an invalid option."""
    from prlcoder.executor import ResourceLimits

    check_sandbox_options(arguments)
    return ResourceLimits(cpu_s=arguments.cpu_limit, wall_s=arguments.wall_limit, memory_mib=arguments.memory_limit)


def executor_from(arguments: argparse.Namespace) -> Executor:
    """An executor with the options; ``--jail`` and ``--fork-per-test`` where the command has them."""
    from prlcoder.executor import Executor

    return Executor(
        workers=arguments.workers,
        jail=getattr(arguments, "jail", "zygote"),
        profile=arguments.profile,
        limits=limits_from(arguments),
        fork_per_test=getattr(arguments, "fork_per_test", False),
    )
