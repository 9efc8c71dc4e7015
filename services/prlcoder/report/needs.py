"""What each stage was expected to need, beside what it has used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from prlcoder.report import names
from prlcoder.report.records import ReportedEstimate, ReportedState, StageNeed
from prlcoder.report.scales import duration

UNKNOWN: Final = "–"
FINISHED: Final = "done"


@dataclass(frozen=True)
class NeedRow:
    """One stage: per figure the expected value, the used one, and how the expected one was obtained."""

    title: str
    cells: tuple[tuple[str, str], ...]  # (expected, used), in the order of ``HEADINGS``
    how: str


HEADINGS: Final = ("peak memory", "tokens read", "tokens written", "disk", "time")


def need_rows(estimate: ReportedEstimate | None, state: ReportedState | None) -> tuple[NeedRow, ...]:
    """The finished stages that have an estimate, in the run's order."""
    if estimate is None or state is None:
        return ()
    order = [name for name in names.ordered(state.stages, names.STAGES) if name in estimate.stages]
    finished = [name for name in order if state.stages[name].status == FINISHED]
    return tuple(_row(name, estimate.stages[name], state) for name in finished)


def _row(name: str, need: StageNeed, state: ReportedState) -> NeedRow:
    stage = state.stages[name]
    used = stage.usage
    on_gpu = need.gpu_memory_mib is not None
    memory = used.get("peak_gpu_memory_mib" if on_gpu else "peak_memory_mib")
    cells = (
        _pair(need.gpu_memory_mib if on_gpu else need.memory_mib, memory, _mebibytes),
        _pair(need.tokens_read, used.get("tokens_read"), _tokens),
        _pair(need.tokens_written, used.get("tokens_written"), _tokens),
        _pair(need.disk_mib, used.get("disk_mib"), _mebibytes),
        _pair(need.seconds, stage.wall_s, duration),
    )
    return NeedRow(names.stage(name), cells, "; ".join(f"{figure}: {how}" for figure, how in need.how.items() if how))


def _pair(expected: float | None, used: float | None, shown: Callable[[float], str]) -> tuple[str, str]:
    """Both values as text. What nobody expected is not compared."""
    if expected is None:
        return UNKNOWN, UNKNOWN
    return shown(expected), UNKNOWN if used is None else shown(used)


def _mebibytes(value: float) -> str:
    return f"{value / 1024:,.1f} GiB" if value >= 1024 else f"{value:,.1f} MiB"


def _tokens(value: float) -> str:
    return f"{value:,.0f}"
