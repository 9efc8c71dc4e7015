"""Runs a checker: trusted code that decides whether answers are right, where several answers are.

It runs in a process of its own, after the program's process has ended. The program's answers are data here: they are
decoded strictly, and nothing of the program's code comes along.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable
from typing import Any, Final

from prlcoder.executor.jailed import candidate, wire
from prlcoder.executor.jailed.values import decode

RIGHT: Final = b"right"
WRONG: Final = b"wrong"
FILE: Final = "<checker>"  # the file name in tracebacks of the checker's code


def run_checker(body: tuple[Any, ...]) -> int:
    """Load the checker and record what it says of each case, in order.

    A case is a tuple of input, answer and expected answer, each as text or as an encoded value; for a call the input is
    the list of arguments. A checker that takes two arguments gets no expected answer.
    """
    _, code, cases = body
    write_record, namespace = candidate.record_writer(), candidate.fresh_main("checker")
    try:
        exec(marshal.loads(code), namespace)
        check = namespace["check"]
        count = _parameters(check)
    except BaseException as error:
        write_record(wire.LOADED, wire.RAISED, describe(error))
        return candidate.CRASH_EXIT
    for number, case in enumerate(cases):
        try:
            given = [decode(part) if type(part) is bytes else part for part in case]
            write_record(number, wire.ANSWER, RIGHT if check(*given[:count]) else WRONG)
        except BaseException as error:
            write_record(number, wire.RAISED, describe(error))
    return candidate.CLEAN_EXIT


def _parameters(check: Callable[..., object]) -> int:
    """How many arguments the checker takes: 2 (input, answer) or 3 (also the expected answer)."""
    code = getattr(check, "__code__", None)
    return 2 if code is not None and code.co_argcount == 2 and not code.co_flags & 0x04 else 3


def describe(error: BaseException) -> bytes:
    """The line of the checker that raised the exception, its class and its message."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == FILE else line
        trace = trace.tb_next
    try:
        message = str(error)
    except Exception:  # a class of the checker may have any __str__
        message = ""
    place = f"checker line {line}: " if line else "checker: "
    text = f"{place}{type(error).__name__}{': ' if message else ''}{message}"
    return text.encode("utf-8", "backslashreplace")[:1000]
