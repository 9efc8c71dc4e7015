"""The table of results with its intervals, base and policy by difficulty, and best of n by the PRM."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

from markupsafe import Markup

from prlcoder.report import charts, names
from prlcoder.report.records import Difference, Interval, PolicyScore, ReportedScore, Reranked, Summary
from prlcoder.report.scales import percent, points

RERANKED_HEADINGS = {"log_probability": "policy’s own log-probability", "outcome": "ORM"}


@dataclass(frozen=True)
class Cell:
    """One figure: the text shown, the exact value (None if not measured), and its interval as text."""

    text: str
    value: float | None = None
    note: str = ""


@dataclass(frozen=True)
class PolicyLine:
    """One policy's line in both tables."""

    name: str
    title: str
    meaning: str
    pass_at_1: Cell
    difference: Cell
    chart: Markup
    by_difficulty: tuple[Cell, ...]
    sampled: tuple[Cell, ...]
    random: Cell
    oracle: Cell
    reranked: tuple[Cell, ...]


@dataclass(frozen=True)
class Bars:
    """Bars of one difficulty: (class, title, figure, chart) for the base and the policy."""

    level: str
    n: int
    rows: tuple[tuple[str, str, str, Markup], ...]


@dataclass(frozen=True)
class Results:
    """Everything about one benchmark. ``n`` is the number of its problems, ``axis`` the row of labels under the
    interval column. ``reranked`` has (score, heading) of each column of the table of best of n."""

    benchmark: str
    n: int
    rows: tuple[PolicyLine, ...]
    levels: tuple[str, ...]
    axis: Markup
    by_difficulty: tuple[Bars, ...]
    sampled: tuple[str, ...]
    reranked: tuple[tuple[str, str], ...]
    samples: int | None


def results(summary: Summary) -> Results:
    """A benchmark's figures from its summary; columns without any figure are left out."""
    policies = summary.policies
    order = names.ordered(policies, names.POLICIES)
    levels = names.ordered({level for one in policies.values() for level in one.by_difficulty}, names.LEVELS)
    ks = sorted({k for one in policies.values() for k in one.sampled.pass_at_k})
    scores = list(dict.fromkeys(kind for one in policies.values() if one.best_of_n for kind in one.best_of_n.by_score))
    axis = interval_axis(list(policies.values()))
    compared = [name for name in ("base", "policy") if name in policies] or order[:2]
    return Results(
        benchmark=summary.benchmark,
        n=max(one.n for one in policies.values()),
        rows=tuple(_policy_line(name, policies[name], axis, levels, ks, scores) for name in order),
        levels=tuple(levels),
        axis=charts.axis_labels(axis, [percent(tick, 0) for tick in axis]),
        by_difficulty=tuple(_difficulty_bars(level, {name: policies[name] for name in compared}) for level in levels),
        sampled=tuple(f"pass@{k}" for k in ks),
        reranked=tuple((kind, RERANKED_HEADINGS.get(kind, kind)) for kind in scores),
        samples=next((one.best_of_n.n for one in policies.values() if one.best_of_n), None),
    )


def interval_axis(policies: list[PolicyScore]) -> list[float]:
    """Axis values around all intervals: tenths, or fifths if the intervals together span more than a half."""
    lows = [one.ci95[0] if one.ci95 else one.pass_at_1 for one in policies]
    highs = [one.ci95[1] if one.ci95 else one.pass_at_1 for one in policies]
    per_unit = 10 if max(highs) - min(lows) <= 0.5 else 5
    first = floor(min(lows) * per_unit)
    last = max(ceil(max(highs) * per_unit), first + 1)
    return [index / per_unit for index in range(first, last + 1)]


def _policy_line(
    name: str, score: PolicyScore, axis: list[float], levels: list[str], ks: list[int], scores: list[str]
) -> PolicyLine:
    shown = _share_cell(score.pass_at_1, score.ci95)
    spoken = f"{names.policy(name)}: pass@1 {shown.text} %, 95 % interval {shown.note} %"
    reranked = score.best_of_n.by_score if score.best_of_n else {}
    return PolicyLine(
        name=name,
        title=names.policy(name),
        meaning=names.policy_meaning(name),
        pass_at_1=shown,
        difference=_difference_cell(score.vs_base),
        chart=charts.interval(score.pass_at_1, score.ci95, axis, name, spoken),
        by_difficulty=tuple(_score_cell(score.by_difficulty.get(level)) for level in levels),
        sampled=tuple(_share_cell(score.sampled.pass_at_k.get(k), score.sampled.ci95.get(f"pass@{k}")) for k in ks),
        random=_share_cell(score.best_of_n.random if score.best_of_n else None, None),
        oracle=_share_cell(score.best_of_n.oracle if score.best_of_n else None, None),
        reranked=tuple(_reranked_cell(reranked.get(kind)) for kind in scores),
    )


def _share_cell(value: float | None, ci95: Interval | None) -> Cell:
    if value is None:
        return Cell("–")
    return Cell(percent(value), value, f"{percent(ci95[0])} – {percent(ci95[1])}" if ci95 else "")


def _score_cell(score: ReportedScore | None) -> Cell:
    return _share_cell(score.pass_at_1, score.ci95) if score else Cell("–")


def _difference_cell(found: Difference | None) -> Cell:
    if found is None:
        return Cell("")
    low, high = found.ci95
    return Cell(points(found.difference), found.difference, f"{points(low)} to {points(high)}")


def _reranked_cell(score: Reranked | None) -> Cell:
    if score is None:
        return Cell("–")
    paired, within = _difference_cell(score.vs_sampled), score.auroc_within_problems
    notes = [f"{paired.text} ({paired.note})"] if paired.text else []
    notes += [f"AUROC {within:.3f}"] if within is not None else []
    return Cell(percent(score.pass_at_1), score.pass_at_1, "; ".join(notes))


def _difficulty_bars(level: str, policies: dict[str, PolicyScore]) -> Bars:
    rows, n = [], 0
    for name, policy in policies.items():
        if (score := policy.by_difficulty.get(level)) is not None:
            n = score.n
            spoken = f"{names.policy(name)}, {level}: {percent(score.pass_at_1)} %"
            chart = charts.bar(score.pass_at_1, name, spoken, score.ci95)
            rows.append((name, names.policy(name), percent(score.pass_at_1), chart))
    return Bars(level, n, tuple(rows))
