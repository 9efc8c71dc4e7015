"""Programs that use up time, memory, processes or files."""

from __future__ import annotations

import pytest
from tests.executor.sandbox.attacks.attack import (
    CALLS,
    RUNTIME,
    SHORT_CPU,
    SHORT_WALL,
    TIMEOUT,
    WRONG,
    Attack,
    check,
    names,
)

from prlcoder.executor import Executor

pytestmark = pytest.mark.needs_sandbox

EXHAUSTION = [
    Attack("loops", "def f(n):\n    while True: pass", TIMEOUT, "cpu", SHORT_CPU),
    Attack("loops while it loads", "while True: pass", TIMEOUT, "cpu", SHORT_CPU),
    Attack("sleeps", "import time\ndef f(n): time.sleep(60)", TIMEOUT, "wall", SHORT_WALL),
    Attack("loops in C", "def f(n): return 7 ** (7 ** 11)", TIMEOUT, "cpu", SHORT_CPU),
    Attack(
        "backtracks in C", "import re\ndef f(n): return re.match(r'(a+)+$', 'a' * 64 + 'b')", TIMEOUT, "cpu", SHORT_CPU
    ),
    Attack(
        "ignores signals and loops",
        "import signal\n"
        "for s in range(1, 65):\n"
        "    try: signal.signal(s, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\n"
        "def f(n):\n"
        "    while True: pass",
        TIMEOUT,
        "cpu",
        SHORT_CPU,
    ),
    Attack(
        "catches everything and loops",
        "def f(n):\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass",
        TIMEOUT,
        "cpu",
        SHORT_CPU,
    ),
    Attack("allocates 2 GiB", "def f(n): return len(bytearray(2 << 30))", RUNTIME, "memory"),
    Attack("allocates without end", "x = []\nwhile True: x.append(bytes(1 << 20))", RUNTIME, "memory"),
    Attack("recurses", "def f(n): return f(n)", RUNTIME, "RecursionError"),
    Attack("crashes the interpreter", "import ctypes\ndef f(n): ctypes.string_at(0)", RUNTIME, "signal SIGSEGV"),
    Attack("aborts", "import os\ndef f(n): os.abort()", RUNTIME, "signal SIGSEGV"),
    Attack(
        "forks without end",
        "import os\ndef f(n):\n    while True:\n        os.fork()",
        RUNTIME,
        "BlockingIOError",
    ),
    Attack(
        "starts threads without end",
        "import threading, time\n"
        "def f(n):\n"
        "    while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        RUNTIME,
        "RuntimeError",
    ),
    Attack("writes a huge file", "def f(n): open('x', 'wb').write(bytes(5 << 20))", RUNTIME, "OSError"),
    Attack(
        "fills the scratch folder",
        "def f(n):\n    for i in range(100): open(str(i), 'wb').write(bytes(4 << 20))",
        RUNTIME,
        "OSError",
    ),
    Attack(
        "makes files without end", "def f(n):\n    for i in range(10**6): open(str(i), 'w').close()", RUNTIME, "OSError"
    ),
    Attack(
        "maps memory without end",
        "import mmap\nx = []\nwhile True: x.append(mmap.mmap(-1, 1 << 26))",
        RUNTIME,
        "OSError",
    ),
    Attack("grows a string without end", "x = 'a'\nwhile True: x += x", RUNTIME, "memory"),
    Attack("grows an integer without end", "x = 3\nwhile True: x *= x", TIMEOUT, "cpu", SHORT_CPU),
    Attack("compiles a huge constant", "x = " + "[" * 90 + "0" + "]" * 90 + "\ndef f(n): return x", WRONG, ""),
    Attack("folds constants while it compiles", "def f(n): return 'a' * 10**9 * n", RUNTIME, "memory"),
    Attack("deletes its scratch folder", "import os\ndef f(n): os.rmdir('/tmp')", RUNTIME, "OSError"),
    Attack(
        "opens files without end", "def f(n): return len([open('/dev/null') for _ in range(10000)])", RUNTIME, "OSError"
    ),
]


@pytest.mark.parametrize("attack", EXHAUSTION, ids=names(EXHAUSTION))
def test_every_resource_has_an_end(executor: Executor, attack: Attack) -> None:
    check(executor, attack, CALLS)
