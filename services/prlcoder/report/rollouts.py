"""Rollouts of some updates: programs of one problem with the score, reward and advantage of each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, TypeVar

from prlcoder.report import names
from prlcoder.report.records import ReportedRollout, RolloutFigures
from prlcoder.report.viewer import pieces

T = TypeVar("T")
MAX_UPDATES_SHOWN: Final = 12
MAX_LINES_SHOWN: Final = 200  # of a program


@dataclass(frozen=True)
class RolloutLine:
    """One segment as the page shows it. ``colour`` is the class of its score, as in the step viewer."""

    text: str
    colour: str
    score: str
    reward: str
    advantage: str
    side: str  # "good" or "bad" by the sign of the advantage; "" for none


@dataclass(frozen=True)
class ShownProgram:
    """One program. ``parts`` are the components of its reward as text."""

    title: str
    verdict: str
    parts: str
    lines: tuple[RolloutLine, ...]


@dataclass(frozen=True)
class ShownUpdate:
    """The programs of one problem in one update."""

    update: int
    problem: str
    told: str
    statement: str
    programs: tuple[ShownProgram, ...]


def shown_updates(rollouts: Sequence[ReportedRollout]) -> tuple[ShownUpdate, ...]:
    """At most ``MAX_UPDATES_SHOWN`` updates, evenly spread, the first and the last among them."""
    groups = [tuple(group) for _, group in groupby(rollouts, key=lambda one: one.update)]
    return tuple(_update(group) for group in spread(groups, MAX_UPDATES_SHOWN))


def spread(items: Sequence[T], most: int) -> list[T]:
    """At most ``most`` of the items, evenly spread, the first and the last among them.

    >>> spread("abcdefg", 3)
    ['a', 'd', 'g']
    """
    if len(items) <= most:
        return list(items)
    return [items[round(place * (len(items) - 1) / (most - 1))] for place in range(most)]


def signed(value: float | None) -> str:
    """A number with its sign and two digits, without digits from 100 on; a dash for none.

    >>> signed(0.5), signed(-0.304), signed(-1234.5), signed(0.001), signed(None)
    ('+0.50', '−0.30', '−1234', '0', '–')
    """
    if value is None:
        return "–"
    digits = 2 if abs(value) < 99.995 else 0
    return "0" if abs(value) < 0.005 else f"{value:+.{digits}f}".replace("-", "−")


def _update(programs: Sequence[ReportedRollout]) -> ShownUpdate:
    first = programs[0]
    rewards = [one.reward for one in programs]
    told = f"rewards from {signed(max(rewards))} to {signed(min(rewards))}"
    passing = sum(one.verdict == "passed" for one in programs)
    return ShownUpdate(
        first.update,
        first.problem_id,
        f"{passing} of {len(programs)} programs pass, {told}",
        first.statement.rstrip(),
        tuple(_program(place, one) for place, one in enumerate(programs, start=1)),
    )


def _program(place: int, one: ReportedRollout) -> ShownProgram:
    lines = [
        _line(text, None if part is None else part.probability, part)
        for text, part in pieces(one.program, one.segments)[:MAX_LINES_SHOWN]
    ]
    parts = [f"{names.plain(name)} {signed(value)}" for name, value in one.components.items()]
    cut = "" if one.finished else "; cut at maxNewTokens"
    return ShownProgram(
        f"Program {place}: reward {signed(one.reward)}",
        one.verdict,
        ", ".join(parts) + cut,
        (*lines, _line("end of the program", None, one.after)),
    )


def _line(text: str, probability: float | None, figures: RolloutFigures | None) -> RolloutLine:
    advantage = None if figures is None else figures.advantage
    side = "" if advantage is None or abs(advantage) < 0.005 else "good" if advantage > 0 else "bad"
    return RolloutLine(
        text.removesuffix("\n"),
        "" if probability is None else f"p{round(probability * 10)}",
        "" if probability is None else f"{probability:.2f}",
        signed(None if figures is None else figures.reward),
        signed(advantage),
        side,
    )
