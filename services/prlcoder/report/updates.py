"""The updates of reinforcement learning: alarms, reward by component, pass rate, divergence, length, what was dropped,
and rollouts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from prlcoder.report import charts, names
from prlcoder.report.curves import Panel, thinned, track
from prlcoder.report.records import ReportedRollout
from prlcoder.report.rollouts import ShownUpdate, shown_updates
from prlcoder.report.scales import duration, number
from prlcoder.report.supervision import Bar

Row = Mapping[str, Any]
PARTS: Final = {
    "rollout": "sampling",
    "verdicts": "waiting for verdicts",
    "scores": "step scores",
    "logps": "old log-probabilities",
    "monitors": "labels of own steps",
    "update": "optimiser steps",
    "refresh": "the reward model learns",
}
DROPPED: Final = {
    "sandbox_error": "the sandbox failed",
    "test_error": "the tests are at fault",
    "prompt_too_long": "the prompt fills the context",
    "over_length": "longer than model.maxLength",
    "over_reward_model_length": "longer than the reward model’s context",
    "group_without_variance": "all programs of the problem have the same reward",
    "alone_in_group": "the only program left of its problem",
    "filtered": "the credit rule left it out",
    "truncated": "cut at maxNewTokens; not trained on",
}
LINES: Final = ("policy", "control", "runtime_error", "wrong_answer", "base", "passed")
"""Classes of the lines of a plot, in the order of its quantities."""


@dataclass(frozen=True)
class Curve:
    """One plot: the keys of its quantities in a row of the log with their names, its unit, and a floor of its axis."""

    title: str
    keys: tuple[tuple[str, str], ...]
    unit: str
    floor: float | None = None


CURVES: Final = (
    Curve("pass rate and reward model", (("pass_rate", "passing"), ("prm_mean", "mean PRM score")), "share", 0.0),
    Curve(
        "reward model on the policy’s own steps",
        (("own_steps.auroc", "AUROC"), ("own_steps.false_positive_rate", "wrong steps accepted")),
        "share",
        0.0,
    ),
    Curve("divergence from the initial policy", (("kl", "KL"),), "nats per token"),
    Curve("length", (("length", "completion"),), "tokens", 0.0),
    Curve("steps", (("segments", "segments"),), "per program", 0.0),
    Curve(
        "form of the programs",
        (
            ("comment_ratio", "comments"),
            ("blank_ratio", "blank lines"),
            ("lowest_step_last", "lowest step is the last"),
        ),
        "share of lines, and of programs",
        0.0,
    ),
    Curve("entropy", (("entropy", "entropy"),), "nats per token", 0.0),
    Curve("clipped tokens", (("clip_fraction", "clipped"),), "share", 0.0),
    Curve("gradient", (("gradient_norm", "norm"),), "before clipping", 0.0),
    Curve("value model", (("explained_variance", "explained variance"),), "share of the returns’ variance"),
)


@dataclass(frozen=True)
class AlarmRow:
    """One alarm: when it was active, its newest figures, and what to do."""

    name: str
    when: str
    what: str
    remedy: str


@dataclass(frozen=True)
class RlReport:
    """What the page shows of a policy's updates."""

    facts: tuple[tuple[str, str], ...]
    alarms: tuple[AlarmRow, ...]
    watched: bool  # whether the log has alarms at all
    panels: tuple[Panel, ...]
    dropped: tuple[Bar, ...]
    parts: tuple[Bar, ...]
    rollouts: tuple[ShownUpdate, ...]


def rl_report(rows: Sequence[Row], rollouts: Sequence[ReportedRollout] = ()) -> RlReport | None:
    """The figures of all updates; None if the policy was not trained by reinforcement learning."""
    if not rows:
        return None
    of_policy = [row for row in rows if row.get("phase") == "policy"] or list(rows)
    panels = [
        _reward_panel(of_policy),
        *(_panel(curve, rows if _from_the_start(curve) else of_policy) for curve in CURVES),
    ]
    sampled = sum(int(row["sampled"]) for row in rows)
    facts = (
        (f"{len(of_policy):,}", "updates of the policy"),
        (f"{sampled:,}", "programs sampled"),
        (f"{sum(int(row['trained']) for row in rows):,}", "programs trained on"),
    )
    return RlReport(
        facts=facts,
        alarms=_alarms(rows),
        watched=any("alarms" in row for row in rows),
        panels=tuple(panel for panel in panels if panel),
        dropped=_dropped(rows, sampled),
        parts=_parts(rows),
        rollouts=shown_updates(rollouts),
    )


def _alarms(rows: Sequence[Row]) -> tuple[AlarmRow, ...]:
    """Each alarm once per time that it began, with the figures of its last update."""
    found: dict[tuple[str, int], tuple[int, Mapping[str, Any]]] = {}
    for row in rows:
        for one in row.get("alarms", ()):
            found[one["name"], one["since"]] = row["update"], one
    end = rows[-1]["update"]
    return tuple(
        AlarmRow(names.plain(name).replace("-", " "), _when(since, last, end), one["what"], one["remedy"])
        for (name, since), (last, one) in found.items()
    )


def _when(since: int, last: int, end: int) -> str:
    """The updates in which an alarm was active, of a log with ``end`` updates.

    >>> _when(3, 3, 9), _when(3, 5, 9), _when(3, 9, 9)
    ('update 3', 'updates 3 to 5', 'since update 3')
    """
    if last == end:
        return f"since update {since}"
    return f"update {since}" if since == last else f"updates {since} to {last}"


def _from_the_start(curve: Curve) -> bool:
    """Whether the updates that train the value model alone belong to the plot."""
    return curve.title == "value model" or curve.keys[0][0].startswith("own_steps.")


def _reward_panel(rows: Sequence[Row]) -> Panel | None:
    """The mean reward of a program by component, and in all."""
    components = names.ordered(
        {name for row in rows for name in row.get("rewards", {})}, ("total", "process", "verdict")
    )
    curve = Curve("reward", tuple((f"rewards.{name}", names.plain(name)) for name in components), "mean per program")
    return _panel(curve, rows)


def _panel(curve: Curve, rows: Sequence[Row]) -> Panel | None:
    """The plot; None if no row has any of its quantities."""
    flat = [_flat(row) for row in rows]
    lines = [
        charts.Series(LINES[place % len(LINES)], label, tuple(thinned(points)))
        for place, (key, label) in enumerate(curve.keys)
        if (points := track([{**row, "step": row["update"]} for row in flat], key))
    ]
    if not lines:
        return None
    told = "; ".join(f"{one.label} {number(one.points[0][1])} → {number(one.points[-1][1])}" for one in lines)
    chart = charts.line_plot(lines, "update", curve.unit, f"{curve.title} by update: {told}", curve.floor)
    return Panel(curve.title, told, chart, tuple((one.name, one.label) for one in lines) if len(lines) > 1 else ())


def _flat(row: Row) -> dict[str, Any]:
    """The row with the numbers of its inner objects as ``name.key``."""
    inner = {
        f"{name}.{key}": one for name, value in row.items() if isinstance(value, Mapping) for key, one in value.items()
    }
    return {**row, **inner}


def _dropped(rows: Sequence[Row], sampled: int) -> tuple[Bar, ...]:
    """The programs that were not trained on, by reason."""
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update({name: int(count) for name, count in row.get("dropped", {}).items()})
    return tuple(
        Bar(
            DROPPED.get(name, names.plain(name)),
            f"{100 * count / sampled:.1f} %",
            f"{count:,}",
            charts.bar(count / sampled, "rejected", f"{names.plain(name)}: {count:,} of {sampled:,}"),
        )
        for name, count in counts.most_common()
        if count
    )


def _parts(rows: Sequence[Row]) -> tuple[Bar, ...]:
    """The time of all updates by part."""
    totals: Counter[str] = Counter()
    for row in rows:
        totals.update({name: float(value) for name, value in row.get("seconds", {}).items()})
    whole = sum(totals.values()) or 1.0
    return tuple(
        Bar(
            PARTS.get(name, names.plain(name)),
            duration(seconds),
            f"{100 * seconds / whole:.0f} %",
            charts.bar(
                seconds / whole, "policy", f"{PARTS.get(name, name)}: {100 * seconds / whole:.0f} % of the time"
            ),
        )
        for name in names.ordered(totals, PARTS)
        if (seconds := totals[name])
    )
