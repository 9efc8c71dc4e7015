"""The process of one candidate: it compiles the program, which is still trusted, and then runs the program's code.

Nothing in this process is trusted once the program's code runs: the program may patch every function here. That only
changes which answers it sends, and the answers are compared with the expected values outside.
"""

from __future__ import annotations

import atexit
import builtins
import functools
import gc
import linecache
import marshal
import os
import sys
import threading
import types
from collections.abc import Callable
from typing import Any, Final, TextIO

from prlcoder.executor.jailed import line_trace, wire
from prlcoder.executor.jailed.values import encode

ANSWERS_FD: Final = 3
CHANNEL_FD: Final = 4
CLEAN_EXIT: Final = 0
CRASH_EXIT: Final = 1
MODULE_NAME: Final = "solution"  # ``__name__`` of a program whose functions are called
FILE: Final = "<program>"  # the name of the program's code in tracebacks

CodeType = types.CodeType
WriteRecord = Callable[[int, int, bytes], None]


def compile_program(program: str) -> CodeType | str:
    """The program's code, or the class name of the exception. A byte order mark is skipped, as in a file."""
    if "\0" in program:
        return "SyntaxError"  # Python before 3.11.4 raises ValueError for it
    try:
        return compile(program.removeprefix("\ufeff"), FILE, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        return type(error).__name__


@functools.cache
def program_path() -> str:
    """The path that the program would have as a file. The zygote asks first, so that no clone computes it."""
    return os.path.abspath(sys.argv[0])


def fresh_main(name: str = MODULE_NAME) -> dict[str, Any]:
    """The namespace of a new module, registered under ``name`` (dataclasses and pickle look there) and as ``__main__``.

    A program whose functions are called is imported, as in the published harnesses, so that its code behind
    ``if __name__ == "__main__"`` does not run. A program that reads standard input has the name ``__main__``.
    """
    main = types.ModuleType(name)
    main.__dict__["__builtins__"] = builtins
    main.__dict__["__file__"] = program_path()
    sys.modules[name] = sys.modules["__main__"] = main
    return main.__dict__


def record_writer() -> WriteRecord:
    """A function that appends one record to the answers."""
    write, frame = os.write, wire.frame  # kept here, because honest programs may patch ``os`` too

    def write_record(index: int, kind: int, payload: bytes) -> None:
        data = memoryview(frame(index, kind, payload))
        while data:
            data = data[write(ANSWERS_FD, data) :]

    return write_record


def class_name(error: BaseException) -> bytes:
    """The class name of an exception as a record holds it, with the package that an import did not find."""
    name = type(error).__name__
    if type(error) is ModuleNotFoundError and type(error.name) is str:
        name = f"{name}: {error.name.partition('.')[0]}"
    return name.encode("utf-8", "backslashreplace")[:200]


def load(preamble: CodeType | None, code: CodeType, namespace: dict[str, Any], write_record: WriteRecord) -> bool:
    """Execute preamble and program. An exception is recorded as ``LOADED``, and the result is False."""
    try:
        if preamble is not None:
            exec(preamble, namespace)
        exec(code, namespace)
    except BaseException as error:
        write_record(wire.LOADED, wire.RAISED, class_name(error))
        line_trace.note_error(error)
        return False
    return True


def answer_calls(body: tuple[Any, ...], preamble: CodeType | None, code: CodeType) -> int:
    """Run the program once, then each call in order. Stop at the first exception unless ``keep_going`` is set."""
    _, entry_point, fresh, calls, keep_going = body
    write_record, namespace = record_writer(), fresh_main()
    if not load(preamble, code, namespace, write_record):
        return CRASH_EXIT
    target: Any = None
    for index, (arguments, keywords) in enumerate(marshal.loads(calls)):
        try:
            if fresh or index == 0:
                target = look_up(entry_point, namespace)
            payload = encode(target(*arguments, **keywords), exact=not fresh)
            write_record(index, wire.ANSWER, payload)
        except BaseException as error:
            write_record(index, wire.RAISED, class_name(error))
            line_trace.note_error(error)
            if not keep_going:
                return CRASH_EXIT
    return CLEAN_EXIT


def look_up(entry_point: str, namespace: dict[str, Any]) -> Any:
    """The value of the entry point's expression. A plain name is looked up without compiling it."""
    if entry_point in namespace:
        return namespace[entry_point]
    return eval(entry_point, namespace)


def run_stdio(preamble: CodeType | None, code: CodeType) -> int:
    """Run the program as ``python program.py`` would, to the end of its threads and exit functions."""
    sys.stdin, sys.stdout = _text_file(0, "r"), _text_file(1, "w")
    write_record, namespace = record_writer(), fresh_main("__main__")
    status = CLEAN_EXIT
    try:
        if preamble is not None:
            exec(preamble, namespace)
        exec(code, namespace)
    except SystemExit as exit_request:
        status = _exit_code(exit_request.code)
        line_trace.note_error(exit_request)
    except BaseException as error:
        write_record(wire.LOADED, wire.RAISED, class_name(error))
        line_trace.note_error(error)
        status = CRASH_EXIT
    return _finish(status, write_record)


def _text_file(descriptor: int, mode: str) -> TextIO:
    """A standard file as the interpreter opens it in UTF-8 mode."""
    return open(descriptor, mode, encoding="utf-8", errors="surrogateescape", closefd=False)  # type: ignore[return-value]


def _finish(status: int, write_record: WriteRecord) -> int:
    """Do what the interpreter does at exit: wait for threads, run exit functions, flush. A failure is exit code 120."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        if sys.stdout is not None and not sys.stdout.closed:
            sys.stdout.flush()
    except BaseException as error:
        write_record(wire.LOADED, wire.RAISED, class_name(error))
        return status or 120
    return status


def _exit_code(code: object) -> int:
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else 1


def prepare_interpreter(program: str) -> None:
    """Enable the garbage collector, which the zygote keeps disabled, and let ``inspect`` find the program's source."""
    gc.enable()
    lines = program.splitlines(keepends=True)
    for name in (FILE, program_path()):
        linecache.cache[name] = len(program), None, lines, name
