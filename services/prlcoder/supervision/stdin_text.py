"""Generates standard inputs: the given texts with changed numbers and words, but with the same lines and tokens.

A text consists of lines of tokens. Their number is part of the form and never changes. A number that counts lines,
tokens or characters in all given texts does not change either.
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
EXTRA_CHANGE_PROBABILITY: Final = 0.5
MAX_BYTES: Final = 1 << 14
FIRST_LINES: Final = 4  # if texts differ in length, each of these lines has its own envelope; all others share one
_TOKEN: Final = re.compile(r"\S+")
_INTEGER: Final = re.compile(r"-?(0|[1-9]\d{0,18})")
_REAL: Final = re.compile(r"-?\d{1,12}\.\d{1,12}")

Line = tuple[Any, ...] | list[Any]


@dataclass(frozen=True)
class Form:
    """The properties that all given texts share: an envelope for each kind of line, and the positions of counts."""

    lines: tuple[Envelope, ...]
    fixed: tuple[bool, ...]  # whether all lines of this kind have the same number of tokens
    counts: frozenset[tuple[int, int]]  # (line, token)

    def kind(self, number: int) -> int:
        """Return the kind of line ``number``."""
        return min(number, len(self.lines) - 1)


def generate(texts: Sequence[str], rng: random.Random, count: int) -> list[str]:
    """Return at most ``count`` new texts."""
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
    """Return the tokens of each line. Tokens in plain decimal notation become numbers.

    >>> parse("2 x\\n0.5 007\\n")
    [[2, 'x'], [0.5, '007']]
    """
    return [[_value(token) for token in _TOKEN.findall(line)] for line in text.splitlines()]


def _value(token: str) -> Any:
    if _INTEGER.fullmatch(token) and token != "-0":
        return int(token)
    return float(token) if _REAL.fullmatch(token) else token


def written(text: str, lines: Sequence[Sequence[Any]]) -> str:
    """Return ``text`` with the values of ``lines`` in the place of its tokens; unchanged tokens keep their spelling."""
    values = iter([value for line in lines for value in line])

    def spelling(token: re.Match[str]) -> str:
        value = next(values)
        return token[0] if _value(token[0]) == value else str(value)

    return _TOKEN.sub(spelling, text)


def form_of(parsed: Sequence[Sequence[Sequence[Any]]]) -> Form:
    """Return the form of the texts. There must be at least one, with at least one line."""
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
    """Return the positions (line, token) whose number is the same kind of count in every text."""
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
    """Make one or more changes, each within one line."""
    while True:
        number = rng.randrange(len(lines))
        line = lines[number]
        if line:
            envelope = form.lines[form.kind(number)]
            lines[number] = list(mutated(_typed(line, form.fixed[form.kind(number)]), envelope, rng, same_sizes=True))
            for column, value in enumerate(line):
                if (number, column) in form.counts:
                    lines[number][column] = value
        if rng.random() >= EXTRA_CHANGE_PROBABILITY:
            return


def _admitted(lines: Sequence[Sequence[Any]], form: Form) -> bool:
    return all(
        form.lines[form.kind(number)].admits(_typed(line, form.fixed[form.kind(number)]))
        for number, line in enumerate(lines)
    )
