"""Problems into a file of our own format, JSON Lines or Parquet by the file's name."""

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
    """A function that writes one problem; the file appears only when the block ends well.

    ``InputError`` for a name that is not ``.jsonl``, ``.jsonl.gz`` or ``.parquet``, and for a problem whose tests
    hold a value that cannot be written as a literal.
    """
    if path.suffix == ".parquet":
        from prlcoder.problems.tables import table_writer

        with table_writer(path) as write:
            yield lambda problem: write(_encoded(path, problem))
    elif path.name.endswith((".jsonl", ".jsonl.gz")):
        with atomic_output(path) as file:
            yield lambda problem: print(dump(_encoded(path, problem)), file=file)
    else:
        raise located(path, None, None, "cannot tell what to write", "end the name in .jsonl, .jsonl.gz or .parquet")


def _encoded(path: Path, problem: Problem) -> dict[str, object]:
    try:
        return own.encode(problem)
    except LiteralError as error:
        raise located(path, None, "tests", f"problem {problem.id}: {error}") from None
