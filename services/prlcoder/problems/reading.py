"""Reads problems from a source of any format, one at a time.

An invalid record raises ``InputError`` with file, line (in tables: row) and field. With ``skip_invalid`` it goes to
``quarantine`` instead, and reading continues. Line ends and indentation are normalised here and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any

from prlcoder.errors import InputError, located
from prlcoder.problems.formats import FORMATS, GENERATED, NAMES, FieldError, Format, Record
from prlcoder.problems.formats.record import check_compiles
from prlcoder.problems.formats.registry import detect, nearest, refuse_unread
from prlcoder.problems.indentation import Style, normalize, normalize_prompt, unify_line_ends
from prlcoder.problems.model import Problem
from prlcoder.problems.overrides import Overrides, read_overrides
from prlcoder.problems.rows import Malformed, SourceRow
from prlcoder.problems.selection import Selection
from prlcoder.problems.sources import rows
from prlcoder.spec import Hub, NanoSuite, Select

Quarantine = Callable[[dict[str, Any]], None]
_MAX_FIELDS_SHOWN = 20
_MAX_RECORDS_FOR_DETECTION = 20  # the first records may lack fields that tell the format


def read(
    source: str,
    *,
    format: str = "auto",
    normalize_indent: Style = "spaces4",
    skip_invalid: bool = False,
    quarantine: Quarantine | None = None,
    limit: int | None = None,
    select: Select | None = None,
    overrides: str | None = None,
    hub: Hub | None = None,
    nano: NanoSuite | None = None,
) -> Iterator[Problem]:
    """The problems of ``source``: a path, an fsspec URI, a Hugging Face data set id, or ``nano``, the generated suite.

    Problems are streamed; only the ids are kept. ``limit`` counts selected problems, not records. ``overrides`` is a
    file of better solutions (``problems.overrides``). ``quarantine`` receives rows ``{file, line, field, reason,
    record}``. Raises ``InputError`` if the file is missing, the format is unknown, the source has no problem, none is
    selected, or an override names a problem that is not in the source.
    """
    if format != "auto" and format not in NAMES:
        raise InputError(f"format: {format!r} is not a format; choose one of auto, {', '.join(NAMES)}")
    if GENERATED in (source, format) and (source != GENERATED or format not in ("auto", GENERATED)):
        raise InputError(f"format: {GENERATED} is generated, not read from a file; give `{GENERATED}` as the source")
    wanted, replacements = select or Select(), read_overrides(overrides)
    problems: Iterator[Problem]
    if source == GENERATED:
        generated = _generated(nano or NanoSuite())
        problems = (normalized(replacements.applied(problem), normalize_indent) for problem in generated)
    else:
        found = rows(source, hub or Hub(), wanted.release)
        problems = _Reader(source, found, format, normalize_indent, replacements, quarantine, skip_invalid).problems()
    return _selected(source, problems, Selection(wanted), replacements, limit)


def _selected(
    source: str, problems: Iterator[Problem], selection: Selection, overrides: Overrides, limit: int | None
) -> Iterator[Problem]:
    yield from islice(filter(selection.lets_through, problems), limit)
    if limit is None or selection.passed < limit:
        selection.refuse_nothing(source)
    if overrides.has_unused:
        for _ in problems:  # the problem of an override may come after the limit
            if not overrides.has_unused:
                return
        overrides.refuse_unused(source)


def normalized(problem: Problem, style: Style, solution_field: str = "solutions") -> Problem:
    """The problem with ``\\n`` line ends, and with solutions, prompt and starter code indented in ``style``.

    ``FieldError`` if a solution does not compile or does not begin with the prompt.
    """
    prompt = unify_line_ends(problem.prompt)
    solutions = tuple(map(unify_line_ends, problem.solutions))
    indented = tuple(normalize(solution, style) for solution in solutions)
    given = _given(prompt, solutions, indented, style, solution_field)
    for index, solution in enumerate(indented):
        check_compiles(solution, _indexed(solution_field, index))
    statement = given if problem.statement == problem.prompt else unify_line_ends(problem.statement)
    return replace(
        problem,
        statement=statement,
        prompt=given,
        solutions=indented,
        starter_code=normalize(unify_line_ends(problem.starter_code), style),
        preamble=unify_line_ends(problem.preamble),
    )


def _generated(sizes: NanoSuite) -> Iterator[Problem]:
    from prlcoder.problems.nano import suite

    return suite.problems(sizes)


def _given(
    prompt: str, solutions: tuple[str, ...], indented: tuple[str, ...], style: Style, solution_field: str
) -> str:
    """The prompt in ``style``, so that every solution still begins with it."""
    if not prompt or not solutions:
        return normalize(prompt, style)
    given: str | None = None
    for index, (solution, after) in enumerate(zip(solutions, indented, strict=True)):
        if not solution.startswith(prompt):
            remedy = "solutions are whole programs, prompt included"
            raise FieldError(_indexed(solution_field, index), "does not begin with the prompt", remedy)
        here = normalize_prompt(prompt, solution, after)
        if here is None or given not in (None, here):
            raise FieldError("prompt", "ends where its indentation depends on the solution", "end it with a newline")
        given = here
    return given or ""


def _indexed(field: str, index: int) -> str:
    return f"{field}[{index}]" if field == "solutions" else field


@dataclass
class _Reader:
    """One pass over the records of one source."""

    source: str
    rows: Iterator[SourceRow]
    format: str
    style: Style
    overrides: Overrides
    quarantine: Quarantine | None
    skip_invalid: bool
    _locations: dict[str, tuple[str, int | None]] = field(default_factory=dict)  # file and line by problem id

    def problems(self) -> Iterator[Problem]:
        format, found = self._detected() if self.format == "auto" else (FORMATS[self.format], self.rows)
        records = 0
        first_error = ""
        for row in found:
            records += 1
            try:
                problem = self._problem(row, format)
            except FieldError as error:
                if not self.skip_invalid:
                    raise located(row.file, row.line, error.field or None, error.problem, error.remedy) from None
                first_error = first_error or f"{'' if row.line is None else f'line {row.line}: '}{error}"
                self._set_aside(row, error)
                continue
            self._locations[problem.id] = (row.file, row.line)
            yield problem
        if not records:
            raise located(self.source, None, None, "contains no records", "is it the right file?")
        if not self._locations:
            raise located(self.source, None, None, f"none of its {records:,} records is valid ({first_error})")

    def _problem(self, row: SourceRow, format: Format) -> Problem:
        if isinstance(row.record, Malformed):
            raise row.record.error
        parsed = format.parse(Record(row.record))
        refuse_unread(row.record, format, FORMATS.values())
        if parsed.id in self._locations:
            first = self._first_location(parsed.id, row)
            raise FieldError(format.id_field, f"{parsed.id!r} was already used {first}", "give each problem its own id")
        problem = replace(parsed, split=parsed.split or row.split)
        if problem.id not in self.overrides.by_id:
            return normalized(problem, self.style, format.solution_field)
        try:
            return normalized(self.overrides.applied(problem), self.style)
        except FieldError as error:
            raise self.overrides.error(problem.id, error) from None

    def _first_location(self, id: str, row: SourceRow) -> str:
        file, line = self._locations[id]
        if file == row.file:
            return f"on line {line}"
        return f"in {file}" + ("" if line is None else f", line {line}")

    def _set_aside(self, row: SourceRow, error: FieldError) -> None:
        if self.quarantine is not None:
            reason = error.problem + (f"; {error.remedy}" if error.remedy else "")
            record = row.record.text if isinstance(row.record, Malformed) else _as_json(row.record)
            self.quarantine(
                {
                    "file": row.file,
                    "line": row.line,
                    "field": error.field or None,
                    "reason": reason,
                    "record": record,
                }
            )

    def _detected(self) -> tuple[Format, Iterator[SourceRow]]:
        """The format of the first record that has all fields of a format, and the rows from the beginning."""
        looked_at: list[SourceRow] = []
        for row in islice(self.rows, _MAX_RECORDS_FOR_DETECTION):
            looked_at.append(row)
            if isinstance(row.record, Malformed):
                if not self.skip_invalid:
                    error = row.record.error
                    raise located(row.file, row.line, error.field or None, error.problem, error.remedy)
                continue
            found = detect(row.record, FORMATS.values())
            if found is not None:
                return found, chain(looked_at, self.rows)
        if not looked_at:
            raise located(self.source, None, None, "contains no records", "is it the right file?")
        first = looked_at[0]
        names = [] if isinstance(first.record, Malformed) else sorted(first.record)[:_MAX_FIELDS_SHOWN]
        what = f"the format cannot be told from fields {', '.join(names) or '(none)'}"
        remedy = f"name one with --format: {', '.join(FORMATS)}"
        if names:
            remedy += f"; {nearest(names, FORMATS.values())}"
        raise located(first.file, first.line, None, what, remedy)


def _as_json(record: dict[str, Any]) -> Any:
    """The record as JSON. Values that JSON lacks, such as the bytes of a Parquet column, become text.

    If JSON cannot express the record (an integer with too many digits, lists nested too deeply), only the names of its
    fields.
    """
    try:
        return json.loads(json.dumps(record, default=str))
    except (ValueError, RecursionError):
        return sorted(record)
