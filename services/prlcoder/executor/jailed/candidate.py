"""The process of one candidate: compile (trusted), confine, then hand over to its code.

Every function here that runs before ``confine`` is trusted; nothing after it is. Whatever happens to these functions
later only changes what the candidate *says*, and the supervisor knows what it should have said.
"""

from __future__ import annotations

import atexit
import builtins
import gc
import marshal
import os
import sys
import threading
import types
from collections.abc import Callable
from typing import Any, Final, TextIO

from prlcoder.executor.jailed import wire
from prlcoder.executor.jailed.values import encode

ANSWERS_FD: Final = 3
CHANNEL_FD: Final = 4
CLEAN_EXIT: Final = 0
CRASH_EXIT: Final = 1
IMPORTED: Final = "solution"  # ``__name__`` of a program whose functions are called

CodeType = types.CodeType
Say = Callable[[int, int, bytes], None]


def compile_program(program: str) -> CodeType | str:
    """The program's code, or the class name of what is wrong with it. A byte order mark is skipped, as in a file."""
    try:
        return compile(program.removeprefix("\ufeff"), "<program>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        return type(error).__name__


def fresh_main(name: str = IMPORTED) -> dict[str, Any]:
    """The namespace of a new module, registered under its name (dataclasses and pickle look it up) and as the main one.

    A program whose functions are called is imported, as in the published harnesses: what it keeps behind
    ``if __name__ == "__main__"`` does not run. One that reads standard input is ``__main__``.
    """
    main = types.ModuleType(name)
    main.__dict__["__builtins__"] = builtins
    sys.modules[name] = sys.modules["__main__"] = main
    return main.__dict__


def speaker() -> Say:
    """A function that appends one record to the answers, holding on to what it needs."""
    write, frame = os.write, wire.frame

    def say(index: int, kind: int, payload: bytes) -> None:
        data = memoryview(frame(index, kind, payload))
        while data:
            data = data[write(ANSWERS_FD, data) :]

    return say


def class_name(error: BaseException) -> bytes:
    """What a record says about an exception."""
    return type(error).__name__.encode("utf-8", "backslashreplace")[:200]


def load(preamble: CodeType | None, code: CodeType, namespace: dict[str, Any], say: Say) -> bool:
    """Execute preamble and program; an exception becomes the record ``LOADED`` and False."""
    try:
        if preamble is not None:
            exec(preamble, namespace)
        exec(code, namespace)
    except BaseException as error:
        say(wire.LOADED, wire.RAISED, class_name(error))
        return False
    return True


def answer_calls(body: tuple[Any, ...], preamble: CodeType | None, code: CodeType) -> int:
    """Run the program once, then each call in order; stop at the first exception unless told to go on."""
    _, entry_point, fresh, calls, keep_going = body
    say, namespace = speaker(), fresh_main()
    if not load(preamble, code, namespace, say):
        return CRASH_EXIT
    target: Any = None
    for index, (arguments, keywords) in enumerate(marshal.loads(calls)):
        try:
            if fresh or index == 0:
                target = look_up(entry_point, namespace)
            payload = encode(target(*arguments, **keywords))
            say(index, wire.ANSWER, payload)
        except BaseException as error:
            say(index, wire.RAISED, class_name(error))
            if not keep_going:
                return CRASH_EXIT
    return CLEAN_EXIT


def look_up(entry_point: str, namespace: dict[str, Any]) -> Any:
    """The value of the entry point's expression; a plain name costs no compilation."""
    if entry_point in namespace:
        return namespace[entry_point]
    return eval(entry_point, namespace)


def run_stdio(preamble: CodeType | None, code: CodeType) -> int:
    """Run the program as ``python program.py`` would, to the end of its threads and exit functions."""
    sys.stdin, sys.stdout = _text_file(0, "r"), _text_file(1, "w")
    say, namespace = speaker(), fresh_main("__main__")
    status = CLEAN_EXIT
    try:
        if preamble is not None:
            exec(preamble, namespace)
        exec(code, namespace)
    except SystemExit as exit_request:
        status = _exit_code(exit_request.code)
    except BaseException as error:
        say(wire.LOADED, wire.RAISED, class_name(error))
        status = CRASH_EXIT
    return _finish(status, say)


def _text_file(descriptor: int, mode: str) -> TextIO:
    """A standard file as the interpreter opens it in UTF-8 mode."""
    return open(descriptor, mode, encoding="utf-8", errors="surrogateescape", closefd=False)  # type: ignore[return-value]


def _finish(status: int, say: Say) -> int:
    """What the interpreter does at exit: wait for threads, run exit functions, flush (exit code 120 if it fails)."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        if sys.stdout is not None and not sys.stdout.closed:
            sys.stdout.flush()
    except BaseException as error:
        say(wire.LOADED, wire.RAISED, class_name(error))
        return status or 120
    return status


def _exit_code(code: object) -> int:
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else 1


def prepare_interpreter() -> None:
    """Give the candidate the collector that the zygote does without."""
    gc.enable()
