"""Records which lines of a program are executed, and the line of the exception that ended it.

This runs in the process of the candidate, which may write anything into the record. The record is a memory file of its
own, so nothing in it can become an answer: first ``ERROR_LINE``, then one byte per line, which is 1 if the line was
executed. A byte is written when its line is executed for the first time, so the record of a killed process is whole.
"""

from __future__ import annotations

import os
import struct
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any, Final

TRACE_FD: Final = 5
MAX_LINES: Final = 1 << 16  # later lines are not recorded
ERROR_LINE: Final = struct.Struct("<I")  # 0: no exception, or its line is not known
RECORD_BYTES: Final = ERROR_LINE.size + MAX_LINES + 1
_TOOL: Final = 1  # ``sys.monitoring.COVERAGE_ID``


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """The code of a program and of every function and class in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _lines(code: types.CodeType) -> set[int]:
    """The lines that can be executed in one code object."""
    lines = {line for _, _, line in code.co_lines() if line}
    if len(lines) > 1 and code.co_name != "<module>":
        lines.discard(code.co_firstlineno)  # the line of ``def`` is executed by the code around it
    return lines


class LineTracer:
    """Traces one program. ``descriptor`` is the record."""

    def __init__(self, code: types.CodeType, descriptor: int = TRACE_FD) -> None:
        self._codes = list(_codes(code))  # kept alive, because their ids are the keys
        self._left = {id(one): _lines(one) for one in self._codes}
        self._descriptor = descriptor
        self._write = os.pwrite  # kept here, because honest programs may patch ``os``
        self._noted = False

    def start(self) -> None:
        """Trace the code that runs from now on, in every thread."""
        if sys.version_info >= (3, 12):
            monitoring = sys.monitoring
            monitoring.use_tool_id(_TOOL, "lines")
            monitoring.register_callback(_TOOL, monitoring.events.LINE, self._monitored)
            for code in self._codes:
                monitoring.set_local_events(_TOOL, code, monitoring.events.LINE)
        else:
            threading.settrace(self._called)
            sys.settrace(self._called)

    def _monitored(self, code: types.CodeType, line: int) -> Any:
        self._mark(line)
        return sys.monitoring.DISABLE  # type: ignore[attr-defined, unused-ignore] # once per line is enough

    def _called(self, frame: types.FrameType, event: str, argument: object) -> Any:
        """The trace function of new frames: frames of the program with lines that are not recorded yet are traced."""
        return self._traced if self._left.get(id(frame.f_code)) else None

    def _traced(self, frame: types.FrameType, event: str, argument: object) -> Any:
        if event == "line":
            left = self._left[id(frame.f_code)]
            if frame.f_lineno in left:
                left.discard(frame.f_lineno)
                self._mark(frame.f_lineno)
            if not left:
                frame.f_trace_lines = False
        return self._traced

    def _mark(self, line: int) -> None:
        if line <= MAX_LINES:
            self._write(self._descriptor, b"\1", ERROR_LINE.size + line)

    def note_error(self, error: BaseException) -> None:
        """Record the line of the exception's last frame in the program. Only the first exception is recorded."""
        line = 0
        step = error.__traceback__
        while step is not None:
            if id(step.tb_frame.f_code) in self._left:
                line = step.tb_lineno
            step = step.tb_next
        if line and not self._noted:
            self._noted = True
            self._write(self._descriptor, ERROR_LINE.pack(line), 0)


_tracer: LineTracer | None = None


def start(code: types.CodeType) -> None:
    """Trace the program with this code."""
    global _tracer
    _tracer = LineTracer(code)
    _tracer.start()


def note_error(error: BaseException) -> None:
    """Record where an exception was raised, if the program is traced."""
    if _tracer is not None:
        _tracer.note_error(error)


def note_syntax_error(program: str, descriptor: int) -> None:
    """Record the line of the syntax error of a program that does not compile. No code of the program runs here."""
    try:
        compile(program.removeprefix("\ufeff"), "<program>", "exec", dont_inherit=True)
    except SyntaxError as error:
        if error.lineno:
            os.pwrite(descriptor, ERROR_LINE.pack(error.lineno), 0)
    except (ValueError, OverflowError, RecursionError, MemoryError):
        pass
