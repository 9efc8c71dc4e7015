"""Replaces canonical solutions of a data set by those in a file of the user's.

The paper rewrote about twenty canonical solutions that listed their answers instead of computing them. A line of the
file is ``{"problem_id", "solution"}``, optionally with ``tests`` (as in the ``prlcoder`` format) and ``statement``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from prlcoder.errors import InputError, located
from prlcoder.problems.formats import FieldError, Record
from prlcoder.problems.formats.own_tests import parse_tests
from prlcoder.problems.formats.record import check_compiles
from prlcoder.problems.model import Problem, Tests
from prlcoder.problems.rows import Malformed, SourceRow, file_rows
from prlcoder.storage import location

_FIELDS = frozenset({"problem_id", "solution", "tests", "statement"})


@dataclass(frozen=True)
class Override:
    """The replacement for one problem; ``line`` is its line in the file."""

    line: int | None
    solution: str
    tests: Tests | None
    statement: str | None


@dataclass
class Overrides:
    """The overrides of one file by problem id, and the ids that were found in the data set."""

    source: str
    by_id: dict[str, Override] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def applied(self, problem: Problem) -> Problem:
        """The problem with its canonical solution replaced; further solutions stay."""
        override = self.by_id.get(problem.id)
        if override is None:
            return problem
        self.used.add(problem.id)
        return replace(
            problem,
            solutions=(override.solution, *problem.solutions[1:]),
            tests=override.tests or problem.tests,
            statement=override.statement or problem.statement,
        )

    def error(self, problem_id: str, error: FieldError) -> InputError:
        """The error of an overridden problem, located at the line of its override."""
        return located(self.source, self.by_id[problem_id].line, error.field, error.problem, error.remedy)

    @property
    def has_unused(self) -> bool:
        """Whether the problem of an override was not found yet."""
        return len(self.used) < len(self.by_id)

    def refuse_unused(self, source: str) -> None:
        """Raises ``InputError`` that names the first override whose problem is not in ``source``."""
        for id, override in self.by_id.items():
            if id not in self.used:
                remedy = "check the id with `prlcoder problems inspect`"
                raise located(self.source, override.line, "problem_id", f"{id!r} is not in {source}", remedy)


def read_overrides(source: str | None) -> Overrides:
    """The overrides in a JSON Lines file (path or URI); empty for None. ``InputError`` names line and field."""
    overrides = Overrides(source or "")
    if source is None:
        return overrides
    for row in file_rows(location(source)):
        try:
            id, override = _parse(row)
            if id in overrides.by_id:
                raise FieldError("problem_id", f"{id!r} was already used on line {overrides.by_id[id].line}")
        except FieldError as error:
            raise located(row.file, row.line, error.field or None, error.problem, error.remedy) from None
        overrides.by_id[id] = override
    if not overrides.by_id:
        raise located(source, None, None, "contains no overrides", "is it the right file?")
    return overrides


def _parse(row: SourceRow) -> tuple[str, Override]:
    if isinstance(row.record, Malformed):
        raise row.record.error
    record = Record(row.record)
    record.only(_FIELDS)
    solution = record.filled("solution")
    check_compiles(solution, "solution")
    return record.filled("problem_id"), Override(
        line=row.line,
        solution=solution,
        tests=parse_tests(record.record("tests")) if record.has("tests") else None,
        statement=record.filled("statement") if record.has("statement") else None,
    )
