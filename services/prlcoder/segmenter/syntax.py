"""Parses source text and reports every kind of failure as a ``SegmentationError`` with a position."""

from __future__ import annotations

import ast
import threading
import warnings

from prlcoder.segmenter.lines import BOM, count_ends
from prlcoder.segmenter.model import SegmentationError

TOO_DEEP = "nested too deeply"
_warnings_lock = threading.Lock()  # catch_warnings changes state that all threads share


def parse(source: str) -> ast.Module:
    """Return the syntax tree of ``source``.

    Raises ``SegmentationError`` if the running Python's grammar does not accept it. A byte order mark at the start is
    accepted, as in files. If the parser reports no position (nesting too deep for its stack), the error is at the start
    of the text.
    """
    try:
        with _warnings_lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape only warns, but under -W error it would raise
            return ast.parse(source.removeprefix(BOM))
    except SyntaxError as error:
        if "\0" in source:
            raise _at(source, source.index("\0"), "source code cannot contain null characters") from None
        raise _from_parser(source, error) from None
    except UnicodeEncodeError as error:
        offset = error.start + (len(BOM) if source.startswith(BOM) else 0)
        raise _at(source, offset, "source code cannot contain lone surrogates") from None
    except ValueError as error:  # Python before 3.11.4 reports null characters in this way
        raise _at(source, max(source.find("\0"), 0), str(error)) from None
    except (RecursionError, MemoryError, SystemError):  # SystemError: CPython's "recursion depth mismatch"
        raise SegmentationError(TOO_DEEP, 1, 0) from None


def _from_parser(source: str, error: SyntaxError) -> SegmentationError:
    """Keep the parser's message and position. Before Python 3.12 a position inside an f-string may lie outside the
    text; it is then moved to the nearest valid one."""
    number = min(max(error.lineno or 1, 1), count_ends(source, 0, len(source)) + 1)
    column = max((error.offset or 1) - 1, 0)
    if number == 1 and source.startswith(BOM):
        column += len(BOM)
    return SegmentationError(error.msg, number, min(column, len(_physical_line(source, number))))


def _physical_line(source: str, number: int) -> str:
    text = source.replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n")[number - 1]


def _at(source: str, offset: int, message: str) -> SegmentationError:
    start = max(source.rfind("\n", 0, offset), source.rfind("\r", 0, offset)) + 1
    return SegmentationError(message, count_ends(source, 0, start) + 1, offset - start)
