"""The sections ``execution``, ``services``, ``storage`` and ``tracking``: what a run uses around its stages."""

from __future__ import annotations

from typing import Literal

from prlcoder.spec.section import Count, NonNegative, Positive, Section


class ExecutionSettings(Section):
    """The sandbox that every stage of the run uses."""

    workers: Count | None = None
    """Number of programs that run at once; none means one per core."""
    jail: Literal["zygote", "per-run"] = "zygote"
    """`zygote` forks every run from a long-lived jail; `per-run` starts a new jail for every run."""
    profile: Literal["auto", "namespaces", "gvisor", "degraded"] = "auto"
    """Isolation of the sandbox; `auto` takes the best that this machine offers, but never `degraded`."""
    cpu_limit: Positive = 10.0
    """Seconds of CPU time per program."""
    wall_limit: Positive = 20.0
    """Seconds of wall-clock time per program."""
    memory_limit: Count = 1024
    """Memory per program in MiB."""
    test_limit: NonNegative | None = None
    """Seconds of CPU time per test. The limits per program grow to the number of tests times this where they are lower.
    None means the limit of the problem's format, if it has one; 0 means no limit per test."""
    packages: str | None = None
    """Folder of packages, as `pip install --target` makes it, that programs and tests may import. It is mounted
    read-only in the sandbox. An executor service has its own: start it with `--packages`."""
    preload: tuple[str, ...] = ()
    """Modules of `packages` that are imported once for all programs."""


class Services(Section):
    """Addresses (`host:port`, or `tls://host:port` for TLS) of services that do the work.

    Without an address, the environment variable of the service (such as `PRLCODER_EXECUTOR`) is used; without that, the
    work is done in the stage's own process.
    """

    segmenter: str | None = None
    """Service that segments the canonical solutions of `supervise`. What models write is segmented where it is used."""
    mutator: str | None = None
    """Service that proposes the rule teacher's variants."""
    executor: str | None = None
    """Service that executes programs."""
    prm: str | None = None
    """Service that scores steps."""
    policy: str | None = None
    """Service that samples programs."""


class Storage(Section):
    """Where run folders are kept."""

    uri: str | None = None
    """Folder that contains the run folders; none means `./runs`."""


class Tracking(Section):
    """Experiment trackers."""

    report_to: tuple[str, ...] = ("tensorboard",)
    """Trackers, by the names that `transformers` gives them."""
