"""The supervision's section: labels by origin, error types, and how often the tests reject each operator's rewrites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from prlcoder.report import charts, names
from prlcoder.report.records import CountTable, ReportedSupervision
from prlcoder.report.scales import percent

TOTALS = (
    ("problems", "problems"),
    ("segments", "segments"),
    ("variants", "variants"),
    ("executions", "executions"),
    ("steps", "labelled steps"),
    ("pairs", "preference pairs"),
    ("quarantined", "quarantined"),
)
ORIGINS = ("canonical", "refactoring", "mutation", "policy")
MAX_ERROR_TYPES_SHOWN = 12
MAX_OPERATORS_SHOWN = 20


@dataclass(frozen=True)
class Bar:
    """One labelled row: the figure that the chart shows, and the ``count`` on which it is based."""

    title: str
    figure: str
    count: str
    chart: Markup


@dataclass(frozen=True)
class Statistics:
    """Everything of the supervision section."""

    totals: tuple[tuple[str, str], ...]  # (number, of what)
    tables: tuple[tuple[str, tuple[Bar, ...]], ...]  # origin, segment kind, difficulty: stacked by verdict
    operators: tuple[Bar, ...]
    error_types: tuple[Bar, ...]
    failures: tuple[tuple[str, tuple[Bar, ...]], ...]
    verdicts: tuple[str, ...]
    policy_teacher: str
    content_hash: str
    versions: str


def statistics(supervision: ReportedSupervision, samples: Mapping[str, CountTable]) -> Statistics:
    """The section's figures. ``samples`` are the policies' verdicts, for the comparison of the paper's Figure 7."""
    counts = supervision.counts
    by = {name: _tables(value) for name, value in counts.get("by", {}).items() if isinstance(value, Mapping)}
    verdicts = {verdict for groups in by.values() for group in groups.values() for verdict in group}
    kept = [
        ("By origin", by.get("origin", {}), ORIGINS),
        ("By kind of segment", by.get("segment_kind", {}), ()),
        ("By difficulty", by.get("difficulty", {}), names.LEVELS),
    ]
    return Statistics(
        totals=tuple((f"{counts[key]:,}", title) for key, title in TOTALS if isinstance(counts.get(key), int)),
        tables=tuple((title, verdict_bars(groups, first)) for title, groups, first in kept if groups),
        operators=operator_bars(by.get("operator", {})),
        error_types=error_type_bars(by.get("reason", {})),
        failures=failure_bars(by.get("origin", {}), samples),
        verdicts=tuple(names.ordered(verdicts & set(names.VERDICTS), names.VERDICTS)),
        policy_teacher=policy_teacher(counts),
        content_hash=supervision.content_hash,
        versions=", ".join(f"{name} {value}" for name, value in supervision.versions.items()),
    )


def policy_teacher(counts: Mapping[str, Any]) -> str:
    """One sentence on the policy's own samples; empty if the policy was not a teacher."""
    if not counts.get("policy_samples"):
        return ""
    drawn, distinct, failing, located = (
        f"{counts.get(f'policy_{key}', 0):,}" for key in ("samples", "distinct", "failing", "located")
    )
    return (
        f"The policy as teacher: {drawn} samples of its own, {distinct} distinct programs, {failing} of them failing; "
        f"the first wrong step was found in {located}."
    )


def _tables(groups: Mapping[str, object]) -> dict[str, CountTable]:
    """The groups that count verdicts; entries that are plain numbers (``by.verdict``) are skipped."""
    return {
        key: {verdict: count for verdict, count in value.items() if isinstance(count, int)}
        for key, value in groups.items()
        if isinstance(value, Mapping)
    }


def verdict_bars(groups: Mapping[str, CountTable], first: tuple[str, ...]) -> tuple[Bar, ...]:
    """One bar per group, with its verdicts as shares of the group; ``first`` orders the groups."""
    order = names.ordered(groups, first) if first else sorted(groups, key=lambda key: -sum(groups[key].values()))
    bars = []
    for key in order:
        total = sum(groups[key].values())
        parts = [(verdict, groups[key].get(verdict, 0)) for verdict in names.VERDICTS]
        told = ", ".join(f"{names.plain(verdict)} {count:,}" for verdict, count in parts if count)
        passed = groups[key].get("passed", 0) / total if total else 0.0
        chart = charts.stacked(parts, total, f"{names.plain(key)}: {told}")
        bars.append(Bar(names.plain(key), f"{percent(passed, 0)} %", f"{total:,}", chart))
    return tuple(bars)


def operator_bars(groups: Mapping[str, CountTable]) -> tuple[Bar, ...]:
    """Share of each operator's rewrites that the tests reject, the most used operator first. Rewrites by two operators
    (``a+b``) share a row, and so do the operators after the first ``MAX_OPERATORS_SHOWN``."""
    single = {key: Counter(verdicts) for key, verdicts in groups.items() if "+" not in key}
    order = sorted(single, key=lambda key: (-single[key].total(), key))
    bars = [_rejected_bar(names.plain(key), single[key]) for key in order[:MAX_OPERATORS_SHOWN]]
    together = {
        f"{len(order) - MAX_OPERATORS_SHOWN} rarer operators": [single[key] for key in order[MAX_OPERATORS_SHOWN:]],
        "two at once": [Counter(verdicts) for key, verdicts in groups.items() if "+" in key],
    }
    return (*bars, *(_rejected_bar(title, _sum(found)) for title, found in together.items() if found))


def _sum(counters: Iterable[Counter[str]]) -> Counter[str]:
    result: Counter[str] = Counter()
    for counter in counters:
        result.update(counter)
    return result


def _rejected_bar(title: str, verdicts: Counter[str]) -> Bar:
    total = verdicts.total()
    rejected = (total - verdicts["passed"]) / total if total else 0.0
    chart = charts.bar(rejected, "rejected", f"{title}: {percent(rejected)} % of {total:,} rejected")
    return Bar(title, f"{percent(rejected, 0)} %", f"{total:,}", chart)


def error_type_bars(groups: Mapping[str, CountTable]) -> tuple[Bar, ...]:
    """Error types as shares of all rejected steps, each in the colour of its verdict; rare types share the last row."""
    order = sorted(groups, key=lambda key: (-sum(groups[key].values()), key))
    total = sum(sum(group.values()) for group in groups.values())
    bars = [
        _share_bar(names.plain(key), sum(groups[key].values()), total, max(groups[key], key=groups[key].__getitem__))
        for key in order[:MAX_ERROR_TYPES_SHOWN]
        if groups[key]
    ]
    if rare := order[MAX_ERROR_TYPES_SHOWN:]:
        count = sum(sum(groups[key].values()) for key in rare)
        bars.append(_share_bar(f"{len(rare)} rarer types", count, total, "rejected"))
    return tuple(bars)


def failure_bars(
    origins: Mapping[str, CountTable], samples: Mapping[str, CountTable]
) -> tuple[tuple[str, tuple[Bar, ...]], ...]:
    """How programs fail, as shares of all failures: in the supervision by origin, and in the base's own samples."""
    sources = [(f"Supervision: {names.plain(key)}", origins[key]) for key in ORIGINS if key in origins]
    sources += [("The base's own samples", samples["base"])] if "base" in samples else []
    result = []
    for title, verdicts in sources:
        failures = {verdict: verdicts.get(verdict, 0) for verdict in names.VERDICTS if verdict != "passed"}
        if total := sum(failures.values()):
            bars = tuple(_share_bar(names.plain(key), count, total, key) for key, count in failures.items())
            result.append((title, bars))
    return tuple(result)


def _share_bar(title: str, count: int, total: int, colour: str) -> Bar:
    share = count / total if total else 0.0
    chart = charts.bar(share, colour, f"{title}: {percent(share)} %, {count:,}")
    return Bar(title, f"{percent(share, 0)} %", f"{count:,}", chart)
