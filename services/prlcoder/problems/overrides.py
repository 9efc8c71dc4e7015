"""Better canonical solutions for some problems of a data set, from a file of the user's.

The paper rewrote about twenty canonical solutions that listed their answers instead of computing them. A line of the
file is ``{"problem_id", "solution"}`` and may bring ``tests`` (as in our own format) and ``statement``.
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
    """What takes the place of a problem's own; ``line`` is where it stands in the file."""

    line: int | None
    solution: str
    tests: Tests | None
    statement: str | None


@dataclass
class Overrides:
    """The overrides of one file by problem id, and those that have met their problem."""

    source: str
    by_id: dict[str, Override] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)

    def applied(self, problem: Problem) -> Problem:
        """The problem with its override: the canonical solution is another, further solutions stay."""
        override = self.by_id.get(problem.id)
        if override is None:
            return problem
        self.met.add(problem.id)
        return replace(
            problem,
            solutions=(override.solution, *problem.solutions[1:]),
            tests=override.tests or problem.tests,
            statement=override.statement or problem.statement,
        )

    def error(self, problem_id: str, error: FieldError) -> InputError:
        """``error`` of an overridden problem, at the override that (its own record being fine before) brought it."""
        return located(self.source, self.by_id[problem_id].line, error.field, error.problem, error.remedy)

    @property
    def unmet(self) -> bool:
        """Whether an override has not met its problem yet."""
        return len(self.met) < len(self.by_id)

    def refuse_unmet(self, source: str) -> None:
        """``InputError`` that names the first override whose problem is not in ``source``."""
        for id, override in self.by_id.items():
            if id not in self.met:
                remedy = "check the id with `prlcoder problems inspect`"
                raise located(self.source, override.line, "problem_id", f"{id!r} is not in {source}", remedy)


def read_overrides(source: str | None) -> Overrides:
    """The overrides in a JSON Lines file (path or URI), none for None. ``InputError`` with line and field."""
    overrides = Overrides(source or "")
    if source is None:
        return overrides
    for row in file_rows(location(source)):
        try:
            id, override = _parse(row)
            if id in overrides.by_id:
                raise FieldError("problem_id", f"{id!r} was seen on line {overrides.by_id[id].line}")
        except FieldError as error:
            raise located(row.file, row.line, error.field or None, error.problem, error.remedy) from None
        overrides.by_id[id] = override
    if not overrides.by_id:
        raise located(source, None, None, "holds no overrides", "is it the right file?")
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
