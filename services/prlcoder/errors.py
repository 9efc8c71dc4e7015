"""Errors that a user can act on. Each class has the exit code of a command that it ends.

    PrlcoderError
    +-- InputError               exit code 2: a file, a field or an option that the user gave is invalid
    |   +-- ItemError            one program of a batch to the PRM is invalid
    |       +-- TooLongError     it has more tokens than the model can read
    +-- WorkError                exit code 1: the input was valid, but the work failed
        +-- ServiceError         a service could not be reached, or refused a call

A message reads ``FILE:LINE: FIELD: what is wrong; what to do`` (``docs/reference/contracts.md#4``). Every other
exception is a bug of this project and keeps its traceback.
"""

from __future__ import annotations

from pathlib import Path


class PrlcoderError(Exception):
    """An error that the user can act on; ``str(error)`` is the whole message."""

    exit_code = 1


class InputError(PrlcoderError):
    """Something that the user gave (a file, a field, an option) is invalid."""

    exit_code = 2


class WorkError(PrlcoderError):
    """The input was valid but the work failed: no space, no sandbox, some items unfinished."""


def first_line(error: BaseException) -> str:
    """The first line of an exception's message, or the exception's class if the message is empty."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def located(path: str | Path, line: int | None, field: str | None, problem: str, remedy: str = "") -> InputError:
    """An ``InputError`` that names file, line and field, in the format that all commands print."""
    where = str(path) if line is None else f"{path}:{line}"
    parts = [where, *([field] if field else []), problem]
    return InputError(": ".join(parts) + (f"; {remedy}" if remedy else ""))
