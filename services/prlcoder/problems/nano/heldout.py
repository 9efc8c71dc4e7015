"""Keeps held-out problems out of training, by normalised statement and by normalised solution."""

from __future__ import annotations

from collections.abc import Iterable

from prlcoder.problems.model import Problem
from prlcoder.problems.similarity import words


def normalised_statement(text: str) -> str:
    """A statement without case and whitespace."""
    return " ".join(words(text))


def normalised_program(text: str) -> str:
    """A program without blank lines, comment lines and trailing whitespace."""
    lines = (line.rstrip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.lstrip().startswith("#"))


class HeldOut:
    """The statements and solutions that training data must not repeat."""

    def __init__(self, problems: Iterable[Problem] = ()) -> None:
        self._statements: set[str] = set()
        self._programs: set[str] = set()
        for problem in problems:
            self.add(problem)

    def add(self, problem: Problem) -> None:
        """Hold out one more problem."""
        self._statements.add(normalised_statement(problem.statement))
        self._programs.update(map(normalised_program, problem.solutions))

    def holds_statement(self, statement: str) -> bool:
        """Whether a held-out problem has the same statement."""
        return normalised_statement(statement) in self._statements

    def holds_program(self, program: str) -> bool:
        """Whether a held-out problem has this program as a solution."""
        return normalised_program(program) in self._programs
