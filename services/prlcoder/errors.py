"""The two ways a command ends badly, each with the exit code that says which.

A message reads ``FILE:LINE: FIELD: what is wrong; what to do`` (contracts, section 4). Anything that is not one
of these is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

from pathlib import Path


class PrlcoderError(Exception):
    """An end that the user can act on; ``str(error)`` is the whole message."""

    exit_code = 1


class InputError(PrlcoderError):
    """What the user gave (a file, a field, an option) is wrong: exit code 2."""

    exit_code = 2


class WorkError(PrlcoderError):
    """The input was right but the work failed (no space, no sandbox, some items unfinished): exit code 1."""


def first_line(error: BaseException) -> str:
    """The first line of an exception's message, or the exception's class if the message is empty."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def located(path: str | Path, line: int | None, field: str | None, problem: str, remedy: str = "") -> InputError:
    """An ``InputError`` that names file, line and field, in the one format all commands print."""
    where = str(path) if line is None else f"{path}:{line}"
    parts = [where, *([field] if field else []), problem]
    return InputError(": ".join(parts) + (f"; {remedy}" if remedy else ""))
