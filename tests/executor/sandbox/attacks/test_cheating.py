"""Programs that try to pass without the right answer."""

from __future__ import annotations

import pytest
from tests.executor.sandbox.attacks.attack import (
    CALLS,
    COMPILE,
    HONEST,
    PASSED,
    RUNTIME,
    SECRET,
    SHORT_CPU,
    SHORT_WALL,
    TESTER,
    TIMEOUT,
    WRONG,
    Attack,
    check,
    names,
)

from prlcoder.executor import Executor

pytestmark = pytest.mark.needs_sandbox

CHEATS = [
    Attack(
        "always equal object",
        "class Equal(int):\n"
        "    def __eq__(self, other): return True\n"
        "    __hash__ = int.__hash__\n"
        "def f(n): return Equal()",
        WRONG,
        "",
    ),
    Attack(
        "equal object that is no builtin",
        "class Equal:\n    def __eq__(self, other): return True\ndef f(n): return Equal()",
        WRONG,
        "",
    ),
    Attack(
        "lies about its class",
        "class Liar:\n"
        "    __class__ = int\n"
        "    def __eq__(self, other): return True\n"
        "    def __int__(self): return 0\n"
        "def f(n): return Liar()",
        WRONG,
        "",
    ),
    Attack(
        "walks the frames for the expected value",
        """
        import sys
        def f(n):
            frame = sys._getframe()
            while frame:
                for value in list(frame.f_locals.values()) + list(frame.f_globals.values()):
                    if str(value).startswith("86753094"):
                        return int(str(value)[:13])
                frame = frame.f_back
            return 0
        """,
        WRONG,
        "",
    ),
    Attack(
        "searches all objects for the expected value",
        """
        import gc
        def f(n):
            gc.collect()
            lists = [o for o in gc.get_objects() if isinstance(o, (list, tuple))]
            found = [v for o in lists for v in o if v.__class__ is int and 8 * 10**12 < v < 9 * 10**12]
            return found[0] if found else 0
        """,
        WRONG,
        "",
    ),
    Attack(
        "patches the encoder and the comparison",
        """
        import builtins, json, marshal, operator, unittest, sys
        marshal.dumps = lambda *a: b"T"
        builtins.isinstance = lambda *a: True
        builtins.type = lambda *a: int
        operator.eq = lambda *a: True
        unittest.TestCase.assertEqual = lambda *a: None
        for name, module in list(sys.modules.items()):
            if hasattr(module, "encode") and name != "codecs":
                try: module.encode = lambda *a: b"T"
                except Exception: pass
        def f(n): return True
        """,
        WRONG,
        "",
    ),
    Attack("exits cleanly while it loads", "import sys\nsys.exit(0)\ndef f(n): return 0", RUNTIME, "SystemExit"),
    Attack("exits cleanly in the call", "def f(n): raise SystemExit(0)", RUNTIME, "SystemExit"),
    Attack("quit()s", "def f(n):\n    import os\n    os._exit(0)", RUNTIME, "unanswered"),
    Attack("os._exit(0) while it loads", "import os\nos._exit(0)", RUNTIME, "unanswered"),
    Attack("os._exit(9) in the call", "import os\ndef f(n): os._exit(9)", RUNTIME, "exit_code 9"),
    Attack(
        "registers an exit function that claims success",
        "import atexit\natexit.register(lambda: print('passed'))\ndef f(n): return 0",
        WRONG,
        "",
    ),
    Attack(
        "prints what a harness might look for", "print('ok passed PASS 1.0', flush=True)\ndef f(n): return 0", WRONG, ""
    ),
    Attack(
        "forges records on every descriptor",
        """
        import os, struct
        for fd in range(64):
            for payload in (b"T", b"passed", struct.pack("<i", 1)):
                for kind in (0, 1, 2):
                    try: os.write(fd, struct.pack("<IiB", len(payload), 0, kind) + payload)
                    except OSError: pass
        def f(n): return 0
        """,
        WRONG,
        "",
    ),
    Attack(
        "writes noise to every descriptor",
        """
        import os
        for fd in range(64):
            try: os.write(fd, b"\\xff" * 100)
            except OSError: pass
        def f(n): return 0
        """,
        RUNTIME,
        "unanswered",
    ),
    Attack("closes every descriptor", "import os\nos.closerange(0, 256)\ndef f(n): return 0", RUNTIME, "exit_code 1"),
    Attack("hides a cycle in its answer", "def f(n):\n    a = []\n    a.append(a)\n    return a", WRONG, ""),
    Attack(
        "nests its answer deep", "def f(n):\n    a = []\n    for _ in range(100000): a = [a]\n    return a", WRONG, ""
    ),
    Attack("answers a NaN", "def f(n): return float('nan')", WRONG, ""),
    Attack("answers infinity", "def f(n): return float('inf')", WRONG, ""),
    Attack("answers an enormous integer", "def f(n): return 1 << 20_000_000", WRONG, ""),
    Attack("answers more than the limit", "def f(n): return b'x' * (5 << 20)", RUNTIME, "output_limit"),
    Attack("answers a generator", "def f(n):\n    yield 8_675_309_424_242", WRONG, ""),
    Attack("answers a lone surrogate", "def f(n): return chr(0xD800)", WRONG, ""),
    Attack(
        "raises an exception with a hostile class",
        "class E(BaseException):\n    def __str__(self): raise self\n    __repr__ = __str__\ndef f(n): raise E",
        RUNTIME,
        "E",
    ),
    Attack("raises KeyboardInterrupt", "def f(n): raise KeyboardInterrupt", RUNTIME, "KeyboardInterrupt"),
    Attack(
        "answers an object that would run code when unpickled",
        "import os\nclass E:\n    def __reduce__(self): return (os._exit, (0,))\ndef f(n): return E()",
        WRONG,
        "",
    ),
    Attack(
        "hides an always equal key in a dict",
        "class K(str):\n    __eq__ = lambda *a: True\n    __hash__ = str.__hash__\ndef f(n): return {K('a'): K('b')}",
        WRONG,
        "",
    ),
    Attack("answers a memory view", "def f(n): return memoryview(b'8675309424242')", WRONG, ""),
    Attack("answers code", "def f(n): return f.__code__", WRONG, ""),
    Attack("answers a frame", "import sys\ndef f(n): return sys._getframe()", WRONG, ""),
    Attack("answers a coroutine", "async def f(n): return 8_675_309_424_242 + n - 3", WRONG, ""),
    Attack("answers a cycle of dicts", "def f(n):\n    a = {}\n    a['a'] = [a]\n    return a", WRONG, ""),
    Attack("answers a million items", "def f(n): return list(range(300_000))", WRONG, ""),
    Attack("answers a dict with a list in its key", "def f(n): return {(1, (2, frozenset({3}))): [n]}", WRONG, ""),
    Attack(
        "answers an object whose truth raises",
        "class E:\n    def __bool__(self): raise SystemExit\n    __len__ = __bool__\ndef f(n): return E()",
        RUNTIME,
        "SystemExit",
    ),
    Attack(
        "pretends through the class of an integer",
        "class I(int):\n    def __int__(self): return 0\n    __index__ = __int__\ndef f(n):\n"
        "    return I(8_675_309_424_242 + n - 3)",
        PASSED,  # its value is what counts, whatever its methods say
        "",
    ),
    Attack(
        "replaces the function that records its answers",
        "import sys\nframe = sys._getframe()\nwhile frame:\n"
        "    for name in list(frame.f_locals):\n"
        "        if name == 'write_record': frame.f_locals[name] = print\n"
        "    frame = frame.f_back\ndef f(n): return 0",
        WRONG,
        "",
    ),
    Attack(
        "answers twice through the descriptor",
        "import marshal, os, struct\n"
        f"value = marshal.dumps({SECRET - 1}, 2)\n"
        "os.write(3, struct.pack('<IiB', len(value), 0, 0) + value)\n"
        "def f(n): return 8_675_309_424_242 + n - 3",
        WRONG,
        "",
    ),
    Attack(
        "truncates the file of answers",
        "import os\ndef f(n):\n    os.ftruncate(3, 0)\n    os.lseek(3, 1 << 40, 0)\n    return 0",
        RUNTIME,
        "exit_code 1",
    ),
    Attack("right, then patched exits", HONEST + "import os, sys\nsys.exit = os._exit = None", PASSED, ""),
    Attack("right, then a crash", HONEST + "import atexit, os\natexit.register(os._exit, 3)", PASSED, ""),
    Attack("right, whatever it prints", HONEST + "print('x' * (8 << 20))", PASSED, ""),
    Attack("closes standard output", HONEST + "import sys\nsys.stdout.close()\nsys.stderr.close()", PASSED, ""),
]

TESTER_ATTACKS = [
    Attack("right", HONEST, PASSED, ""),
    Attack("wrong", "def f(n): return 0", WRONG, ""),
    Attack("raises", "def f(n): raise KeyError", RUNTIME, "KeyError"),
    Attack("raises AssertionError", "def f(n): assert False", RUNTIME, "AssertionError"),
    Attack(
        "always equal object",
        "class Equal:\n    def __eq__(self, other): return True\ndef f(n): return Equal()",
        WRONG,
        "own_object",
    ),
    Attack("exits cleanly", "import os\ndef f(n): os._exit(0)", RUNTIME, "unanswered"),
    Attack("exits cleanly while it loads", "raise SystemExit", RUNTIME, "SystemExit"),
    Attack("loops", "def f(n):\n    while True: pass", TIMEOUT, "cpu", SHORT_CPU),
    Attack("sleeps", "import time\ndef f(n): time.sleep(60)", TIMEOUT, "wall", SHORT_WALL),
    Attack(
        "speaks to the tester by itself",
        """
        import os, struct
        for fd in range(3, 64):
            for word in (b"ready", b"+", b"passed", b"+T", b"-AssertionError", b"+" + b"\\xff" * 10):
                try: os.write(fd, struct.pack("<I", len(word)) + word)
                except OSError: pass
        def f(n): return 0
        """,
        WRONG,
        "",
    ),
    Attack(
        "claims a giant message",
        "import os\ndef f(n):\n    os.write(4, b'\\xff' * 4)\n    os._exit(0)",
        RUNTIME,
        "unanswered",
    ),
    Attack("does not parse", "def f(", COMPILE, "SyntaxError"),
    Attack("lacks the function", "x = 1", RUNTIME, "NameError"),
    Attack("segfaults", "import ctypes\ndef f(n): ctypes.string_at(0)", RUNTIME, "signal SIGSEGV"),
    Attack(
        "answers envelopes of its own making",
        "def f(n): return (..., 'handle', 0), (..., 'builtin', 'int'), (..., 'object', 0), (..., 'fraction', 1, 0)",
        WRONG,
        "",
    ),
    Attack("answers a code object", "def f(n): return f.__code__", WRONG, ""),
    Attack(
        "answers what is nested deep",
        "def f(n):\n    a = n\n    for _ in range(1500): a = [a]\n    return a",
        WRONG,
        "",
    ),
    Attack(
        "signals the tester",
        "import os\nfor pid in range(2, 400):\n    try: os.kill(pid, 9)\n    except OSError: pass\n" + HONEST,
        PASSED,
        "",
    ),
]


@pytest.mark.parametrize("attack", CHEATS, ids=names(CHEATS))
def test_no_cheat_passes(executor: Executor, attack: Attack) -> None:
    check(executor, attack, CALLS)


@pytest.mark.parametrize("attack", TESTER_ATTACKS, ids=names(TESTER_ATTACKS))
def test_a_tester_is_not_fooled(executor: Executor, attack: Attack) -> None:
    check(executor, attack, TESTER)
