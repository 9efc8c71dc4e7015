"""Sources of every form, and programs that read standard input: each gets the verdict that Python suggests."""

from __future__ import annotations

import pytest
from tests.executor.sandbox.attacks.attack import (
    CALLS,
    COMPILE,
    HONEST,
    HONEST_STDIO,
    PASSED,
    RUNTIME,
    SECRET,
    SHORT_CPU,
    SHORT_WALL,
    STDIO,
    TIMEOUT,
    WRONG,
    Attack,
    check,
    names,
)

from prlcoder.executor import Executor

pytestmark = pytest.mark.needs_sandbox

SOURCES = [
    Attack("does not parse", "def f(n) return n", COMPILE, "SyntaxError"),
    Attack("is badly indented", "def f(n):\n    x = 1\n  return x", COMPILE, "IndentationError"),
    Attack("mixes tabs and spaces", "def f(n):\n\tif n:\n        return n", COMPILE, "TabError"),
    Attack("holds a null byte", "def f(n): return 0\0", COMPILE, "SyntaxError"),
    Attack("nests 10,000 parentheses", "x = " + "(" * 10_000 + ")" * 10_000, COMPILE, "SyntaxError"),
    Attack("is empty", "", RUNTIME, "NameError"),
    Attack("lacks the function", "def g(n): return 0", RUNTIME, "NameError"),
    Attack("imports what is not there", "import numpy\n" + HONEST, RUNTIME, "ModuleNotFoundError: numpy"),
    Attack("starts with a byte order mark", "\ufeff" + HONEST, PASSED, ""),
    Attack("has CRLF line ends", HONEST.replace("\n", "\r\n"), PASSED, ""),
    Attack("has a guard", HONEST + "\nif __name__ == '__main__':\n    raise ValueError\n", PASSED, ""),
    Attack(
        "is all behind a guard",
        f"if __name__ == '__main__':\n    def f(n): return {SECRET} + n - 3",
        RUNTIME,
        "NameError",
    ),
    Attack(
        "is a dataclass",
        f"from dataclasses import dataclass\n@dataclass\nclass A:\n    n: int\ndef f(n): return A(n).n + {SECRET} - 3",
        PASSED,
        "",
    ),
]

STDIO_ATTACKS = [
    Attack("right", HONEST_STDIO, PASSED, ""),
    Attack("right, then a failing exit", HONEST_STDIO + "raise SystemExit(3)", RUNTIME, "exit_code 3"),
    Attack("right, then an exception", HONEST_STDIO + "raise ValueError", RUNTIME, "ValueError"),
    Attack("right, then an early clean exit", HONEST_STDIO + "import sys\nsys.exit()", PASSED, ""),
    Attack(
        "right, then a kill in a thread's time",
        HONEST_STDIO + "import os, sys\nsys.stdout.flush()\nos._exit(0)",
        PASSED,
        "",
    ),
    Attack(
        "prints in an exit function",
        f"import atexit\nn = int(input())\natexit.register(lambda: print({SECRET} + n - 3))",
        PASSED,
        "",
    ),
    Attack(
        "prints in a thread",
        "import threading, time\n"
        "n = int(input())\n"
        "def late():\n"
        "    time.sleep(0.05)\n"
        f"    print({SECRET} + n - 3)\n"
        "threading.Thread(target=late).start()",
        PASSED,
        "",
    ),
    Attack("wrong", "print(0)", WRONG, ""),
    Attack("prints nothing", "pass", WRONG, ""),
    Attack("does not read its input", "print(1)", WRONG, ""),
    Attack("reads past the end", "input(); input()", RUNTIME, "EOFError"),
    Attack(
        "prints more than the limit",
        "import sys\nfor _ in range(64): sys.stdout.write('x' * (1 << 20))",
        RUNTIME,
        "output_limit",
    ),
    Attack("prints bytes that are not UTF-8", "import sys\nsys.stdout.buffer.write(bytes(range(256)))", WRONG, ""),
    Attack("writes to its own input", "import os\nos.write(0, b'9' * 100)\nprint(0)", WRONG, ""),
    Attack("message in SystemExit", "raise SystemExit('no')", RUNTIME, "exit_code 1"),
    Attack("loops", "while True: pass", TIMEOUT, "cpu", SHORT_CPU),
    Attack("sleeps", "import time\ntime.sleep(60)", TIMEOUT, "wall", SHORT_WALL),
    Attack("segfaults", "import ctypes\nctypes.string_at(0)", RUNTIME, "signal SIGSEGV"),
    Attack("does not parse", "print(", COMPILE, "SyntaxError"),
    Attack("allocates 2 GiB", "bytearray(2 << 30)", RUNTIME, "memory"),
    Attack(
        "leaves a daemon that holds standard output",
        HONEST_STDIO + "import os, time, sys\n"
        "sys.stdout.flush()\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(60)\n"
        "    os._exit(0)",
        PASSED,
        "",
        gvisor=(RUNTIME, "BlockingIOError"),
    ),
]


@pytest.mark.parametrize("attack", SOURCES, ids=names(SOURCES))
def test_sources_of_every_kind(executor: Executor, attack: Attack) -> None:
    check(executor, attack, CALLS)


@pytest.mark.parametrize("attack", STDIO_ATTACKS, ids=names(STDIO_ATTACKS))
def test_standard_input_and_output(executor: Executor, attack: Attack) -> None:
    check(executor, attack, STDIO)
