"""New standard inputs: the given texts with numbers and words changed, every line and token in its place.

A text is lines of tokens. How many there are is part of the form, so it is never changed, and neither is a number that
counts lines, tokens or characters in all given texts.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from prlcoder.supervision.argument_mutation import mutated
from prlcoder.supervision.input_ranges import Envelope, describe

ATTEMPTS: Final = 16
STACKED: Final = 0.5
MAX_BYTES: Final = 1 << 14
FIRST_LINES: Final = 4  # lines that have an envelope each where texts differ in length; the others share one
_TOKEN: Final = re.compile(r"\S+")
_INTEGER: Final = re.compile(r"-?(0|[1-9]\d{0,18})")
_REAL: Final = re.compile(r"-?\d{1,12}\.\d{1,12}")

Line = tuple[Any, ...] | list[Any]


@dataclass(frozen=True)
class Form:
    """What all given texts share: an envelope for each kind of line, and the places of counting numbers."""

    lines: tuple[Envelope, ...]
    fixed: tuple[bool, ...]  # whether lines of this kind have always as many tokens
    counts: frozenset[tuple[int, int]]

    def kind(self, number: int) -> int:
        """The kind of line ``number``."""
        return min(number, len(self.lines) - 1)


def generate(texts: Sequence[str], rng: random.Random, count: int) -> list[str]:
    """At most ``count`` new texts."""
    parsed = [parse(text) for text in texts]
    if not parsed or not all(parsed):
        return []
    form = form_of(parsed)
    bases = [(text, lines) for text, lines in zip(texts, parsed, strict=True) if len(text) <= MAX_BYTES]
    seen, made = set(texts), []
    for _ in range(ATTEMPTS * count if bases else 0):
        text, lines = rng.choice(bases)
        lines = [list(line) for line in lines]
        _change(lines, form, rng)
        if not _admitted(lines, form):
            continue
        new = written(text, lines)
        if new not in seen:
            seen.add(new)
            made.append(new)
            if len(made) == count:
                break
    return made


def parse(text: str) -> list[list[Any]]:
    """The tokens of each line, those that are plainly numbers as numbers.

    >>> parse("2 x\\n0.5 007\\n")
    [[2, 'x'], [0.5, '007']]
    """
    return [[_value(token) for token in _TOKEN.findall(line)] for line in text.splitlines()]


def _value(token: str) -> Any:
    if _INTEGER.fullmatch(token) and token != "-0":
        return int(token)
    return float(token) if _REAL.fullmatch(token) else token


def written(text: str, lines: Sequence[Sequence[Any]]) -> str:
    """``text`` with the values of ``lines`` in the places of its tokens; unchanged tokens keep their spelling."""
    values = iter([value for line in lines for value in line])

    def spelling(token: re.Match[str]) -> str:
        value = next(values)
        return token[0] if _value(token[0]) == value else str(value)

    return _TOKEN.sub(spelling, text)


def form_of(parsed: Sequence[Sequence[Sequence[Any]]]) -> Form:
    """The form of at least one text with at least one line."""
    lengths = {len(lines) for lines in parsed}
    kinds = max(lengths) if len(lengths) == 1 else FIRST_LINES
    groups: list[list[Sequence[Any]]] = [[] for _ in range(min(kinds, max(lengths)))]
    for lines in parsed:
        for number, line in enumerate(lines):
            groups[min(number, len(groups) - 1)].append(line)
    fixed = tuple(len({len(line) for line in group}) == 1 for group in groups)
    envelopes = tuple(
        describe([_typed(line, same) for line in group]) for group, same in zip(groups, fixed, strict=True)
    )
    return Form(envelopes, fixed, _counting(parsed))


def _typed(line: Sequence[Any], fixed: bool) -> Line:
    return tuple(line) if fixed and len(line) <= FIRST_LINES else list(line)


def _counting(parsed: Sequence[Sequence[Sequence[Any]]]) -> frozenset[tuple[int, int]]:
    """Places (line, token) whose number is the same count in every text."""
    common: set[tuple[tuple[int, int], str]] | None = None
    for lines in parsed:
        counted = dict(_counts(lines))
        found = {
            ((number, column), name)
            for number, line in enumerate(lines[:FIRST_LINES])
            for column, value in enumerate(line)
            for name, count in counted.items()
            if type(value) is int and value == count
        }
        common = found if common is None else common & found
    return frozenset(place for place, _ in common or ())


def _counts(lines: Sequence[Sequence[Any]]) -> Iterator[tuple[str, int]]:
    for number in range(FIRST_LINES + 1):
        rest = len(lines) - number
        yield f"lines from {number}", rest
        yield f"half of the lines from {number}", rest // 2
        if number < len(lines):
            yield f"tokens of {number}", len(lines[number])
            if lines[number] and isinstance(lines[number][0], str):
                yield f"characters of {number}", len(lines[number][0])


def _change(lines: list[list[Any]], form: Form, rng: random.Random) -> None:
    """One change or a few, each within one line."""
    while True:
        number = rng.randrange(len(lines))
        line = lines[number]
        if line:
            envelope = form.lines[form.kind(number)]
            lines[number] = list(mutated(_typed(line, form.fixed[form.kind(number)]), envelope, rng, same_sizes=True))
            for column, value in enumerate(line):
                if (number, column) in form.counts:
                    lines[number][column] = value
        if rng.random() >= STACKED:
            return


def _admitted(lines: Sequence[Sequence[Any]], form: Form) -> bool:
    return all(
        form.lines[form.kind(number)].admits(_typed(line, form.fixed[form.kind(number)]))
        for number, line in enumerate(lines)
    )
