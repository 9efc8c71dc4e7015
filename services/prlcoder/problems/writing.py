"""Writes problems to a file of the ``prlcoder`` format, as JSON Lines or Parquet by the file's name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prlcoder.errors import located
from prlcoder.files import atomic_output, dump
from prlcoder.problems.formats import own
from prlcoder.problems.literals import LiteralError
from prlcoder.problems.model import Problem


@contextmanager
def problem_writer(path: Path) -> Iterator[Callable[[Problem], None]]:
    """Yields a function that writes one problem; the file appears only when the block ends without an exception.

    ``InputError`` for a name that does not end in ``.jsonl``, ``.jsonl.gz`` or ``.parquet``, and for a problem whose
    tests contain a value that cannot be written as a literal.
    """
    if path.suffix == ".parquet":
        from prlcoder.problems.tables import table_writer

        with table_writer(path) as write:
            yield lambda problem: write(_encoded(path, problem))
    elif path.name.endswith((".jsonl", ".jsonl.gz")):
        with atomic_output(path) as file:
            yield lambda problem: print(dump(_encoded(path, problem)), file=file)
    else:
        remedy = "end it in .jsonl, .jsonl.gz or .parquet"
        raise located(path, None, None, "the name does not say which format to write", remedy)


def _encoded(path: Path, problem: Problem) -> dict[str, object]:
    try:
        return own.encode(problem)
    except LiteralError as error:
        raise located(path, None, "tests", f"problem {problem.id}: {error}") from None
