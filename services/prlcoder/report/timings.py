"""How long each stage ran, and why a section of the page is empty."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from prlcoder.report import charts, names
from prlcoder.report.records import ReportedState, StageState
from prlcoder.report.scales import duration


@dataclass(frozen=True)
class StageRow:
    """One stage: its status, its attempts, its seconds in words, and its place on the run's time line."""

    name: str
    title: str
    status: str
    attempt: int
    wall: str
    chart: Markup | None


def total_seconds(state: ReportedState) -> float:
    """The sum of the stages' times; pauses between a kill and the next run do not count."""
    return sum(stage.wall_s for stage in state.stages.values())


def finished_at(state: ReportedState) -> datetime | None:
    """When the last stage ended."""
    return max((stage.finished for stage in state.stages.values() if stage.finished), default=None)


def stage_rows(state: ReportedState) -> tuple[StageRow, ...]:
    """The stages in the run's order, laid end to end, so that a run that was stopped overnight has a readable time
    line."""
    order = names.ordered(state.stages, names.STAGES)
    total, start, rows = total_seconds(state), 0.0, []
    for name in order:
        stage = state.stages[name]
        rows.append(_row(name, stage, start, total))
        start += stage.wall_s
    return tuple(rows)


def _row(name: str, stage: StageState, start: float, total: float) -> StageRow:
    title = names.stage(name)
    if not stage.wall_s:
        return StageRow(name, title, stage.status, stage.attempt, "–", None)
    wall = duration(stage.wall_s)
    chart = charts.span(start, start + stage.wall_s, total, f"{title}: {wall}")
    return StageRow(name, title, stage.status, stage.attempt, wall, chart)


def unfinished(state: ReportedState | None, stage: str) -> Markup:
    """A sentence that says why a section is empty and what to do about it."""
    found = state.stages.get(stage) if state else None
    status = found.status if found else "left out" if state else "to do"
    said = {
        "left out": "is not part of this run: its manifest leaves it out.",
        "to do": "has not run yet; <code>prlcoder run</code> continues the run.",
        "running": "is running; write the report again when it has finished.",
        "interrupted": "was interrupted; <code>prlcoder run</code> continues it.",
        "failed": "failed; its log in <code>logs/</code> says why.",
    }
    default = "has finished without writing the data of this section."
    return Markup("The stage <code>{}</code> {}").format(stage, Markup(said.get(status, default)))
