"""Settings of an executor server's sandbox."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final, Literal

from prlcoder.executor.packages import PackageFolder
from prlcoder.executor.pool import require_profile
from prlcoder.executor.verdicts import ResourceLimits

DEFAULT: Final = ResourceLimits()
HIGHEST: Final = ResourceLimits(cpu_s=300.0, wall_s=600.0, memory_mib=8192, output_mib=64, processes=64)


@dataclass(frozen=True)
class ExecutorSettings:
    """``max_limits`` are the highest limits that a request may set. The profile ``degraded`` is never chosen by
    ``auto`` and must be named."""

    workers: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    jail: Literal["zygote", "per-run"] = "zygote"
    profile: Literal["auto", "namespaces", "gvisor", "degraded"] = "auto"
    default_limits: ResourceLimits = DEFAULT
    max_limits: ResourceLimits = HIGHEST
    cache_entries: int = 65_536
    packages: PackageFolder | None = None

    @property
    def isolation(self) -> str:
        """The isolation that ``profile`` stands for."""
        return require_profile(self.profile)

    @property
    def stream_items(self) -> int:
        """Items that one stream may have unanswered: enough to keep all workers busy, and few enough to leave room for
        other streams."""
        return 32 * self.workers
