"""Programs that attack test code by callbacks, shared arguments, objects, exceptions and messages of their own."""

from __future__ import annotations

import textwrap
from typing import NamedTuple

import pytest
from tests.executor.sandbox.attacks.attack import PASSED, RUNTIME, SHORT_CPU, SHORT_WALL, TIMEOUT, WRONG, canary

from prlcoder.executor import ExecutionRequest, Executor, ResourceLimits, Verdict
from prlcoder.problems.model import AssertTests

pytestmark = pytest.mark.needs_sandbox


class CodeAttack(NamedTuple):
    """A program, the tests that it attacks, and the one verdict and reason that it must get."""

    name: str
    program: str
    tests: str
    verdict: Verdict
    reason: str = ""
    limits: ResourceLimits | None = None


CALLBACK = """
SECRET = [8675309]
def callback(x):
    return SECRET[0] * x
assert f(callback) == 8675309 * 5
"""
RAW = """
import marshal, os, struct
def send(message):
    data = marshal.dumps(message, 2)
    os.write(4, struct.pack("<I", len(data)) + data)
"""

FORGE = """
import struct
RECORD = b"passed"
FRAME = struct.pack("<IiB", len(RECORD), 0, 0) + RECORD
def f(save):
    save(3, FRAME)  # the descriptor of the file of records
    return 0
"""
CALLED = """
from unittest.mock import patch
with patch("time.sleep") as sleep:
    f(3)
    sleep.assert_called_once_with(3)
"""

ATTACKS = [
    CodeAttack(
        "writes a record through a function of the test",
        FORGE,
        "def save(path, data):\n    open(path, 'wb', buffering=0, closefd=False).write(data)\nassert f(save) == 1",
        WRONG,
    ),
    CodeAttack(
        "writes a record through a mock that wraps open",
        FORGE + "def g(n):\n    return f(lambda path, data: open(path, 'wb', 0, closefd=False).write(data))",
        "from unittest.mock import patch\nwith patch('builtins.open', wraps=open):\n    assert g(1) == 1",
        RUNTIME,
        "AttributeError",
    ),
    CodeAttack("calls what is patched", "import time\ndef f(n): time.sleep(n)", CALLED, PASSED),
    CodeAttack("does not call what is patched", "def f(n): pass", CALLED, WRONG),
    *[
        CodeAttack(f"feigns a call by the {name}", f"import time\ndef f(n): {attempt}", CALLED, RUNTIME, reason)
        for name, attempt, reason in (
            ("attribute", "time.sleep.called = True", "PermissionError"),
            ("count", "time.sleep.call_count = 1", "PermissionError"),
            ("method", "time.sleep.assert_called_once_with = lambda *a: None", "PermissionError"),
            ("method of the class", "type(time.sleep).assert_called_once_with = lambda *a: None", "PermissionError"),
            ("private state", "time.sleep._mock_call_args = ((3,), {})", "PermissionError"),
            ("dictionary", "vars(time.sleep)['called'] = True", "TypeError"),
        )
    ],
    CodeAttack(
        "logs what no assertion waits for",
        "import sys\ndef f(n):\n    sys.stdin._link.request('log', ('root', 30, 'x'))\n    return n",
        "assert [f(n) for n in (1, 2)] == [1, 2]",
        RUNTIME,
        "PermissionError",
    ),
    CodeAttack(
        "warns where no test catches",
        "import sys\ndef f(n):\n    sys.stdin._link.request('warn', (UserWarning, 'x', 1))\n    return n",
        "assert [f(n) for n in (1, 2)] == [1, 2]",
        RUNTIME,
        "PermissionError",
    ),
    CodeAttack(
        "warns of something that is no warning",
        "import sys\ndef f(n):\n    sys.stdin._link.request('warn', (int, 'x', 1))\n    return n",
        "import warnings\nwith warnings.catch_warnings():\n    assert f(1) == 1",
        WRONG,
    ),
    CodeAttack(
        "patches the test's process",
        "import sys\ndef f(n):\n    sys.stdin._link.request('patch', (('builtins', '', 'len'), lambda o: 4))\n"
        "    return n",
        "assert [f(n) for n in (1, 2)] and len([1]) == 4",
        RUNTIME,
        "PermissionError",
    ),
    CodeAttack("calls the callback", "def f(g):\n    return g(5)", CALLBACK, PASSED),
    CodeAttack(
        "reads the globals of a callback",
        "def f(g):\n    return g.__globals__['SECRET'][0] * 5",
        CALLBACK,
        RUNTIME,
        "AttributeError",
    ),
    CodeAttack(
        "reads the code of a callback",
        "def f(g):\n    return g.__code__.co_consts",
        CALLBACK,
        RUNTIME,
        "AttributeError",
    ),
    CodeAttack(
        "walks from a callback to its class",
        "def f(g):\n    return type(g).__mro__[0].__subclasses__()",
        CALLBACK,
        WRONG,
    ),
    CodeAttack(
        "reads the frame of a generator",
        "def f(g):\n    return g.gi_frame.f_globals['SECRET']",
        "SECRET = 5\nassert f(x for x in [1]) == 5",
        RUNTIME,
        "AttributeError",
    ),
    CodeAttack(
        "reads private attributes of a test's object",
        "def f(o):\n    return o._secret",
        "class O:\n    _secret = 5\nassert f(O()) == 5",
        RUNTIME,
        "AttributeError",
    ),
    CodeAttack(
        "replaces a method of a test's object",
        "def f(o):\n    o.check = lambda *a: True",
        "class O:\n    def check(self, x):\n        return x == 5\no = O()\nf(o)\nassert o.check(4)",
        RUNTIME,
        "PermissionError",
    ),
    CodeAttack(
        "replaces a method of a test's class",
        "def f(o):\n    type(o).check = lambda *a: True",
        "class O:\n    def check(self, x):\n        return x == 5\no = O()\nf(o)\nassert o.check(4)",
        RUNTIME,
        "PermissionError",
    ),
    CodeAttack(
        "switches a test case's assertions off",
        "def f(case):\n    case.assertEqual = lambda *a: None",
        "import unittest\ncase = unittest.TestCase()\nf(case)\ncase.assertEqual(1, 2)",
        RUNTIME,
        "PermissionError",
    ),
    CodeAttack(
        "changes an argument that it has kept",
        "kept = []\ndef f(a):\n    kept.append(a)\ndef g():\n    kept[0][:] = [1]\n    return 5",
        "a = [1]\nf(a)\na.append(2)\nb = list(a)\nassert g() == 5\nassert a == b",
        WRONG,  # as in plain Python: the argument has changed, and the test sees it
    ),
    CodeAttack(
        "puts an object that equals everything into an argument",
        "class Same:\n    def __eq__(self, other): return True\ndef f(a):\n    a[:] = [Same()]",
        "a = [3]\nf(a)\nassert a == [9]",
        WRONG,
        "own_object",
    ),
    CodeAttack(
        "puts a wrong value into an argument",
        "def f(a):\n    a[:] = [8]",
        "a = [3]\nf(a)\nassert a == [9]",
        WRONG,
    ),
    CodeAttack(
        "lies about its class",
        "class Liar:\n    __class__ = property(lambda self: int)\n    def __eq__(self, other): return True\n"
        "def f(n):\n    return Liar()",
        "x = f(1)\nassert x == 3",
        WRONG,
        "own_object",
    ),
    CodeAttack(
        "lies about being a list",
        "class Liar:\n    __class__ = list\ndef f(n):\n    return Liar()",
        "assert isinstance(f(1), list) and f(1) == [1]",
        WRONG,
    ),
    CodeAttack(
        "overrides everything in a metaclass",
        "class M(type):\n    def __instancecheck__(cls, o): return True\n    __eq__ = lambda a, b: True\n"
        "    __hash__ = type.__hash__\nclass A(metaclass=M):\n    pass\ndef f(n):\n    return A",
        "assert f(1) == int",
        WRONG,
    ),
    CodeAttack(
        "hides its name in a metaclass",
        "class M(type):\n    __name__ = property(lambda cls: 5)\nclass A(metaclass=M):\n    pass\n"
        "def f(n):\n    return A()",
        "assert f(1) == 5",
        WRONG,
    ),
    CodeAttack(
        "raises the exceptions of the tester",
        "class OwnObjectError(BaseException): pass\nclass DisconnectedError(BaseException): pass\n"
        "def f(n):\n    raise DisconnectedError if n else OwnObjectError",
        "try:\n    f(1)\nexcept BaseException:\n    pass\nassert f(0) == 1",
        RUNTIME,
        "OwnObjectError",
    ),
    CodeAttack(
        "raises an assertion error",
        "def f(n):\n    raise AssertionError",
        "assert f(1) == 3",
        RUNTIME,
        "AssertionError",
    ),
    CodeAttack(
        "raises an exception that causes itself",
        "def f(n):\n    a, b = ValueError('a'), ValueError('b')\n    a.__cause__, b.__cause__ = b, a\n"
        "    a.args = (a, b)\n    raise a",
        "try:\n    f(1)\nexcept ValueError:\n    pass\nelse:\n    assert False\nassert f(1)",
        RUNTIME,
        "ValueError",
    ),
    CodeAttack(
        "raises an exception whose message is an object",
        "class Same(str):\n    def __eq__(self, other): return True\n    __hash__ = str.__hash__\n"
        "class E(ValueError):\n    def __str__(self): return Same('x')\ndef f(n):\n    raise E",
        "try:\n    f(1)\nexcept ValueError as error:\n    assert str(error) == 'negative'",
        WRONG,
        "own_object",
    ),
    CodeAttack(
        "exits where an exception is expected",
        "import os\ndef f(n):\n    os._exit(0)",
        "try:\n    f(1)\nexcept BaseException:\n    pass",
        RUNTIME,
        "unanswered",
    ),
    CodeAttack(
        "iterates without end",
        "def f():\n    while True:\n        yield 1",
        "assert sum(f()) == 3",
        TIMEOUT,
        "wall",
        SHORT_WALL,
    ),
    CodeAttack(
        "loops while it is iterated",
        "def f():\n    while True:\n        pass\n    yield 1",
        "assert list(f()) == [1]",
        TIMEOUT,
        "cpu",
        SHORT_CPU,
    ),
    CodeAttack(
        "is its own item without end",
        "class A:\n    def __iter__(self): return iter([self])\n    def __eq__(self, other): return True\n"
        "    def __contains__(self, item): return True\ndef f():\n    return A()",
        "assert 3 in f()",
        WRONG,
        "own_object",
    ),
    CodeAttack(
        "compares objects that lead to each other",
        "class A:\n    def __eq__(self, other): return True\n"
        "def f():\n    a, b = A(), A()\n    a.o, b.o = b, a\n    return a",
        "assert f() == f()",
        WRONG,
        "own_object",
    ),
    CodeAttack(
        "nests lists without end",
        "def f():\n    a = []\n    for _ in range(50000):\n        a = [a]\n    return a",
        "assert f() == 3",
        WRONG,
    ),
    CodeAttack(
        "nests tuples without end",
        "def f():\n    a = ()\n    for _ in range(50000):\n        a = (a,)\n    return a",
        "x = f()\nassert x == 3",
        RUNTIME,
        "RuntimeError",
    ),
    CodeAttack(
        "calls back without end",
        "def f(g):\n    return g(f)",
        "def g(h):\n    return h(g)\nassert f(g) == 3",
        WRONG,
    ),
    CodeAttack(
        "answers more than a message may hold",
        "def f():\n    return 'x' * (100 << 20)",
        "x = f()\nassert x == 3",
        RUNTIME,
        "unanswered",
    ),
    CodeAttack(
        "sends a reply of its own with a wrong value",
        RAW + "def f(n):\n    send(((1, ''), [3], [], [], []))\n    return 4",
        "x = f(1)\nassert x == 4",
        WRONG,
    ),
    CodeAttack(
        "redefines an object of the test",
        RAW + "def f(a):\n    send(((1, ''), [3], [(1, 'container', ('list', None))], [], []))\n    return 4",
        "a = [1]\nx = f(a)\nassert x == 3",
        WRONG,
    ),
    CodeAttack(
        "names a function of the standard library",
        RAW + "def f(n):\n    send(((1, ''), [(4, 'os', '_exit')], [], [], []))\n    return 4",
        "x = f(1)\nx(0)",
        WRONG,
    ),
    CodeAttack(
        "makes a class with another base",
        RAW + "def f(n):\n    send(((1, ''), [(0, -5)], [(-5, 'class', (['A', 'A', 'm'], [(4, 'builtins', 'int')],"
        " ['__eq__', '__new__'], [], [], False, None))], [], []))",
        "x = f(1)\nassert x == 3",
        WRONG,
    ),
    CodeAttack(
        "asks the tester for an object that it was not given",
        RAW + "def f(a):\n    send(((0, 'call', [], ''), [(0, 99)], [], [], []))\n    return 4",
        "x = f([1])\nassert x == 3",
        WRONG,
    ),
    CodeAttack(
        "prints what the test wants to see elsewhere",
        "def f():\n    print('no')",
        "import contextlib, io\nout = io.StringIO()\nwith contextlib.redirect_stdout(out):\n    f()\n"
        "assert out.getvalue() == 'yes\\n'",
        WRONG,
    ),
    CodeAttack(
        "redefines the builtins that the test uses",
        "import builtins\nbuiltins.abs = abs = lambda x: 0\nisinstance = len = lambda *a: 3\ndef f(n):\n    return [1]",
        "x = f(1)\nassert len(x) == 3",
        WRONG,
    ),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
def test_test_code_is_not_fooled(executor: Executor, attack: CodeAttack) -> None:
    tests = AssertTests(textwrap.dedent(attack.tests), "f", check=False)
    result, after = executor.run([ExecutionRequest(attack.program, tests, limits=attack.limits), canary(executor)])
    assert (result.verdict, result.reason) == (attack.verdict, attack.reason)
    assert (after.verdict, after.reason) == (PASSED, "")
