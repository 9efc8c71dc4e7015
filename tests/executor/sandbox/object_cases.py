"""Programs whose results are more than plain values, and tests that look at them: each as plain Python would show it.

``PLAIN``: the verdict is that of program and tests executed in one namespace. ``OWN_OBJECT``: only an object of the
program's own class could decide, so the tests do not pass, whatever plain Python says.
"""

from __future__ import annotations

import textwrap
from typing import NamedTuple


class ObjectCase(NamedTuple):
    """A program and test code that calls it."""

    name: str
    program: str
    tests: str


def _case(name: str, program: str, tests: str) -> ObjectCase:
    return ObjectCase(name, textwrap.dedent(program).lstrip("\n"), textwrap.dedent(tests).lstrip("\n"))


STACK = """
class Stack:
    def __init__(self, items=()):
        self.items = list(items)
    def push(self, item):
        self.items.append(item)
        return self
    def pop(self):
        if not self.items:
            raise IndexError('pop from an empty stack')
        return self.items.pop()
    def __len__(self):
        return len(self.items)
    def __iter__(self):
        return iter(self.items)
    def __getitem__(self, index):
        return self.items[index]
    def __setitem__(self, index, item):
        self.items[index] = item
    def __contains__(self, item):
        return item in self.items
    def __eq__(self, other):
        return isinstance(other, Stack) and self.items == other.items
    def __str__(self):
        return 'Stack of %d' % len(self.items)
    def __repr__(self):
        return 'Stack(%r)' % self.items
    def __bool__(self):
        return bool(self.items)
"""
VECTOR = """
class Vector:
    def __init__(self, x, y):
        self.x, self.y = x, y
    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)
    def __mul__(self, factor):
        return Vector(self.x * factor, self.y * factor)
    __rmul__ = __mul__
    def __neg__(self):
        return Vector(-self.x, -self.y)
    def __abs__(self):
        return (self.x ** 2 + self.y ** 2) ** 0.5
    def __eq__(self, other):
        return (self.x, self.y) == (other.x, other.y)
    def __lt__(self, other):
        return (self.x, self.y) < (other.x, other.y)
    def __hash__(self):
        return hash((self.x, self.y))
    @property
    def length(self):
        return abs(self)
    @classmethod
    def zero(cls):
        return cls(0, 0)
    @staticmethod
    def dimensions():
        return 2
"""
ERRORS = """
class Bad(ValueError):
    def __init__(self, message, code):
        super().__init__(message)
        self.code = code
class Worse(Bad):
    def __str__(self):
        return 'worse: %d' % self.code
def f(n):
    if n == 1:
        raise Bad('no', 7)
    if n == 2:
        raise Worse('no', 8)
    if n == 3:
        raise KeyError('key')
    if n == 4:
        try:
            raise OSError(2, 'gone')
        except OSError as error:
            raise RuntimeError('outer') from error
    return {}['a'] if n == 5 else n
"""
CHANGES = """
KEPT = []
def sort(a):
    a.sort()
def same(a):
    return a
def keep(a):
    KEPT.append(a)
def kept():
    return KEPT[-1]
def nested(a):
    a[0].append(99)
    a[1]['k'] = [1]
def clear(d):
    d.clear()
def grow(s):
    s.add(5)
    s.discard(1)
def fill(b):
    b[0:1] = b'xyz'
def head(d):
    d.appendleft(0)
    return d
def new():
    return [[1], [1]]
def alias():
    a = [1]
    return [a, a]
"""

PLAIN = [
    _case("list of a generator", "def f(n):\n    yield from range(n)\n", "assert list(f(3)) == [0, 1, 2]"),
    _case("generator is no list", "def f(n):\n    yield from range(n)\n", "assert f(3) == [0, 1, 2]"),
    _case(
        "next twice",
        "def f(n):\n    yield from range(n)\n",
        "g = f(2)\nassert next(g) == 0\nassert next(g) == 1\nassert next(g, 9) == 9",
    ),
    _case(
        "exhausted", "def f(n):\n    yield from range(n)\n", "g = f(2)\nassert list(g) == [0, 1]\nassert list(g) == []"
    ),
    _case(
        "send", "def f():\n    got = yield 1\n    yield got * 2\n", "g = f()\nnext(g)\nassert g.send(4) == 8\ng.close()"
    ),
    _case(
        "a generator that raises",
        "def f():\n    yield 1\n    raise ValueError('x')\n",
        "g = f()\nnext(g)\ntry:\n    next(g)\nexcept ValueError as e:\n    assert str(e) == 'x'\nelse:\n    assert False",
    ),
    _case(
        "isinstance generator",
        "def f():\n    yield 1\n",
        "import types\nassert isinstance(f(), types.GeneratorType)\nassert hasattr(f(), '__next__')",
    ),
    _case("set of a map", "def f(a):\n    return map(abs, a)\n", "assert set(f([-1, 1, 2])) == {1, 2}"),
    _case("tuple of a filter", "def f(a):\n    return filter(None, a)\n", "assert tuple(f([0, 1, 2])) == (1, 2)"),
    _case("dict of a zip", "def f(a):\n    return zip(a, a[1:])\n", "assert dict(f('abc')) == {'a': 'b', 'b': 'c'}"),
    _case("list of enumerate", "def f(a):\n    return enumerate(a)\n", "assert list(f('ab')) == [(0, 'a'), (1, 'b')]"),
    _case(
        "list of reversed",
        "def f(a):\n    return reversed(a)\n",
        "assert list(f([1, 2])) == [2, 1]\nassert ''.join(f('ab')) == 'ba'",
    ),
    _case(
        "range as a sequence",
        "def f(n):\n    return range(n)\n",
        "r = f(4)\nassert r[1] == 1 and len(r) == 4 and 3 in r and r == range(4)",
    ),
    _case("range is no list", "def f(n):\n    return range(n)\n", "assert f(3) == [0, 1, 2]"),
    _case("max of a range", "def f(n):\n    return range(n)\n", "assert max(f(3)) == 2"),
    _case("keys are a set", "def f():\n    return {1: 2, 3: 4}.keys()\n", "assert f() == {1, 3}"),
    _case("items", "def f():\n    return {1: 2}.items()\n", "assert list(f()) == [(1, 2)]\nassert (1, 2) in f()"),
    _case(
        "values", "def f():\n    return {1: 2, 3: 2}.values()\n", "assert sorted(f()) == [2, 2]\nassert len(f()) == 2"
    ),
    _case(
        "deque",
        "from collections import deque\ndef f():\n    return deque([1, 2])\n",
        "from collections import deque\nd = f()\nassert list(d) == [1, 2] and d == deque([1, 2]) and d[0] == 1 and len(d) == 2",
    ),
    _case(
        "deque is no list",
        "from collections import deque\ndef f():\n    return deque([1, 2])\n",
        "assert f() == [1, 2]",
    ),
    _case(
        "ordered dict",
        "from collections import OrderedDict\ndef f():\n    return OrderedDict(b=1, a=2)\n",
        "assert f() == {'a': 2, 'b': 1}\nassert list(f()) == ['b', 'a']",
    ),
    _case(
        "order of an ordered dict",
        "from collections import OrderedDict\ndef f():\n    return OrderedDict(b=1, a=2)\n",
        "from collections import OrderedDict\nassert f() == OrderedDict(a=2, b=1)",
    ),
    _case(
        "counter",
        "from collections import Counter\ndef f(s):\n    return Counter(s)\n",
        "c = f('aab')\nassert c == {'a': 2, 'b': 1} and c['z'] == 0 and c.most_common(1) == [('a', 2)]",
    ),
    _case(
        "type of a counter",
        "from collections import Counter\ndef f(s):\n    return Counter(s)\n",
        "assert type(f('a')) is dict",
    ),
    _case(
        "default dict",
        "from collections import defaultdict\ndef f():\n    return defaultdict(list, a=[1])\n",
        "d = f()\nassert d['zz'] == [] and d['a'] == [1]\nassert type(d).__name__ == 'defaultdict'",
    ),
    _case(
        "default factory of the program",
        "from collections import defaultdict\ndef f():\n    return defaultdict(lambda: 5)\n",
        "assert f()['zz'] == 5",
    ),
    _case(
        "named tuple",
        "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f():\n    return P(1, 2)\n",
        "p = f()\nassert p == (1, 2) and p.x == 1 and p[1] == 2 and p._asdict() == {'x': 1, 'y': 2}\na, b = p\nassert b == 2\nassert str(p) == 'P(x=1, y=2)'",
    ),
    _case(
        "typed named tuple",
        "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    def double(self):\n        return self.x * 2\ndef f():\n    return [P(1)]\n",
        "assert f() == [(1,)]\nassert f()[0].double() == 2\nassert f()[0]._replace(x=4).x == 4",
    ),
    _case(
        "wrong named tuple",
        "from collections import namedtuple\nP = namedtuple('P', 'x')\ndef f():\n    return P(1)\n",
        "assert f() == (2,)",
    ),
    _case(
        "data class",
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n    y: list\ndef f(x):\n    return P(x, [x])\n",
        "p = f(1)\nassert p.x == 1 and p.y == [1]\nassert f(1) == f(1)\nassert f(1) != f(2)\nassert str(p) == 'P(x=1, y=[1])'",
    ),
    _case(
        "data class by name",
        "from dataclasses import dataclass\n@dataclass(order=True)\nclass P:\n    x: int = 3\ndef f():\n    return P()\n",
        "assert f() == P(3)\nassert P(1) < P(2)\nassert sorted([P(2), P(1)])[0].x == 1\nassert isinstance(f(), P)",
    ),
    _case(
        "two data classes differ",
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\ndef f(x):\n    return P(x)\n",
        "assert f(1) == f(2)",
    ),
    _case(
        "length, items, in, iteration",
        STACK,
        "s = Stack()\ns.push(1)\ns.push(2)\nassert len(s) == 2 and s[0] == 1 and s[-1] == 2\nassert 1 in s\nassert 7 not in s\nassert list(s) == [1, 2]\nassert [x + 1 for x in s] == [2, 3]\ns[0] = 5\nassert s.items == [5, 2]",
    ),
    _case(
        "str and repr",
        STACK,
        "s = Stack([1])\nassert str(s) == 'Stack of 1'\nassert repr(s) == 'Stack([1])'\nassert f'{s}' == 'Stack of 1'\nassert f'{s!r}' == 'Stack([1])'",
    ),
    _case("truth", STACK, "assert Stack([1])\nassert not Stack()\nassert bool(Stack([0])) is True"),
    _case(
        "comparison of two",
        STACK,
        "assert Stack([1]) == Stack([1])\nassert Stack([1]) != Stack([2])\nassert Stack([1]) is not Stack([1])",
    ),
    _case("wrong length", STACK, "assert len(Stack([1])) == 2"),
    _case("a chain of calls", STACK, "assert Stack().push(1).push(2).pop() == 2"),
    _case(
        "an exception of a method",
        STACK,
        "try:\n    Stack().pop()\n    assert False\nexcept IndexError as error:\n    assert str(error) == 'pop from an empty stack'",
    ),
    _case(
        "attributes",
        STACK,
        "s = Stack()\ns.items.append(3)\nassert s.pop() == 3\ns.extra = 5\nassert s.extra == 5 and hasattr(s, 'push') and not hasattr(s, 'peek')\nassert getattr(s, 'peek', 1) == 1\nassert isinstance(s, Stack) and type(s) is Stack and type(s).__name__ == 'Stack'\nassert callable(s.push) and not callable(s)",
    ),
    _case(
        "arithmetic",
        VECTOR,
        "v = Vector(1, 2) + Vector(3, 4)\nassert (v.x, v.y) == (4, 6)\nassert abs(Vector(3, 4)) == 5\nassert (Vector(1, 2) * 3).y == 6 and (2 * Vector(1, 2)).x == 2\nassert (-Vector(1, 2)).x == -1\nv += Vector(1, 1)\nassert v.x == 5",
    ),
    _case(
        "comparison after arithmetic",
        VECTOR,
        "assert Vector(1, 2) + Vector(1, 1) == Vector(2, 3)\nassert Vector(1, 2) < Vector(2, 0)\nassert sorted([Vector(2, 0), Vector(1, 0)])[0].x == 1\nassert max(Vector(2, 0), Vector(1, 0)).x == 2",
    ),
    _case(
        "hash",
        VECTOR,
        "assert len({Vector(1, 2), Vector(1, 2), Vector(2, 2)}) == 2\nd = {Vector(1, 2): 'a'}\nassert d[Vector(1, 2)] == 'a'",
    ),
    _case(
        "properties, class and static methods",
        VECTOR,
        "assert Vector(3, 4).length == 5\nassert Vector.zero().x == 0\nassert Vector.dimensions() == 2",
    ),
    _case("not comparable", VECTOR, "assert Vector(1, 2) > 3"),
    _case(
        "inheritance",
        "class A:\n    def name(self):\n        return 'a'\nclass B(A):\n    pass\ndef f():\n    return B()\n",
        "assert isinstance(f(), A) and issubclass(B, A) and f().name() == 'a'\nassert not isinstance(f(), int)",
    ),
    _case(
        "enumeration",
        "from enum import Enum\nclass C(Enum):\n    RED = 1\n    BLUE = 2\ndef f(n):\n    return C(n)\n",
        "assert f(1) is C.RED and f(1) == C.RED and f(1) != C.BLUE\nassert f(2).name == 'BLUE' and f(2).value == 2\nassert [c.value for c in C] == [1, 2] and len(C) == 2 and C['RED'] is f(1)\nassert str(f(1)) == 'C.RED'\nassert f(1) in C",
    ),
    _case(
        "integer enumeration",
        "from enum import IntEnum\nclass C(IntEnum):\n    RED = 1\ndef f():\n    return C.RED\n",
        "assert f() == 1\nassert f() + 1 == 2 and f().name == 'RED' and isinstance(f(), int)",
    ),
    _case(
        "subclass of list",
        "class L(list):\n    def total(self):\n        return sum(self)\ndef f(a):\n    return L(a)\n",
        "l = f([1, 2])\nassert l == [1, 2] and l.total() == 3 and len(l) == 2 and isinstance(l, list)\nl.append(3)\nassert l.total() == 6\nassert l[1:] == [2, 3]",
    ),
    _case(
        "subclass of dict",
        "class D(dict):\n    def __missing__(self, key):\n        return key * 2\n    def __getattr__(self, name):\n        return self[name]\ndef f():\n    return D(a=1)\n",
        "d = f()\nassert d == {'a': 1} and d['b'] == 'bb' and d.a == 1 and 'b' not in d",
    ),
    _case(
        "subclass of int",
        "class I(int):\n    def double(self):\n        return self * 2\ndef f(n):\n    return I(n)\n",
        "assert f(3) == 3 and f(3).double() == 6 and f(3) + 1 == 4",
    ),
    _case(
        "subclass of str",
        "class S(str):\n    def shout(self):\n        return self.upper() + '!'\ndef f(s):\n    return S(s)\n",
        "assert f('a') == 'a' and f('a').shout() == 'A!' and f('a') + 'b' == 'ab'\nassert f('x') in ['x']",
    ),
    _case(
        "dates",
        "import datetime\ndef f(d):\n    return d + datetime.timedelta(days=1)\n",
        "import datetime\nassert f(datetime.date(2024, 2, 28)) == datetime.date(2024, 2, 29)\nassert f(datetime.datetime(2024, 1, 1, 5)).hour == 5\nassert f(datetime.date(2024, 1, 1)).strftime('%d') == '02'",
    ),
    _case(
        "time zones",
        "import datetime\ndef f():\n    return datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)\n",
        "import datetime\nassert f() == datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)\nassert f().utcoffset() == datetime.timedelta(0)",
    ),
    _case(
        "numbers",
        "from fractions import Fraction\nfrom decimal import Decimal\ndef f(x):\n    return x + 1\n",
        "from fractions import Fraction\nfrom decimal import Decimal\nassert f(Fraction(1, 2)) == Fraction(3, 2)\nassert f(Decimal('0.1')) == Decimal('1.1')\nassert f(1j) == 1 + 1j and abs(f(0.5) - 1.5) < 1e-9",
    ),
    _case(
        "sets and bytes",
        "def f(x):\n    return x\n",
        "assert f(frozenset({1})) == {1}\nassert f(b'a') == b'a'\nassert f(bytearray(b'a')) == b'a'\nassert f({1, (2, 3)}) == {(2, 3), 1}\nassert f(...) is ...\nassert f(slice(1, 2)) == slice(1, 2)",
    ),
    _case(
        "paths and identifiers",
        "import pathlib, uuid, re\ndef f(n):\n    return [pathlib.PurePosixPath('a') / 'b', uuid.UUID(int=n), re.compile('a+')]\n",
        "import pathlib, uuid\np, u, r = f(5)\nassert p == pathlib.PurePosixPath('a/b') and p.name == 'b'\nassert u == uuid.UUID(int=5)\nassert r.findall('caat') == ['aa']",
    ),
    _case(
        "a match",
        "import re\ndef f(s):\n    return re.match(r'(\\d+)-(\\d+)', s)\n",
        "assert f('x') is None\nm = f('12-34')\nassert m is not None and m.group(1) == '12' and m.groups() == ('12', '34') and m[2] == '34' and m",
    ),
    _case(
        "not a number",
        "def f(x):\n    return [float('nan'), x]\n",
        "import math\na = f(math.nan)\nassert math.isnan(a[0]) and a[0] != a[0] and a[1] is math.nan and a == a\nassert [math.nan] == [f(math.nan)[1]]",
    ),
    _case(
        "a closure",
        "def f(n):\n    def add(x, *, y=0):\n        return x + n + y\n    return add\n",
        "g = f(2)\nassert g(3) == 5 and g(1, y=4) == 7 and callable(g) and g.__name__ == 'add'\nassert list(map(f(1), [1, 2])) == [2, 3]\nassert sorted([3, 1, 2], key=f(0)) == [1, 2, 3]",
    ),
    _case(
        "a decorator",
        "def twice(g):\n    def inner(*a, **k):\n        return g(*a, **k) * 2\n    inner.calls = 0\n    return inner\n",
        "@twice\ndef h(x):\n    return x + 1\nassert h(2) == 6 and h.calls == 0",
    ),
    _case(
        "a counting decorator",
        "import functools\ndef memo(g):\n    cache = {}\n    @functools.wraps(g)\n    def inner(x):\n        if x not in cache:\n            cache[x] = g(x)\n        return cache[x]\n    return inner\n",
        "calls = []\n@memo\ndef h(x):\n    calls.append(x)\n    return x * x\nassert h(3) == 9 and h(3) == 9\nassert calls == [3]\nassert h.__name__ == 'h'",
    ),
    _case(
        "partial and builtins",
        "import functools, operator\ndef f():\n    return [functools.partial(pow, 2), len, operator.add, str.upper]\n",
        "p, l, a, u = f()\nassert p(3) == 8 and l('ab') == 2 and a(1, 2) == 3 and u('a') == 'A'",
    ),
    _case(
        "a class as result",
        "def f():\n    class A:\n        x = 1\n        def __init__(self, y):\n            self.y = y\n    return A\n",
        "A = f()\nassert A.x == 1 and A(5).y == 5 and A.__name__ == 'A' and isinstance(A(1), A) and isinstance(A, type)",
    ),
    _case(
        "types as results",
        "def f(x):\n    return type(x)\n",
        "assert f(1) is int and f([]) == list\nassert f('') in (str, bytes)",
    ),
    _case(
        "own exceptions",
        ERRORS,
        "try:\n    f(1)\nexcept Bad as error:\n    assert error.code == 7 and str(error) == 'no' and error.args == ('no',)\nelse:\n    assert False",
    ),
    _case(
        "own exceptions by their base",
        ERRORS,
        "try:\n    f(1)\nexcept ValueError as error:\n    assert type(error) is Bad and type(error).__name__ == 'Bad'\nelse:\n    assert False",
    ),
    _case(
        "derived exceptions",
        ERRORS,
        "try:\n    f(2)\nexcept Bad as error:\n    assert isinstance(error, Worse) and str(error) == 'worse: 8'\nelse:\n    assert False",
    ),
    _case(
        "messages of exceptions",
        ERRORS,
        "try:\n    f(3)\nexcept KeyError as error:\n    assert error.args[0] == 'key' and str(error) == \"'key'\"\nelse:\n    assert False",
    ),
    _case(
        "causes of exceptions",
        ERRORS,
        "try:\n    f(4)\nexcept RuntimeError as error:\n    assert isinstance(error.__cause__, OSError) and error.__cause__.errno == 2\nelse:\n    assert False",
    ),
    _case("the wrong exception", ERRORS, "try:\n    f(3)\n    assert False\nexcept ValueError:\n    pass"),
    _case("no exception", ERRORS, "try:\n    f(9)\n    assert False, 'must raise'\nexcept ValueError:\n    pass"),
    _case(
        "assertRaises",
        ERRORS,
        "import unittest\nt = unittest.TestCase()\nwith t.assertRaises(Bad) as context:\n    f(1)\nassert context.exception.code == 7\nt.assertRaises(KeyError, f, 3)\nwith t.assertRaisesRegex(ValueError, 'n.'):\n    f(1)\nt.assertEqual(f(6), 6)\nt.assertIsInstance(f(6), int)",
    ),
    _case(
        "raising the program's exception",
        ERRORS,
        "def g():\n    raise Bad('x', 1)\ntry:\n    g()\nexcept ValueError as error:\n    assert error.code == 1",
    ),
    _case(
        "exceptions as results",
        "def f():\n    return ValueError('x')\n",
        "assert isinstance(f(), ValueError) and str(f()) == 'x'",
    ),
    _case(
        "the program exits",
        "def f():\n    raise SystemExit(3)\n",
        "try:\n    f()\nexcept SystemExit as error:\n    assert error.code == 3",
    ),
    _case("an argument is sorted", CHANGES, "a = [3, 1, 2]\nsort(a)\nassert a == [1, 2, 3]"),
    _case("an argument stays", CHANGES, "a = [3, 1, 2]\nsame(a)\nassert a == [3, 1, 2]"),
    _case("a wrong change", CHANGES, "a = [3, 1, 2]\nsort(a)\nassert a == [3, 1, 2]"),
    _case(
        "the same object",
        CHANGES,
        "a, d, t, s = [1], {}, (1, 2), {1}\nassert same(a) is a and same(d) is d and same(s) is s\nassert same(t) is t",
    ),
    _case("not the same object", CHANGES, "assert same([1]) is [1]"),
    _case(
        "a change by the test",
        CHANGES,
        "a = [1]\nkeep(a)\na.append(2)\nassert kept() == [1, 2] and kept() is a\nkept().append(3)\nassert a == [1, 2, 3]\nassert KEPT == [[1, 2, 3]]\nKEPT.clear()\nassert KEPT == []",
    ),
    _case(
        "a nested change",
        CHANGES,
        "a = [[1], {'k': 0}]\ninner = a[0]\nnested(a)\nassert a == [[1, 99], {'k': [1]}] and inner == [1, 99]",
    ),
    _case(
        "changes of other types",
        CHANGES,
        "from collections import deque\nd, s, b, q = {1: 2}, {1, 2}, bytearray(b'abc'), deque([1])\nclear(d)\ngrow(s)\nfill(b)\nassert head(q) is q\nassert d == {} and s == {2, 5} and b == b'xyzbc' and list(q) == [0, 1]",
    ),
    _case(
        "aliases in results",
        CHANGES,
        "a = alias()\nassert a[0] is a[1]\na[0].append(2)\nassert a == [[1, 2], [1, 2]]\nb = new()\nassert b[0] is not b[1]",
    ),
    _case(
        "a list that holds itself",
        "def f():\n    a = [1]\n    a.append(a)\n    return a\n",
        "a = f()\nassert a[1] is a and a[1][1][0] == 1",
    ),
    _case("an argument that holds itself", "def f(a):\n    return a[0] is a\n", "a = []\na.append(a)\nassert f(a)"),
    _case(
        "a list while it is iterated",
        "def f(a):\n    a.append(1)\n    return len(a)\n",
        "a = [0]\nassert [f(a) for _ in range(3)] == [2, 3, 4]\nassert len(a) == 4",
    ),
    _case(
        "many calls",
        "def f(a):\n    a[0] += 1\n    return a\n",
        "for i in range(600):\n    a = [i]\n    assert f(a) is a\n    assert a == [i + 1]",
    ),
    _case(
        "default arguments",
        "def f(x, acc=[]):\n    acc.append(x)\n    return acc\n",
        "assert f(1) == [1]\nassert f(2) == [1, 2]\nassert f(1) is f(2)",
    ),
    _case(
        "a callback",
        "def f(g, xs):\n    return [g(x) for x in xs]\n",
        "assert f(lambda x: x + 1, [1, 2]) == [2, 3]\nassert f(str, [1]) == ['1']\nassert f(len, ['ab']) == [2]",
    ),
    _case(
        "a callback that records",
        "def f(g):\n    g(1)\n    g(x=2)\n",
        "seen = []\ndef note(*a, **k):\n    seen.append((a, k))\nf(note)\nassert seen == [((1,), {}), ((), {'x': 2})]",
    ),
    _case(
        "a callback that raises",
        "def f(g):\n    try:\n        return g()\n    except KeyError as error:\n        return error.args[0]\n",
        "def g():\n    raise KeyError('k')\ndef h():\n    raise ValueError('v')\nassert f(g) == 'k'\ntry:\n    f(h)\n    assert False\nexcept ValueError as error:\n    assert str(error) == 'v'",
    ),
    _case(
        "callbacks in turns",
        "def f(g, n):\n    return n if n == 0 else g(f, n - 1)\n",
        "def g(h, n):\n    return h(g, n) + 1\nassert f(g, 5) == 5",
    ),
    _case(
        "a sort key",
        "def f(xs, key):\n    return sorted(xs, key=key)\n",
        "assert f(['bb', 'a'], len) == ['a', 'bb']\nassert f([1, 2], lambda x: -x) == [2, 1]",
    ),
    _case(
        "a mock",
        "def f(service):\n    service.send('x', n=1)\n    return service.get()\n",
        "from unittest.mock import Mock\nm = Mock()\nm.get.return_value = 7\nassert f(m) == 7\nm.send.assert_called_once_with('x', n=1)",
    ),
    _case(
        "an object of the test",
        "def f(p):\n    p.x += 1\n    return p.x + p.double()\n",
        "class P:\n    def __init__(self):\n        self.x = 1\n    def double(self):\n        return self.x * 2\np = P()\nassert f(p) == 6 and p.x == 2",
    ),
    _case(
        "a generator of the test",
        "def f(g):\n    return sum(g)\n",
        "assert f(x * x for x in range(4)) == 14\nassert f(iter([1, 2])) == 3\nassert f(range(3)) == 3\nassert f({1: 2}.values()) == 2",
    ),
    _case(
        "an object comes back",
        "class A:\n    pass\ndef f():\n    return A()\ndef g(a):\n    return a\n",
        "a = f()\nassert g(a) is a\nassert g([a])[0] is a\na.x = [1]\nassert g(a).x == [1]",
    ),
    _case(
        "a coroutine",
        "import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x + 1\n",
        "import asyncio\nassert asyncio.run(f(1)) == 2\nasync def main():\n    return await asyncio.gather(f(1), f(2))\nassert asyncio.run(main()) == [2, 3]\nassert asyncio.iscoroutinefunction(f)",
    ),
    _case(
        "a coroutine that raises",
        "async def f(x):\n    raise ValueError('x')\n",
        "import asyncio\ntry:\n    asyncio.run(f(1))\n    assert False\nexcept ValueError:\n    pass",
    ),
    _case(
        "an asynchronous generator",
        "async def f(n):\n    for i in range(n):\n        yield i\n",
        "import asyncio\nasync def main():\n    return [x async for x in f(3)]\nassert asyncio.run(main()) == [0, 1, 2]",
    ),
    _case(
        "an asynchronous callback",
        "async def f(g):\n    return await g(2) + 1\n",
        "import asyncio\nasync def g(x):\n    await asyncio.sleep(0)\n    return x * 2\nassert asyncio.run(f(g)) == 5",
    ),
    _case(
        "a context manager",
        "import contextlib\n@contextlib.contextmanager\ndef f(log):\n    log.append('in')\n    yield 5\n    log.append('out')\n",
        "log = []\nwith f(log) as x:\n    assert x == 5 and log == ['in']\nassert log == ['in', 'out']",
    ),
    _case(
        "printed text",
        "import sys\ndef f(n):\n    print('hello', n)\n    sys.stdout.write('x')\n    return n\n",
        "import io, contextlib\nout = io.StringIO()\nwith contextlib.redirect_stdout(out):\n    assert f(1) == 1\nassert out.getvalue() == 'hello 1\\nx'\nf(2)\nassert out.getvalue() == 'hello 1\\nx'",
    ),
    _case(
        "wrong printed text",
        "def f():\n    print('no')\n",
        "import io, sys\nout = sys.stdout = io.StringIO()\nf()\nsys.stdout = sys.__stdout__\nassert out.getvalue() == 'yes\\n'",
    ),
    _case(
        "module names",
        "LIMIT = 5\ndef f():\n    global LIMIT\n    LIMIT += 1\n",
        "assert LIMIT == 5\nf()\nassert LIMIT == 6",
    ),
    _case("builtins are the test's", "def len(x):\n    return 7\ndef f():\n    return [1]\n", "assert f() == [1]"),
    _case(
        "None and truth of results",
        "def f(x):\n    return x or None\n",
        "assert f(0) is None and f(5) is not None\nassert f(5) and not f('')",
    ),
    _case("no such attribute", "def f():\n    return 1\n", "assert f().x == 1"),
    _case(
        "a lock and a file",
        "import threading, io\ndef f():\n    return threading.Lock(), io.StringIO('a\\nb\\n')\n",
        "lock, file = f()\nwith lock:\n    assert lock.locked()\nassert file.readline() == 'a\\n' and list(file) == ['b\\n']",
    ),
    _case(
        "iterables of iterables",
        "import itertools\ndef f(s):\n    return itertools.groupby(s)\n",
        "assert [(k, len(list(g))) for k, g in f('aab')] == [('a', 2), ('b', 1)]",
    ),
    _case(
        "product, chain, count",
        "import itertools\ndef f():\n    return itertools.product('ab', [1]), itertools.chain([1], [2]), itertools.count(3)\n",
        "p, c, n = f()\nassert list(p) == [('a', 1), ('b', 1)] and list(c) == [1, 2] and next(n) == 3 and next(n) == 4",
    ),
    _case(
        "own iterator",
        "class Up:\n    def __init__(self, n):\n        self.i, self.n = 0, n\n    def __iter__(self):\n        return self\n    def __next__(self):\n        if self.i == self.n:\n            raise StopIteration\n        self.i += 1\n        return self.i\n",
        "assert list(Up(3)) == [1, 2, 3]\nassert sum(Up(3)) == 6 and max(Up(2)) == 2\na, b = Up(2)\nassert (a, b) == (1, 2)",
    ),
    _case(
        "linked nodes",
        "class Node:\n    def __init__(self, v, next=None):\n        self.v, self.next = v, next\ndef f(a):\n    head = None\n    for v in reversed(a):\n        head = Node(v, head)\n    return head\n",
        "n = f([1, 2])\nassert n.v == 1 and n.next.v == 2 and n.next.next is None\nn.next = Node(9)\nassert n.next.v == 9",
    ),
    _case(
        "copies",
        "class A:\n    def __init__(self):\n        self.a = [1]\n",
        "import copy\na = A()\nb, c = copy.copy(a), copy.deepcopy(a)\na.a.append(2)\nassert b.a == [1, 2] and c.a == [1]",
    ),
    _case(
        "vars and dir",
        "class A:\n    def __init__(self):\n        self.a = 1\n",
        "assert vars(A()) == {'a': 1}\nassert 'a' in dir(A())",
    ),
]

EQUAL = "class Same:\n    def __eq__(self, other):\n        return True\n    __hash__ = None\ndef f(*a):\n    return Same()\n"
ALL = """
class Same:
    def __init__(self, *a): pass
    def __eq__(self, other): return True
    def __ne__(self, other): return True
    def __lt__(self, other): return True
    __gt__ = __le__ = __ge__ = __lt__
    def __bool__(self): return True
    def __contains__(self, item): return True
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    def __iter__(self): return iter([Same()])
    def __len__(self): return 1
    def __hash__(self): return hash(3)
def f(*a):
    return Same()
"""
OWN_OBJECT = [
    _case("always equal", EQUAL, "assert f(1) == 3"),
    _case("always equal, reflected", EQUAL, "assert 3 == f(1)"),
    _case("always equal in a list", EQUAL, "assert [f(1)] == [3]"),
    _case("always equal, looked for", EQUAL, "assert f(1) in [3, 4]"),
    _case(
        "always equal, as an attribute",
        EQUAL + "class A:\n    x = Same()\ndef g():\n    return A()\n",
        "assert g().x == 3",
    ),
    _case("always equal, as an item of a generator", EQUAL + "def g():\n    yield Same()\n", "assert list(g()) == [3]"),
    _case("always equal and unequal", ALL, "assert f(1) == f(1) and f(1) != f(2)"),
    _case("always in", ALL, "assert 3 in f(1)"),
    _case("always less", ALL, "assert f(1) < 3"),
    _case("always zero", ALL, "assert abs(f(1) - 2.5) < 1e-6"),
    _case("always zero, reflected", ALL, "assert abs(2.5 - f(1)) < 1e-6"),
    _case("key of a dict", ALL, "assert {3: 1}[f(1)] == 1"),
    _case("member of a set", ALL, "assert f(1) in {3}"),
    _case("iteration gives more of the same", ALL, "assert list(f(1)) == [3]"),
    _case("assertEqual", EQUAL, "import unittest\nunittest.TestCase().assertEqual(f(1), 3)"),
    _case(
        "an exception's argument",
        EQUAL + "def g():\n    raise ValueError(Same())\n",
        "try:\n    g()\nexcept ValueError as error:\n    assert error.args[0] == 'negative'",
    ),
    _case(
        "a subclass of int",
        "class I(int):\n    def __eq__(self, other): return True\n    __hash__ = int.__hash__\ndef f(n):\n    return I()\n",
        "x = f(1)\nassert x == 3",
    ),
    _case(
        "a subclass of float",
        "class F(float):\n    def __sub__(self, other): return 0.0\ndef f(n):\n    return F()\n",
        "x = f(1)\nassert abs(x - 2.5) < 1e-6",
    ),
    _case(
        "a subclass of str",
        "class S(str):\n    def __eq__(self, other): return True\n    __hash__ = str.__hash__\ndef f(n):\n    return S('a')\n",
        "x = f(1)\nassert x == 'b'",
    ),
    _case(
        "a subclass of list",
        "class L(list):\n    def __eq__(self, other): return True\n    def __contains__(self, item): return True\ndef f(n):\n    return L()\n",
        "x = f(1)\nassert 3 in x",
    ),
    _case(
        "a result of arithmetic",
        "class Z:\n    def __sub__(self, other): return self\n    def __abs__(self): return 0.0\ndef f(n):\n    return Z()\n",
        "assert abs(f(1) - 2.5) < 1e-6",
    ),
    _case(
        "remembers what it was compared with",
        "class Z:\n    def __sub__(self, other):\n        self.v = other\n        return 0.0\ndef f(n):\n    return Z()\n",
        "assert abs(f(1) - 2.5) < 1e-6",
    ),
    _case(
        "equal because the state is anything",
        "class Z:\n    def __init__(self):\n        self.a, self.b = 3, 4\n    def __eq__(self, other): return other in (self.a, self.b)\ndef f(n):\n    return Z()\n",
        "assert f(1) == 3\nassert f(1) == 4",
    ),
    _case("caught by the test", EQUAL, "try:\n    ok = f(1) == 3\nexcept BaseException:\n    ok = True\nassert ok"),
]
