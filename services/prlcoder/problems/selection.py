"""Selects problems of a source by day, difficulty and platform."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from prlcoder.errors import InputError
from prlcoder.problems.model import Problem
from prlcoder.spec import Select

_DAY_FIELDS = ("contest_date", "estimated_date")  # of LiveCodeBench and of LeetCodeDataset
_NAMES_SHOWN = 8


@dataclass
class Selection:
    """Decides per problem, and counts what all problems have, so that an empty selection can be explained."""

    wanted: Select
    seen: int = 0
    passed: int = 0
    _difficulties: Counter[str] = field(default_factory=Counter)
    _platforms: Counter[str] = field(default_factory=Counter)
    _days: list[date] = field(default_factory=list)

    def lets_through(self, problem: Problem) -> bool:
        """Whether the problem meets every condition. A problem that lacks a condition's field does not meet it."""
        wanted, day, platform = self.wanted, contest_day(problem), str(problem.meta.get("platform", ""))
        self.seen += 1
        self._difficulties[problem.difficulty or "none"] += 1
        self._platforms[platform or "none"] += 1
        if day is not None:
            self._days = [min([day, *self._days]), max([day, *self._days])]
        meets = (
            _one_of(problem.difficulty or "", wanted.difficulty)
            and _one_of(platform, wanted.platform)
            and (wanted.since is None or (day is not None and day >= wanted.since))
            and (wanted.until is None or (day is not None and day <= wanted.until))
        )
        self.passed += meets
        return meets

    def refuse_nothing(self, source: str) -> None:
        """Raises ``InputError`` if there were problems and none was selected; the message shows what they have."""
        if self.seen == 0 or self.passed:
            return
        days = f"{self._days[0]} to {self._days[1]}" if self._days else "none"
        found = f"difficulty {_listed(self._difficulties)}; platform {_listed(self._platforms)}; days {days}"
        what = f"none of the {self.seen:,} problems is selected; they have {found}"
        raise InputError(f"{source}: select: {what}")


def contest_day(problem: Problem) -> date | None:
    """The day on which the problem was published, if its data set says it."""
    for name in _DAY_FIELDS:
        value = problem.meta.get(name)
        if isinstance(value, str):
            try:
                return date.fromisoformat(value[:10])
            except ValueError:
                return None
    return None


def _one_of(value: str, wanted: tuple[str, ...]) -> bool:
    return not wanted or value.casefold() in {each.casefold() for each in wanted}


def _listed(counts: Counter[str]) -> str:
    named = ((name if name.isprintable() else repr(name), count) for name, count in counts.most_common(_NAMES_SHOWN))
    return ", ".join(f"{name} {count:,}" for name, count in named)
