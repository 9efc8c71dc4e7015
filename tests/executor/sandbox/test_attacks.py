"""Programs that try to cheat, to escape, to exhaust or to outlive. Each has one right verdict, and the canary that runs
next in the same jail is not impressed.

Sources: the attacks known against reward harnesses (frames, ``__eq__``, early exits, daemons, patched modules) and the
conformance list of judges (limits, signals, encodings).
"""

from __future__ import annotations

import textwrap
from typing import NamedTuple

import pytest

from prlcoder.executor import ExecutionRequest, Executor, ResourceLimits, Verdict
from prlcoder.problems.model import AssertTests, CallTest, CallTests, Comparison, StdioTest, StdioTests

pytestmark = pytest.mark.needs_sandbox

SECRET = 8_675_309_424_242
CALLS = CallTests("f", (CallTest((3,), {}, SECRET), CallTest((4,), {}, SECRET + 1)))
STDIO = StdioTests((StdioTest("3\n", f"{SECRET}\n"), StdioTest("4\n", f"{SECRET + 1}\n")))
DIALOGUE = AssertTests(
    f"def check(candidate):\n    for n in (3, 4):\n        assert candidate(n) == {SECRET} + n - 3\n", "f", True
)
HONEST = f"def f(n):\n    return {SECRET} + n - 3\n"
HONEST_STDIO = f"print({SECRET} + int(input()) - 3)\n"


class Attack(NamedTuple):
    """A program and the one verdict and reason that it must get; under gVisor, ``gvisor`` where that differs.

    It differs where no other process may be started and no signal sent, and where none is PID 1.
    """

    name: str
    program: str
    verdict: Verdict
    reason: str
    limits: ResourceLimits | None = None
    gvisor: tuple[Verdict, str] | None = None


P, W, R, C, T = Verdict  # passed, wrong answer, runtime error, compile error, timeout

SHORT_WALL = ResourceLimits(cpu_s=2.0, wall_s=0.6, memory_mib=512, output_mib=4, processes=8)
SHORT_CPU = ResourceLimits(cpu_s=0.3, wall_s=8.0, memory_mib=512, output_mib=4, processes=8)

CHEATS = [
    Attack(
        "always equal object",
        "class Equal(int):\n"
        "    def __eq__(self, other): return True\n"
        "    __hash__ = int.__hash__\n"
        "def f(n): return Equal()",
        W,
        "",
    ),
    Attack(
        "equal object that is no builtin",
        "class Equal:\n    def __eq__(self, other): return True\ndef f(n): return Equal()",
        W,
        "",
    ),
    Attack(
        "lies about its class",
        "class Liar:\n"
        "    __class__ = int\n"
        "    def __eq__(self, other): return True\n"
        "    def __int__(self): return 0\n"
        "def f(n): return Liar()",
        W,
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
        W,
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
        W,
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
        W,
        "",
    ),
    Attack("exits cleanly while it loads", "import sys\nsys.exit(0)\ndef f(n): return 0", R, "SystemExit"),
    Attack("exits cleanly in the call", "def f(n): raise SystemExit(0)", R, "SystemExit"),
    Attack("quit()s", "def f(n):\n    import os\n    os._exit(0)", R, "unanswered"),
    Attack("os._exit(0) while it loads", "import os\nos._exit(0)", R, "unanswered"),
    Attack("os._exit(9) in the call", "import os\ndef f(n): os._exit(9)", R, "exit_code 9"),
    Attack(
        "registers an exit function that claims success",
        "import atexit\natexit.register(lambda: print('passed'))\ndef f(n): return 0",
        W,
        "",
    ),
    Attack(
        "prints what a harness might look for", "print('ok passed PASS 1.0', flush=True)\ndef f(n): return 0", W, ""
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
        W,
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
        R,
        "unanswered",
    ),
    Attack("closes every descriptor", "import os\nos.closerange(0, 256)\ndef f(n): return 0", R, "exit_code 1"),
    Attack("hides a cycle in its answer", "def f(n):\n    a = []\n    a.append(a)\n    return a", W, ""),
    Attack("nests its answer deep", "def f(n):\n    a = []\n    for _ in range(100000): a = [a]\n    return a", W, ""),
    Attack("answers a NaN", "def f(n): return float('nan')", W, ""),
    Attack("answers infinity", "def f(n): return float('inf')", W, ""),
    Attack("answers an enormous integer", "def f(n): return 1 << 20_000_000", W, ""),
    Attack("answers more than the limit", "def f(n): return b'x' * (5 << 20)", R, "output_limit"),
    Attack("answers a generator", "def f(n):\n    yield 8_675_309_424_242", W, ""),
    Attack("answers a lone surrogate", "def f(n): return chr(0xD800)", W, ""),
    Attack(
        "raises an exception with a hostile class",
        "class E(BaseException):\n    def __str__(self): raise self\n    __repr__ = __str__\ndef f(n): raise E",
        R,
        "E",
    ),
    Attack("raises KeyboardInterrupt", "def f(n): raise KeyboardInterrupt", R, "KeyboardInterrupt"),
    Attack(
        "answers an object that would run code when unpickled",
        "import os\nclass E:\n    def __reduce__(self): return (os._exit, (0,))\ndef f(n): return E()",
        W,
        "",
    ),
    Attack(
        "hides an always equal key in a dict",
        "class K(str):\n    __eq__ = lambda *a: True\n    __hash__ = str.__hash__\ndef f(n): return {K('a'): K('b')}",
        W,
        "",
    ),
    Attack("answers a memory view", "def f(n): return memoryview(b'8675309424242')", W, ""),
    Attack("answers code", "def f(n): return f.__code__", W, ""),
    Attack("answers a frame", "import sys\ndef f(n): return sys._getframe()", W, ""),
    Attack("answers a coroutine", "async def f(n): return 8_675_309_424_242 + n - 3", W, ""),
    Attack("answers a cycle of dicts", "def f(n):\n    a = {}\n    a['a'] = [a]\n    return a", W, ""),
    Attack("answers a million items", "def f(n): return list(range(300_000))", W, ""),
    Attack("answers a dict with a list in its key", "def f(n): return {(1, (2, frozenset({3}))): [n]}", W, ""),
    Attack(
        "answers an object whose truth raises",
        "class E:\n    def __bool__(self): raise SystemExit\n    __len__ = __bool__\ndef f(n): return E()",
        R,
        "SystemExit",
    ),
    Attack(
        "pretends through the class of an integer",
        "class I(int):\n    def __int__(self): return 0\n    __index__ = __int__\ndef f(n):\n"
        "    return I(8_675_309_424_242 + n - 3)",
        P,  # its value is what counts, whatever its methods say
        "",
    ),
    Attack(
        "replaces the function that speaks for it",
        "import sys\nframe = sys._getframe()\nwhile frame:\n"
        "    for name in list(frame.f_locals):\n"
        "        if name == 'say': frame.f_locals[name] = print\n"
        "    frame = frame.f_back\ndef f(n): return 0",
        W,
        "",
    ),
    Attack(
        "answers twice through the descriptor",
        "import marshal, os, struct\n"
        f"value = marshal.dumps({SECRET - 1}, 2)\n"
        "os.write(3, struct.pack('<IiB', len(value), 0, 0) + value)\n"
        "def f(n): return 8_675_309_424_242 + n - 3",
        W,
        "",
    ),
    Attack(
        "truncates the file of answers",
        "import os\ndef f(n):\n    os.ftruncate(3, 0)\n    os.lseek(3, 1 << 40, 0)\n    return 0",
        R,
        "exit_code 1",
    ),
    Attack("right, then patched exits", HONEST + "import os, sys\nsys.exit = os._exit = None", P, ""),
    Attack("right, then a crash", HONEST + "import atexit, os\natexit.register(os._exit, 3)", P, ""),
    Attack("right, whatever it prints", HONEST + "print('x' * (8 << 20))", P, ""),
    Attack("closes standard output", HONEST + "import sys\nsys.stdout.close()\nsys.stderr.close()", P, ""),
]

ESCAPES = [
    Attack("opens a socket", "import socket\ndef f(n): socket.socket()", R, "PermissionError"),
    Attack("connects", "import socket\ndef f(n): socket.create_connection(('127.0.0.1', 80), 1)", R, "PermissionError"),
    Attack("resolves a name", "import socket\ndef f(n): socket.getaddrinfo('example.org', 80)", R, "gaierror"),
    Attack("reads /proc", "def f(n): return open('/proc/self/mem')", R, "FileNotFoundError"),
    Attack(
        "lists other processes' files",
        "import glob\ndef f(n): return sum(map(len, map(glob.glob, ('/proc/*/fd', '/home/*', '/srv/*'))))",
        W,
        "",
    ),
    Attack("reads passwords", "def f(n): return open('/etc/passwd').read()", R, "FileNotFoundError"),
    Attack(
        "writes outside its scratch folder",
        "def f(n): open('/usr/x', 'w')",
        R,
        "OSError",
        gvisor=(R, "PermissionError"),  # which of the two reasons comes first: not its file, or a read-only mount
    ),
    Attack("creates a file in the root", "def f(n): open('/x', 'w')", R, "OSError"),
    Attack(
        "follows a symbolic link out",
        "import os\ndef f(n):\n    os.symlink('/', 'out')\n    open('out/x', 'w')",
        R,
        "OSError",
    ),
    *[
        Attack(
            f"system call {name}",
            "import ctypes\n"
            "def f(n):\n"
            f"    r = ctypes.CDLL(None, use_errno=True).syscall({call})\n"
            f"    return (r, ctypes.get_errno()) == (-1, {errno}) and {SECRET} + n - 3",
            P,
            "",
        )
        for name, call, errno in (
            ("unshare(user)", "272, 0x10000000", 1),
            ("unshare(mount)", "272, 0x00020000", 1),
            ("clone(user, pid)", "56, 0x30000011, 0, 0, 0, 0", 1),
            ("clone3", "435, 0, 0", 38),
            ("ptrace", "101, 0, 1, 0, 0", 1),
            ("mount", "165, 0, 0, 0, 0, 0", 1),
            ("setns", "308, 0, 0", 1),
            ("bpf", "321, 0, 0, 0", 1),
            ("keyctl", "250, 0, 0", 1),
            ("io_uring_setup", "425, 1, 0", 1),
            ("memfd_create", "319, 0, 0", 1),
            ("process_vm_readv", "310, 1, 0, 0, 0, 0, 0", 1),
            ("an x32 number", "0x40000000 | 39", 38),
        )
    ],
    Attack(
        "kills everything it sees",
        "import os, signal\nos.kill(-1, signal.SIGKILL)\n" + HONEST,
        R,
        "ProcessLookupError",
        gvisor=(R, "PermissionError"),
    ),
    Attack(
        "kills its parent",
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n" + HONEST,
        P,
        "",
        gvisor=(R, "PermissionError"),
    ),
    *[
        Attack(
            f"{what} its parent",
            f"import fcntl, os, resource, tempfile\ndef f(n): {call.format(parent='os.getppid() or 2')}",
            R,
            "ProcessLookupError",  # it is alone in its PID namespace
            gvisor=(R, "PermissionError"),
        )
        for what, call in (
            ("lowers the limits of", "resource.prlimit({parent}, resource.RLIMIT_FSIZE, (0, 0))"),
            ("takes processors from", "os.sched_setaffinity({parent}, [0])"),
            ("lowers the priority of", "os.setpriority(os.PRIO_PROCESS, {parent}, 19)"),
            ("aims a file's signals at", "fcntl.fcntl(tempfile.TemporaryFile(), fcntl.F_SETOWN, {parent})"),
        )
    ],
    Attack(
        "raises its limits",
        "import resource\ndef f(n): resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
        R,
        "ValueError",
    ),
    Attack("signals process groups", "import os\nos.killpg(0, 0)\n" + HONEST, P, "", gvisor=(R, "PermissionError")),
    Attack(
        "sets a timer whose signal ends it",
        "import signal\ndef f(n):\n    signal.signal(signal.SIGALRM, signal.SIG_DFL)\n"
        "    signal.setitimer(signal.ITIMER_REAL, 0.01)\n    signal.pause()",
        T,  # PID 1 of a namespace does not die of its own signals
        "wall",
        SHORT_WALL,
        gvisor=(R, "signal SIGALRM"),
    ),
    Attack(
        "inherits a descriptor",
        "import os\ndef f(n):\n    found = []\n    for fd in range(5, 4096):\n        try: found.append(os.fstat(fd))\n"
        "        except OSError: pass\n    return len(found) or 8_675_309_424_242 + n - 3",
        P,
        "",
    ),
    Attack(
        "looks for the host's environment",
        "import os\nallowed = {'HOME', 'LANG', 'LC_CTYPE', 'PATH', 'PYTHONHASHSEED'}\n"
        f"def f(n): return {SECRET} + n - 3 if set(os.environ) <= allowed else dict(os.environ)",
        P,
        "",
    ),
    Attack(
        "raises its priority",
        "import os\ndef f(n): os.nice(-5)",
        R,
        "PermissionError",
    ),
    Attack(
        "mounts through a library",
        "import ctypes\ndef f(n): return ctypes.CDLL(None).mount(0, b'/tmp', b'tmpfs')",
        W,
        "",
    ),
    Attack("becomes root", "import os\ndef f(n): os.setuid(0)", R, "OSError"),
    Attack(
        "makes a device", "import os, stat\ndef f(n): os.mknod('m', 0o600 | stat.S_IFBLK, 0x800)", R, "PermissionError"
    ),
    Attack("changes the root folder", "import os\ndef f(n): os.chroot('/tmp')", R, "PermissionError"),
    Attack("starts a session", "import os\ndef f(n): os.setsid()", W, "", gvisor=(R, "PermissionError")),
]

EXHAUSTION = [
    Attack("loops", "def f(n):\n    while True: pass", T, "cpu", SHORT_CPU),
    Attack("loops while it loads", "while True: pass", T, "cpu", SHORT_CPU),
    Attack("sleeps", "import time\ndef f(n): time.sleep(60)", T, "wall", SHORT_WALL),
    Attack("loops in C", "def f(n): return 7 ** (7 ** 11)", T, "cpu", SHORT_CPU),
    Attack("backtracks in C", "import re\ndef f(n): return re.match(r'(a+)+$', 'a' * 64 + 'b')", T, "cpu", SHORT_CPU),
    Attack(
        "ignores signals and loops",
        "import signal\n"
        "for s in range(1, 65):\n"
        "    try: signal.signal(s, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\n"
        "def f(n):\n"
        "    while True: pass",
        T,
        "cpu",
        SHORT_CPU,
    ),
    Attack(
        "catches everything and loops",
        "def f(n):\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass",
        T,
        "cpu",
        SHORT_CPU,
    ),
    Attack("allocates 2 GiB", "def f(n): return len(bytearray(2 << 30))", R, "memory"),
    Attack("allocates without end", "x = []\nwhile True: x.append(bytes(1 << 20))", R, "memory"),
    Attack("recurses", "def f(n): return f(n)", R, "RecursionError"),
    Attack("crashes the interpreter", "import ctypes\ndef f(n): ctypes.string_at(0)", R, "signal SIGSEGV"),
    Attack("aborts", "import os\ndef f(n): os.abort()", R, "signal SIGSEGV"),
    Attack(
        "forks without end",
        "import os\ndef f(n):\n    while True:\n        os.fork()",
        R,
        "BlockingIOError",
    ),
    Attack(
        "starts threads without end",
        "import threading, time\n"
        "def f(n):\n"
        "    while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        R,
        "RuntimeError",
    ),
    Attack("writes a huge file", "def f(n): open('x', 'wb').write(bytes(5 << 20))", R, "OSError"),
    Attack(
        "fills the scratch folder",
        "def f(n):\n    for i in range(100): open(str(i), 'wb').write(bytes(4 << 20))",
        R,
        "OSError",
    ),
    Attack("makes files without end", "def f(n):\n    for i in range(10**6): open(str(i), 'w').close()", R, "OSError"),
    Attack(
        "maps memory without end", "import mmap\nx = []\nwhile True: x.append(mmap.mmap(-1, 1 << 26))", R, "OSError"
    ),
    Attack("grows a string without end", "x = 'a'\nwhile True: x += x", R, "memory"),
    Attack("grows an integer without end", "x = 3\nwhile True: x *= x", T, "cpu", SHORT_CPU),
    Attack("compiles a huge constant", "x = " + "[" * 90 + "0" + "]" * 90 + "\ndef f(n): return x", W, ""),
    Attack("folds constants while it compiles", "def f(n): return 'a' * 10**9 * n", R, "memory"),
    Attack("deletes its scratch folder", "import os\ndef f(n): os.rmdir('/tmp')", R, "OSError"),
    Attack("opens files without end", "def f(n): return len([open('/dev/null') for _ in range(10000)])", R, "OSError"),
]

SOURCES = [
    Attack("does not parse", "def f(n) return n", C, "SyntaxError"),
    Attack("is badly indented", "def f(n):\n    x = 1\n  return x", C, "IndentationError"),
    Attack("mixes tabs and spaces", "def f(n):\n\tif n:\n        return n", C, "TabError"),
    Attack("holds a null byte", "def f(n): return 0\0", C, "SyntaxError"),
    Attack("nests 10,000 parentheses", "x = " + "(" * 10_000 + ")" * 10_000, C, "SyntaxError"),
    Attack("is empty", "", R, "NameError"),
    Attack("lacks the function", "def g(n): return 0", R, "NameError"),
    Attack("imports what is not there", "import numpy\n" + HONEST, R, "ModuleNotFoundError"),
    Attack("starts with a byte order mark", "\ufeff" + HONEST, P, ""),
    Attack("has CRLF line ends", HONEST.replace("\n", "\r\n"), P, ""),
    Attack("has a guard", HONEST + "\nif __name__ == '__main__':\n    raise ValueError\n", P, ""),
    Attack(
        "is all behind a guard", f"if __name__ == '__main__':\n    def f(n): return {SECRET} + n - 3", R, "NameError"
    ),
    Attack(
        "is a dataclass",
        f"from dataclasses import dataclass\n@dataclass\nclass A:\n    n: int\ndef f(n): return A(n).n + {SECRET} - 3",
        P,
        "",
    ),
]

STDIO_ATTACKS = [
    Attack("right", HONEST_STDIO, P, ""),
    Attack("right, then a failing exit", HONEST_STDIO + "raise SystemExit(3)", R, "exit_code 3"),
    Attack("right, then an exception", HONEST_STDIO + "raise ValueError", R, "ValueError"),
    Attack("right, then an early clean exit", HONEST_STDIO + "import sys\nsys.exit()", P, ""),
    Attack(
        "right, then a kill in a thread's time", HONEST_STDIO + "import os, sys\nsys.stdout.flush()\nos._exit(0)", P, ""
    ),
    Attack(
        "prints in an exit function",
        f"import atexit\nn = int(input())\natexit.register(lambda: print({SECRET} + n - 3))",
        P,
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
        P,
        "",
    ),
    Attack("wrong", "print(0)", W, ""),
    Attack("prints nothing", "pass", W, ""),
    Attack("does not read its input", "print(1)", W, ""),
    Attack("reads past the end", "input(); input()", R, "EOFError"),
    Attack(
        "prints more than the limit",
        "import sys\nfor _ in range(64): sys.stdout.write('x' * (1 << 20))",
        R,
        "output_limit",
    ),
    Attack("prints bytes that are not UTF-8", "import sys\nsys.stdout.buffer.write(bytes(range(256)))", W, ""),
    Attack("writes to its own input", "import os\nos.write(0, b'9' * 100)\nprint(0)", W, ""),
    Attack("message in SystemExit", "raise SystemExit('no')", R, "exit_code 1"),
    Attack("loops", "while True: pass", T, "cpu", SHORT_CPU),
    Attack("sleeps", "import time\ntime.sleep(60)", T, "wall", SHORT_WALL),
    Attack("segfaults", "import ctypes\nctypes.string_at(0)", R, "signal SIGSEGV"),
    Attack("does not parse", "print(", C, "SyntaxError"),
    Attack("allocates 2 GiB", "bytearray(2 << 30)", R, "memory"),
    Attack(
        "leaves a daemon that holds standard output",
        HONEST_STDIO + "import os, time, sys\n"
        "sys.stdout.flush()\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(60)\n"
        "    os._exit(0)",
        P,
        "",
        gvisor=(R, "BlockingIOError"),
    ),
]

DIALOGUE_ATTACKS = [
    Attack("right", HONEST, P, ""),
    Attack("wrong", "def f(n): return 0", W, ""),
    Attack("raises", "def f(n): raise KeyError", R, "KeyError"),
    Attack("raises AssertionError", "def f(n): assert False", R, "AssertionError"),
    Attack(
        "always equal object", "class Equal:\n    def __eq__(self, other): return True\ndef f(n): return Equal()", W, ""
    ),
    Attack("exits cleanly", "import os\ndef f(n): os._exit(0)", R, "unanswered"),
    Attack("exits cleanly while it loads", "raise SystemExit", R, "SystemExit"),
    Attack("loops", "def f(n):\n    while True: pass", T, "cpu", SHORT_CPU),
    Attack("sleeps", "import time\ndef f(n): time.sleep(60)", T, "wall", SHORT_WALL),
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
        W,
        "",
    ),
    Attack(
        "claims a giant message",
        "import os\ndef f(n):\n    os.write(4, b'\\xff' * 4)\n    os._exit(0)",
        R,
        "unanswered",
    ),
    Attack("does not parse", "def f(", C, "SyntaxError"),
    Attack("lacks the function", "x = 1", R, "NameError"),
    Attack("segfaults", "import ctypes\ndef f(n): ctypes.string_at(0)", R, "signal SIGSEGV"),
    Attack(
        "answers envelopes of its own making",
        "def f(n): return (..., 'handle', 0), (..., 'builtin', 'int'), (..., 'object', 0), (..., 'fraction', 1, 0)",
        W,
        "",
    ),
    Attack("answers a code object", "def f(n): return f.__code__", W, ""),
    Attack(
        "answers what is nested deep", "def f(n):\n    a = n\n    for _ in range(1500): a = [a]\n    return a", W, ""
    ),
    Attack(
        "signals the tester",
        "import os\nfor pid in range(2, 400):\n    try: os.kill(pid, 9)\n    except OSError: pass\n" + HONEST,
        P,
        "",
    ),
]

CANARY = (
    "import os\n"
    "def f(n):\n"
    "    return [sorted(os.listdir('.')), os.getpid() == 1, int.__add__(n, 1), sorted(map(abs, [-2, 1]))]\n"
)


def canary(executor: Executor) -> ExecutionRequest:
    """A program that passes where nothing is left of the one before."""
    clean = [[], executor.profile == "namespaces", 2, [1, 2]]
    return ExecutionRequest(CANARY, CallTests("f", (CallTest((1,), {}, clean),), Comparison.STRICT))


def check(executor: Executor, attack: Attack, tests: CallTests | StdioTests | AssertTests) -> None:
    """The attack gets its verdict and the canary after it passes."""
    program = textwrap.dedent(attack.program) if attack.program.startswith("\n") else attack.program
    expected = (attack.verdict, attack.reason)
    if executor.profile == "gvisor":
        expected = attack.gvisor or expected
    result, after = executor.run([ExecutionRequest(program, tests, limits=attack.limits), canary(executor)])
    assert (result.verdict, result.reason) == expected
    assert result.profile == executor.profile
    assert (after.verdict, after.reason) == (Verdict.PASSED, "")


def names(attacks: list[Attack]) -> list[str]:
    """Test ids."""
    return [attack.name for attack in attacks]


@pytest.mark.parametrize("attack", CHEATS, ids=names(CHEATS))
def test_no_cheat_passes(executor: Executor, attack: Attack) -> None:
    check(executor, attack, CALLS)


@pytest.mark.parametrize("attack", ESCAPES, ids=names(ESCAPES))
def test_nothing_escapes(executor: Executor, attack: Attack) -> None:
    check(executor, attack, CALLS)


@pytest.mark.parametrize("attack", EXHAUSTION, ids=names(EXHAUSTION))
def test_every_resource_has_an_end(executor: Executor, attack: Attack) -> None:
    check(executor, attack, CALLS)


@pytest.mark.parametrize("attack", SOURCES, ids=names(SOURCES))
def test_sources_of_every_kind(executor: Executor, attack: Attack) -> None:
    check(executor, attack, CALLS)


@pytest.mark.parametrize("attack", STDIO_ATTACKS, ids=names(STDIO_ATTACKS))
def test_standard_input_and_output(executor: Executor, attack: Attack) -> None:
    check(executor, attack, STDIO)


@pytest.mark.parametrize("attack", DIALOGUE_ATTACKS, ids=names(DIALOGUE_ATTACKS))
def test_a_tester_is_not_fooled(executor: Executor, attack: Attack) -> None:
    check(executor, attack, DIALOGUE)


@pytest.mark.namespaces_profile
def test_a_daemon_does_not_survive_its_program(executor: Executor) -> None:
    """A double-forked process would overwrite the next program's folder; its PID namespace is gone by then."""
    daemon = textwrap.dedent(
        """
        import os, time
        def f(n):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    while True:
                        open("/tmp/left", "w").close()
                os._exit(0)
            return 8_675_309_424_242 + n - 3
        """
    )
    results = list(executor.run([ExecutionRequest(daemon, CALLS), *[canary(executor)] * 20]))
    assert [result.verdict for result in results] == [Verdict.PASSED] * 21


def test_scratch_is_wiped_however_it_was_left(executor: Executor) -> None:
    """Folders without permissions, deep trees, links, and a scratch folder that nobody may read."""
    mess = textwrap.dedent(
        """
        import os
        def f(n):
            if n == 3:
                os.makedirs("a/b/c")
                os.symlink("/usr", "a/link")
                open("a/file", "w").close()
                os.mkfifo("pipe")
                for _ in range(300):
                    os.mkdir("d" * 20)
                    os.chdir("d" * 20)
                os.chmod("/tmp/a/b", 0)
                os.chmod("/tmp/a", 0)
                os.chmod("/tmp", 0)
            return 8_675_309_424_242 + n - 3
        """
    )
    result, after = executor.run([ExecutionRequest(mess, CALLS), canary(executor)])
    assert (result.verdict, after.verdict) == (Verdict.PASSED, Verdict.PASSED)


def test_the_next_program_is_not_in_memory(executor: Executor) -> None:
    """A program looks through all of its mapped Python objects for the text of the one that waits behind it."""
    spy = textwrap.dedent(
        """
        import gc
        def f(n):
            mark = "".join(reversed("KRAMTXEN"))
            small = (o for o in gc.get_objects() if isinstance(o, (dict, list, tuple)) and len(o) < 50)
            return sum(mark in repr(o)[:100_000] for o in small)
        """
    )
    tests = CallTests("f", (CallTest((0,), {}, 0),))
    behind = ExecutionRequest("x = 'NEXTMARK'\n" + HONEST, CALLS)
    result, other = executor.run([ExecutionRequest(spy, tests), behind])
    assert (result.verdict, other.verdict) == (Verdict.PASSED, Verdict.PASSED)
