"""What a stage used: peak memory, tokens, disk. The engine records it in ``state.json`` beside the stage's metrics.

Memory is that of the stage's own process. The jails of the sandbox are processes of their own, whose limit is
``execution.memoryLimit``. Tokens are counted where progress is shown: *read* are those that a training, a reference or
a reward model has read, *written* are those that were sampled.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prlcoder.spec import Spec
from prlcoder.spec.rl import RL_ALGORITHMS
from prlcoder.telemetry.progress import token_counts

Usage = dict[str, float]
"""``peak_memory_mib``, ``peak_gpu_memory_mib``, ``disk_mib``, ``tokens_read``, ``tokens_written``. A figure that is not
known is left out."""

MIB: Final = 2**20
SAMPLING_LABEL: Final = "generate"
PREPARING_LABELS: Final = ("tokenise",)
PEAK_OF_PROCESS: Final = Path("/proc/self/status")
RESET_PEAK: Final = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class UsageMeter:
    """Measures one attempt at one stage, from ``UsageMeter.start`` on."""

    tokens_before: Mapping[str, int]

    @classmethod
    def start(cls) -> UsageMeter:
        """Count from now on. The peak of the memory begins at what the process has now."""
        with suppress(OSError):  # not every kernel lets a process reset its peak; then it is that of all stages so far
            RESET_PEAK.write_text("5")
        if (cuda := _cuda()) is not None:
            cuda.reset_peak_memory_stats()
        return cls(token_counts())

    def usage(self, spec: Spec, stage: str, files: Path) -> Usage:
        """What was used since the start. ``files`` is the folder of all files of the unfinished stage."""
        new = {label: count - self.tokens_before.get(label, 0) for label, count in token_counts().items()}
        found = {**_tokens(spec, stage, new), "disk_mib": folder_bytes(files) / MIB}
        if (peak := _peak_memory_mib()) is not None:
            found["peak_memory_mib"] = peak
        if (cuda := _cuda()) is not None:
            found["peak_gpu_memory_mib"] = cuda.max_memory_allocated() / MIB
        return {name: round(value, 1) for name, value in found.items()}


def added(before: Usage, after: Usage) -> Usage:
    """The usage of two attempts at a stage: tokens add up, and the larger of two peaks counts.

    >>> added({"tokens_read": 5, "disk_mib": 3.0}, {"tokens_read": 2, "disk_mib": 1.0})
    {'tokens_read': 7, 'disk_mib': 3.0}
    """
    names = dict.fromkeys((*before, *after))
    together = {name: (before.get(name, 0), after.get(name, 0)) for name in names}
    return {name: sum(pair) if name.startswith("tokens") else max(pair) for name, pair in together.items()}


def folder_bytes(folder: Path) -> int:
    """The bytes of all files below a folder."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # a file may disappear meanwhile
            total += path.stat().st_size if path.is_file() and not path.is_symlink() else 0
    return total


def _tokens(spec: Spec, stage: str, by_label: Mapping[str, int]) -> Usage:
    """Tokens by kind. Reinforcement learning counts under the stage's own label what it samples."""
    sampling = {SAMPLING_LABEL}
    if stage == "policy" and spec.policy is not None and spec.policy.algorithm in RL_ALGORITHMS:
        sampling.add(stage)
    found = {"tokens_read": 0.0, "tokens_written": 0.0}
    for label, count in by_label.items():
        if label not in PREPARING_LABELS:
            found["tokens_written" if label in sampling else "tokens_read"] += count
    return found


def _peak_memory_mib() -> float | None:
    with suppress(OSError, ValueError, IndexError):
        for line in PEAK_OF_PROCESS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return None


def _cuda() -> Any:
    """The module ``torch.cuda`` if torch is imported and there is a GPU, otherwise None."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_available() else None
