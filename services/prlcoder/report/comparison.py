"""Compares two runs: what each policy gained or lost from the first run to the second. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from prlcoder.evaluation.intervals import paired_difference
from prlcoder.report import names
from prlcoder.report.inputs import RunFiles
from prlcoder.report.records import Interval, PolicyScore, ReportedScore, Summary


@dataclass(frozen=True)
class Change:
    """A policy's greedy pass@1 in both runs, over all problems or (``level``) those of one difficulty.

    A value is None if a run has no such policy. ``ci95`` is the 95 % interval of ``difference`` (second minus first),
    paired by problem; if it is missing, ``unpaired`` says why.
    """

    policy: str
    level: str | None
    first: float | None
    second: float | None
    first_n: int
    second_n: int
    difference: float | None
    ci95: Interval | None = None
    unpaired: str | None = None


@dataclass(frozen=True)
class Figure:
    """A number that at least one of the runs reports, by its dotted name."""

    name: str
    first: float | None
    second: float | None


@dataclass(frozen=True)
class RunComparison:
    """The whole comparison. The line of a policy is followed by those of its difficulty levels."""

    policies: tuple[Change, ...]
    reward_model: tuple[Figure, ...]
    timings_s: tuple[Figure, ...]


def compare(first: tuple[RunFiles, Summary], second: tuple[RunFiles, Summary]) -> RunComparison:
    """The comparison of two evaluated runs, each with its summary."""
    (files_1, summary_1), (files_2, summary_2) = first, second
    changes: list[Change] = []
    for policy in names.ordered({*summary_1.policies, *summary_2.policies}, names.POLICIES):
        scores = summary_1.policies.get(policy), summary_2.policies.get(policy)
        greedy = files_1.samples.greedy.get(policy, {}), files_2.samples.greedy.get(policy, {})
        changes += [_overall(policy, *scores, *greedy), *_levels(policy, *scores)]
    return RunComparison(
        policies=tuple(changes),
        reward_model=tuple(_figures(summary_1.reward_model, summary_2.reward_model)),
        timings_s=tuple(_figures(summary_1.timings_s, summary_2.timings_s)),
    )


def _overall(
    policy: str,
    first: PolicyScore | None,
    second: PolicyScore | None,
    passed_1: Mapping[str, bool],
    passed_2: Mapping[str, bool],
) -> Change:
    plain = _change(policy, None, first, second)
    if first is None or second is None:
        return replace(plain, unpaired="only one of the runs has this policy")
    if not passed_1 or not passed_2:
        return replace(plain, unpaired="no greedy samples in evaluation/samples.jsonl")
    if passed_1.keys() != passed_2.keys():
        shared = len(passed_1.keys() & passed_2.keys())
        reason = f"different problems ({len(passed_1)} and {len(passed_2)}, {shared} of them in both)"
        return replace(plain, unpaired=reason)
    ids = sorted(passed_1)
    difference, low, high = paired_difference([passed_2[id] for id in ids], [passed_1[id] for id in ids])
    return replace(plain, difference=difference, ci95=(low, high))


def _levels(policy: str, first: PolicyScore | None, second: PolicyScore | None) -> Iterator[Change]:
    levels_1 = first.by_difficulty if first else {}
    levels_2 = second.by_difficulty if second else {}
    for level in names.ordered({*levels_1, *levels_2}, names.LEVELS):
        yield _change(policy, level, levels_1.get(level), levels_2.get(level))


def _change(policy: str, level: str | None, first: ReportedScore | None, second: ReportedScore | None) -> Change:
    return Change(
        policy,
        level,
        first=first.pass_at_1 if first else None,
        second=second.pass_at_1 if second else None,
        first_n=first.n if first else 0,
        second_n=second.n if second else 0,
        difference=second.pass_at_1 - first.pass_at_1 if first and second else None,
    )


def _figures(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Figure]:
    """Numbers of both trees in the order of the first, then those that only the second has."""
    flat_1, flat_2 = dict(_numbers(first)), dict(_numbers(second))
    for name in dict.fromkeys((*flat_1, *flat_2)):
        yield Figure(name, flat_1.get(name), flat_2.get(name))


def _numbers(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{prefix}{key}", value
