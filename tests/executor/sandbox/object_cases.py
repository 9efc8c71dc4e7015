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


def block_case(name: str, program: str, tests: str) -> ObjectCase:
    """A case whose program and tests are indented blocks."""
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
    block_case(
        "list of a generator",
        """
        def f(n):
            yield from range(n)
        """,
        """
        assert list(f(3)) == [0, 1, 2]
        """,
    ),
    block_case(
        "generator is no list",
        """
        def f(n):
            yield from range(n)
        """,
        """
        assert f(3) == [0, 1, 2]
        """,
    ),
    block_case(
        "next twice",
        """
        def f(n):
            yield from range(n)
        """,
        """
        g = f(2)
        assert next(g) == 0
        assert next(g) == 1
        assert next(g, 9) == 9
        """,
    ),
    block_case(
        "exhausted",
        """
        def f(n):
            yield from range(n)
        """,
        """
        g = f(2)
        assert list(g) == [0, 1]
        assert list(g) == []
        """,
    ),
    block_case(
        "send",
        """
        def f():
            got = yield 1
            yield got * 2
        """,
        """
        g = f()
        next(g)
        assert g.send(4) == 8
        g.close()
        """,
    ),
    block_case(
        "a generator that raises",
        """
        def f():
            yield 1
            raise ValueError('x')
        """,
        """
        g = f()
        next(g)
        try:
            next(g)
        except ValueError as e:
            assert str(e) == 'x'
        else:
            assert False
        """,
    ),
    block_case(
        "isinstance generator",
        """
        def f():
            yield 1
        """,
        """
        import types
        assert isinstance(f(), types.GeneratorType)
        assert hasattr(f(), '__next__')
        """,
    ),
    block_case(
        "set of a map",
        """
        def f(a):
            return map(abs, a)
        """,
        """
        assert set(f([-1, 1, 2])) == {1, 2}
        """,
    ),
    block_case(
        "tuple of a filter",
        """
        def f(a):
            return filter(None, a)
        """,
        """
        assert tuple(f([0, 1, 2])) == (1, 2)
        """,
    ),
    block_case(
        "dict of a zip",
        """
        def f(a):
            return zip(a, a[1:])
        """,
        """
        assert dict(f('abc')) == {'a': 'b', 'b': 'c'}
        """,
    ),
    block_case(
        "list of enumerate",
        """
        def f(a):
            return enumerate(a)
        """,
        """
        assert list(f('ab')) == [(0, 'a'), (1, 'b')]
        """,
    ),
    block_case(
        "list of reversed",
        """
        def f(a):
            return reversed(a)
        """,
        """
        assert list(f([1, 2])) == [2, 1]
        assert ''.join(f('ab')) == 'ba'
        """,
    ),
    block_case(
        "range as a sequence",
        """
        def f(n):
            return range(n)
        """,
        """
        r = f(4)
        assert r[1] == 1 and len(r) == 4 and 3 in r and r == range(4)
        """,
    ),
    block_case(
        "range is no list",
        """
        def f(n):
            return range(n)
        """,
        """
        assert f(3) == [0, 1, 2]
        """,
    ),
    block_case(
        "max of a range",
        """
        def f(n):
            return range(n)
        """,
        """
        assert max(f(3)) == 2
        """,
    ),
    block_case(
        "keys are a set",
        """
        def f():
            return {1: 2, 3: 4}.keys()
        """,
        """
        assert f() == {1, 3}
        """,
    ),
    block_case(
        "items",
        """
        def f():
            return {1: 2}.items()
        """,
        """
        assert list(f()) == [(1, 2)]
        assert (1, 2) in f()
        """,
    ),
    block_case(
        "values",
        """
        def f():
            return {1: 2, 3: 2}.values()
        """,
        """
        assert sorted(f()) == [2, 2]
        assert len(f()) == 2
        """,
    ),
    block_case(
        "deque",
        """
        from collections import deque
        def f():
            return deque([1, 2])
        """,
        """
        from collections import deque
        d = f()
        assert list(d) == [1, 2] and d == deque([1, 2]) and d[0] == 1 and len(d) == 2
        """,
    ),
    block_case(
        "deque is no list",
        """
        from collections import deque
        def f():
            return deque([1, 2])
        """,
        """
        assert f() == [1, 2]
        """,
    ),
    block_case(
        "ordered dict",
        """
        from collections import OrderedDict
        def f():
            return OrderedDict(b=1, a=2)
        """,
        """
        assert f() == {'a': 2, 'b': 1}
        assert list(f()) == ['b', 'a']
        """,
    ),
    block_case(
        "order of an ordered dict",
        """
        from collections import OrderedDict
        def f():
            return OrderedDict(b=1, a=2)
        """,
        """
        from collections import OrderedDict
        assert f() == OrderedDict(a=2, b=1)
        """,
    ),
    block_case(
        "counter",
        """
        from collections import Counter
        def f(s):
            return Counter(s)
        """,
        """
        c = f('aab')
        assert c == {'a': 2, 'b': 1} and c['z'] == 0 and c.most_common(1) == [('a', 2)]
        """,
    ),
    block_case(
        "type of a counter",
        """
        from collections import Counter
        def f(s):
            return Counter(s)
        """,
        """
        assert type(f('a')) is dict
        """,
    ),
    block_case(
        "default dict",
        """
        from collections import defaultdict
        def f():
            return defaultdict(list, a=[1])
        """,
        """
        d = f()
        assert d['zz'] == [] and d['a'] == [1]
        assert type(d).__name__ == 'defaultdict'
        """,
    ),
    block_case(
        "default factory of the program",
        """
        from collections import defaultdict
        def f():
            return defaultdict(lambda: 5)
        """,
        """
        assert f()['zz'] == 5
        """,
    ),
    block_case(
        "named tuple",
        """
        from collections import namedtuple
        P = namedtuple('P', 'x y')
        def f():
            return P(1, 2)
        """,
        """
        p = f()
        assert p == (1, 2) and p.x == 1 and p[1] == 2 and p._asdict() == {'x': 1, 'y': 2}
        a, b = p
        assert b == 2
        assert str(p) == 'P(x=1, y=2)'
        """,
    ),
    block_case(
        "typed named tuple",
        """
        from typing import NamedTuple
        class P(NamedTuple):
            x: int
            def double(self):
                return self.x * 2
        def f():
            return [P(1)]
        """,
        """
        assert f() == [(1,)]
        assert f()[0].double() == 2
        assert f()[0]._replace(x=4).x == 4
        """,
    ),
    block_case(
        "wrong named tuple",
        """
        from collections import namedtuple
        P = namedtuple('P', 'x')
        def f():
            return P(1)
        """,
        """
        assert f() == (2,)
        """,
    ),
    block_case(
        "data class",
        """
        from dataclasses import dataclass
        @dataclass
        class P:
            x: int
            y: list
        def f(x):
            return P(x, [x])
        """,
        """
        p = f(1)
        assert p.x == 1 and p.y == [1]
        assert f(1) == f(1)
        assert f(1) != f(2)
        assert str(p) == 'P(x=1, y=[1])'
        """,
    ),
    block_case(
        "data class by name",
        """
        from dataclasses import dataclass
        @dataclass(order=True)
        class P:
            x: int = 3
        def f():
            return P()
        """,
        """
        assert f() == P(3)
        assert P(1) < P(2)
        assert sorted([P(2), P(1)])[0].x == 1
        assert isinstance(f(), P)
        """,
    ),
    block_case(
        "two data classes differ",
        """
        from dataclasses import dataclass
        @dataclass
        class P:
            x: int
        def f(x):
            return P(x)
        """,
        """
        assert f(1) == f(2)
        """,
    ),
    block_case(
        "length, items, in, iteration",
        STACK,
        """
        s = Stack()
        s.push(1)
        s.push(2)
        assert len(s) == 2 and s[0] == 1 and s[-1] == 2
        assert 1 in s
        assert 7 not in s
        assert list(s) == [1, 2]
        assert [x + 1 for x in s] == [2, 3]
        s[0] = 5
        assert s.items == [5, 2]
        """,
    ),
    block_case(
        "str and repr",
        STACK,
        """
        s = Stack([1])
        assert str(s) == 'Stack of 1'
        assert repr(s) == 'Stack([1])'
        assert f'{s}' == 'Stack of 1'
        assert f'{s!r}' == 'Stack([1])'
        """,
    ),
    block_case(
        "truth",
        STACK,
        """
        assert Stack([1])
        assert not Stack()
        assert bool(Stack([0])) is True
        """,
    ),
    block_case(
        "comparison of two",
        STACK,
        """
        assert Stack([1]) == Stack([1])
        assert Stack([1]) != Stack([2])
        assert Stack([1]) is not Stack([1])
        """,
    ),
    block_case(
        "wrong length",
        STACK,
        """
        assert len(Stack([1])) == 2
        """,
    ),
    block_case(
        "a chain of calls",
        STACK,
        """
        assert Stack().push(1).push(2).pop() == 2
        """,
    ),
    block_case(
        "an exception of a method",
        STACK,
        """
        try:
            Stack().pop()
            assert False
        except IndexError as error:
            assert str(error) == 'pop from an empty stack'
        """,
    ),
    block_case(
        "attributes",
        STACK,
        """
        s = Stack()
        s.items.append(3)
        assert s.pop() == 3
        s.extra = 5
        assert s.extra == 5 and hasattr(s, 'push') and not hasattr(s, 'peek')
        assert getattr(s, 'peek', 1) == 1
        assert isinstance(s, Stack) and type(s) is Stack and type(s).__name__ == 'Stack'
        assert callable(s.push) and not callable(s)
        """,
    ),
    block_case(
        "arithmetic",
        VECTOR,
        """
        v = Vector(1, 2) + Vector(3, 4)
        assert (v.x, v.y) == (4, 6)
        assert abs(Vector(3, 4)) == 5
        assert (Vector(1, 2) * 3).y == 6 and (2 * Vector(1, 2)).x == 2
        assert (-Vector(1, 2)).x == -1
        v += Vector(1, 1)
        assert v.x == 5
        """,
    ),
    block_case(
        "comparison after arithmetic",
        VECTOR,
        """
        assert Vector(1, 2) + Vector(1, 1) == Vector(2, 3)
        assert Vector(1, 2) < Vector(2, 0)
        assert sorted([Vector(2, 0), Vector(1, 0)])[0].x == 1
        assert max(Vector(2, 0), Vector(1, 0)).x == 2
        """,
    ),
    block_case(
        "hash",
        VECTOR,
        """
        assert len({Vector(1, 2), Vector(1, 2), Vector(2, 2)}) == 2
        d = {Vector(1, 2): 'a'}
        assert d[Vector(1, 2)] == 'a'
        """,
    ),
    block_case(
        "properties, class and static methods",
        VECTOR,
        """
        assert Vector(3, 4).length == 5
        assert Vector.zero().x == 0
        assert Vector.dimensions() == 2
        """,
    ),
    block_case(
        "not comparable",
        VECTOR,
        """
        assert Vector(1, 2) > 3
        """,
    ),
    block_case(
        "inheritance",
        """
        class A:
            def name(self):
                return 'a'
        class B(A):
            pass
        def f():
            return B()
        """,
        """
        assert isinstance(f(), A) and issubclass(B, A) and f().name() == 'a'
        assert not isinstance(f(), int)
        """,
    ),
    block_case(
        "enumeration",
        """
        from enum import Enum
        class C(Enum):
            RED = 1
            BLUE = 2
        def f(n):
            return C(n)
        """,
        """
        assert f(1) is C.RED and f(1) == C.RED and f(1) != C.BLUE
        assert f(2).name == 'BLUE' and f(2).value == 2
        assert [c.value for c in C] == [1, 2] and len(C) == 2 and C['RED'] is f(1)
        assert str(f(1)) == 'C.RED'
        assert f(1) in C
        """,
    ),
    block_case(
        "integer enumeration",
        """
        from enum import IntEnum
        class C(IntEnum):
            RED = 1
        def f():
            return C.RED
        """,
        """
        assert f() == 1
        assert f() + 1 == 2 and f().name == 'RED' and isinstance(f(), int)
        """,
    ),
    block_case(
        "subclass of list",
        """
        class L(list):
            def total(self):
                return sum(self)
        def f(a):
            return L(a)
        """,
        """
        l = f([1, 2])
        assert l == [1, 2] and l.total() == 3 and len(l) == 2 and isinstance(l, list)
        l.append(3)
        assert l.total() == 6
        assert l[1:] == [2, 3]
        """,
    ),
    block_case(
        "subclass of dict",
        """
        class D(dict):
            def __missing__(self, key):
                return key * 2
            def __getattr__(self, name):
                return self[name]
        def f():
            return D(a=1)
        """,
        """
        d = f()
        assert d == {'a': 1} and d['b'] == 'bb' and d.a == 1 and 'b' not in d
        """,
    ),
    block_case(
        "subclass of int",
        """
        class I(int):
            def double(self):
                return self * 2
        def f(n):
            return I(n)
        """,
        """
        assert f(3) == 3 and f(3).double() == 6 and f(3) + 1 == 4
        """,
    ),
    block_case(
        "subclass of str",
        """
        class S(str):
            def shout(self):
                return self.upper() + '!'
        def f(s):
            return S(s)
        """,
        """
        assert f('a') == 'a' and f('a').shout() == 'A!' and f('a') + 'b' == 'ab'
        assert f('x') in ['x']
        """,
    ),
    block_case(
        "dates",
        """
        import datetime
        def f(d):
            return d + datetime.timedelta(days=1)
        """,
        """
        import datetime
        assert f(datetime.date(2024, 2, 28)) == datetime.date(2024, 2, 29)
        assert f(datetime.datetime(2024, 1, 1, 5)).hour == 5
        assert f(datetime.date(2024, 1, 1)).strftime('%d') == '02'
        """,
    ),
    block_case(
        "time zones",
        """
        import datetime
        def f():
            return datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
        """,
        """
        import datetime
        assert f() == datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
        assert f().utcoffset() == datetime.timedelta(0)
        """,
    ),
    block_case(
        "numbers",
        """
        from fractions import Fraction
        from decimal import Decimal
        def f(x):
            return x + 1
        """,
        """
        from fractions import Fraction
        from decimal import Decimal
        assert f(Fraction(1, 2)) == Fraction(3, 2)
        assert f(Decimal('0.1')) == Decimal('1.1')
        assert f(1j) == 1 + 1j and abs(f(0.5) - 1.5) < 1e-9
        """,
    ),
    block_case(
        "sets and bytes",
        """
        def f(x):
            return x
        """,
        """
        assert f(frozenset({1})) == {1}
        assert f(b'a') == b'a'
        assert f(bytearray(b'a')) == b'a'
        assert f({1, (2, 3)}) == {(2, 3), 1}
        assert f(...) is ...
        assert f(slice(1, 2)) == slice(1, 2)
        """,
    ),
    block_case(
        "paths and identifiers",
        """
        import pathlib, uuid, re
        def f(n):
            return [pathlib.PurePosixPath('a') / 'b', uuid.UUID(int=n), re.compile('a+')]
        """,
        """
        import pathlib, uuid
        p, u, r = f(5)
        assert p == pathlib.PurePosixPath('a/b') and p.name == 'b'
        assert u == uuid.UUID(int=5)
        assert r.findall('caat') == ['aa']
        """,
    ),
    block_case(
        "a match",
        """
        import re
        def f(s):
            return re.match(r'(\\d+)-(\\d+)', s)
        """,
        """
        assert f('x') is None
        m = f('12-34')
        assert m is not None and m.group(1) == '12' and m.groups() == ('12', '34') and m[2] == '34' and m
        """,
    ),
    block_case(
        "not a number",
        """
        def f(x):
            return [float('nan'), x]
        """,
        """
        import math
        a = f(math.nan)
        assert math.isnan(a[0]) and a[0] != a[0] and a[1] is math.nan and a == a
        assert [math.nan] == [f(math.nan)[1]]
        """,
    ),
    block_case(
        "a closure",
        """
        def f(n):
            def add(x, *, y=0):
                return x + n + y
            return add
        """,
        """
        g = f(2)
        assert g(3) == 5 and g(1, y=4) == 7 and callable(g) and g.__name__ == 'add'
        assert list(map(f(1), [1, 2])) == [2, 3]
        assert sorted([3, 1, 2], key=f(0)) == [1, 2, 3]
        """,
    ),
    block_case(
        "a decorator",
        """
        def twice(g):
            def inner(*a, **k):
                return g(*a, **k) * 2
            inner.calls = 0
            return inner
        """,
        """
        @twice
        def h(x):
            return x + 1
        assert h(2) == 6 and h.calls == 0
        """,
    ),
    block_case(
        "a counting decorator",
        """
        import functools
        def memo(g):
            cache = {}
            @functools.wraps(g)
            def inner(x):
                if x not in cache:
                    cache[x] = g(x)
                return cache[x]
            return inner
        """,
        """
        calls = []
        @memo
        def h(x):
            calls.append(x)
            return x * x
        assert h(3) == 9 and h(3) == 9
        assert calls == [3]
        assert h.__name__ == 'h'
        """,
    ),
    block_case(
        "partial and builtins",
        """
        import functools, operator
        def f():
            return [functools.partial(pow, 2), len, operator.add, str.upper]
        """,
        """
        p, l, a, u = f()
        assert p(3) == 8 and l('ab') == 2 and a(1, 2) == 3 and u('a') == 'A'
        """,
    ),
    block_case(
        "a class as result",
        """
        def f():
            class A:
                x = 1
                def __init__(self, y):
                    self.y = y
            return A
        """,
        """
        A = f()
        assert A.x == 1 and A(5).y == 5 and A.__name__ == 'A' and isinstance(A(1), A) and isinstance(A, type)
        """,
    ),
    block_case(
        "types as results",
        """
        def f(x):
            return type(x)
        """,
        """
        assert f(1) is int and f([]) == list
        assert f('') in (str, bytes)
        """,
    ),
    block_case(
        "own exceptions",
        ERRORS,
        """
        try:
            f(1)
        except Bad as error:
            assert error.code == 7 and str(error) == 'no' and error.args == ('no',)
        else:
            assert False
        """,
    ),
    block_case(
        "own exceptions by their base",
        ERRORS,
        """
        try:
            f(1)
        except ValueError as error:
            assert type(error) is Bad and type(error).__name__ == 'Bad'
        else:
            assert False
        """,
    ),
    block_case(
        "derived exceptions",
        ERRORS,
        """
        try:
            f(2)
        except Bad as error:
            assert isinstance(error, Worse) and str(error) == 'worse: 8'
        else:
            assert False
        """,
    ),
    block_case(
        "messages of exceptions",
        ERRORS,
        """
        try:
            f(3)
        except KeyError as error:
            assert error.args[0] == 'key' and str(error) == "'key'"
        else:
            assert False
        """,
    ),
    block_case(
        "causes of exceptions",
        ERRORS,
        """
        try:
            f(4)
        except RuntimeError as error:
            assert isinstance(error.__cause__, OSError) and error.__cause__.errno == 2
        else:
            assert False
        """,
    ),
    block_case(
        "the wrong exception",
        ERRORS,
        """
        try:
            f(3)
            assert False
        except ValueError:
            pass
        """,
    ),
    block_case(
        "no exception",
        ERRORS,
        """
        try:
            f(9)
            assert False, 'must raise'
        except ValueError:
            pass
        """,
    ),
    block_case(
        "assertRaises",
        ERRORS,
        """
        import unittest
        t = unittest.TestCase()
        with t.assertRaises(Bad) as context:
            f(1)
        assert context.exception.code == 7
        t.assertRaises(KeyError, f, 3)
        with t.assertRaisesRegex(ValueError, 'n.'):
            f(1)
        t.assertEqual(f(6), 6)
        t.assertIsInstance(f(6), int)
        """,
    ),
    block_case(
        "raising the program's exception",
        ERRORS,
        """
        def g():
            raise Bad('x', 1)
        try:
            g()
        except ValueError as error:
            assert error.code == 1
        """,
    ),
    block_case(
        "exceptions as results",
        """
        def f():
            return ValueError('x')
        """,
        """
        assert isinstance(f(), ValueError) and str(f()) == 'x'
        """,
    ),
    block_case(
        "the program exits",
        """
        def f():
            raise SystemExit(3)
        """,
        """
        try:
            f()
        except SystemExit as error:
            assert error.code == 3
        """,
    ),
    block_case(
        "an argument is sorted",
        CHANGES,
        """
        a = [3, 1, 2]
        sort(a)
        assert a == [1, 2, 3]
        """,
    ),
    block_case(
        "an argument stays",
        CHANGES,
        """
        a = [3, 1, 2]
        same(a)
        assert a == [3, 1, 2]
        """,
    ),
    block_case(
        "a wrong change",
        CHANGES,
        """
        a = [3, 1, 2]
        sort(a)
        assert a == [3, 1, 2]
        """,
    ),
    block_case(
        "the same object",
        CHANGES,
        """
        a, d, t, s = [1], {}, (1, 2), {1}
        assert same(a) is a and same(d) is d and same(s) is s
        assert same(t) is t
        """,
    ),
    block_case(
        "not the same object",
        CHANGES,
        """
        assert same([1]) is [1]
        """,
    ),
    block_case(
        "a change by the test",
        CHANGES,
        """
        a = [1]
        keep(a)
        a.append(2)
        assert kept() == [1, 2] and kept() is a
        kept().append(3)
        assert a == [1, 2, 3]
        assert KEPT == [[1, 2, 3]]
        KEPT.clear()
        assert KEPT == []
        """,
    ),
    block_case(
        "a nested change",
        CHANGES,
        """
        a = [[1], {'k': 0}]
        inner = a[0]
        nested(a)
        assert a == [[1, 99], {'k': [1]}] and inner == [1, 99]
        """,
    ),
    block_case(
        "changes of other types",
        CHANGES,
        """
        from collections import deque
        d, s, b, q = {1: 2}, {1, 2}, bytearray(b'abc'), deque([1])
        clear(d)
        grow(s)
        fill(b)
        assert head(q) is q
        assert d == {} and s == {2, 5} and b == b'xyzbc' and list(q) == [0, 1]
        """,
    ),
    block_case(
        "aliases in results",
        CHANGES,
        """
        a = alias()
        assert a[0] is a[1]
        a[0].append(2)
        assert a == [[1, 2], [1, 2]]
        b = new()
        assert b[0] is not b[1]
        """,
    ),
    block_case(
        "a list that holds itself",
        """
        def f():
            a = [1]
            a.append(a)
            return a
        """,
        """
        a = f()
        assert a[1] is a and a[1][1][0] == 1
        """,
    ),
    block_case(
        "an argument that holds itself",
        """
        def f(a):
            return a[0] is a
        """,
        """
        a = []
        a.append(a)
        assert f(a)
        """,
    ),
    block_case(
        "a list while it is iterated",
        """
        def f(a):
            a.append(1)
            return len(a)
        """,
        """
        a = [0]
        assert [f(a) for _ in range(3)] == [2, 3, 4]
        assert len(a) == 4
        """,
    ),
    block_case(
        "many calls",
        """
        def f(a):
            a[0] += 1
            return a
        """,
        """
        for i in range(600):
            a = [i]
            assert f(a) is a
            assert a == [i + 1]
        """,
    ),
    block_case(
        "default arguments",
        """
        def f(x, acc=[]):
            acc.append(x)
            return acc
        """,
        """
        assert f(1) == [1]
        assert f(2) == [1, 2]
        assert f(1) is f(2)
        """,
    ),
    block_case(
        "a callback",
        """
        def f(g, xs):
            return [g(x) for x in xs]
        """,
        """
        assert f(lambda x: x + 1, [1, 2]) == [2, 3]
        assert f(str, [1]) == ['1']
        assert f(len, ['ab']) == [2]
        """,
    ),
    block_case(
        "a callback that records",
        """
        def f(g):
            g(1)
            g(x=2)
        """,
        """
        seen = []
        def note(*a, **k):
            seen.append((a, k))
        f(note)
        assert seen == [((1,), {}), ((), {'x': 2})]
        """,
    ),
    block_case(
        "a callback that raises",
        """
        def f(g):
            try:
                return g()
            except KeyError as error:
                return error.args[0]
        """,
        """
        def g():
            raise KeyError('k')
        def h():
            raise ValueError('v')
        assert f(g) == 'k'
        try:
            f(h)
            assert False
        except ValueError as error:
            assert str(error) == 'v'
        """,
    ),
    block_case(
        "callbacks in turns",
        """
        def f(g, n):
            return n if n == 0 else g(f, n - 1)
        """,
        """
        def g(h, n):
            return h(g, n) + 1
        assert f(g, 5) == 5
        """,
    ),
    block_case(
        "a sort key",
        """
        def f(xs, key):
            return sorted(xs, key=key)
        """,
        """
        assert f(['bb', 'a'], len) == ['a', 'bb']
        assert f([1, 2], lambda x: -x) == [2, 1]
        """,
    ),
    block_case(
        "a mock",
        """
        def f(service):
            service.send('x', n=1)
            return service.get()
        """,
        """
        from unittest.mock import Mock
        m = Mock()
        m.get.return_value = 7
        assert f(m) == 7
        m.send.assert_called_once_with('x', n=1)
        """,
    ),
    block_case(
        "an object of the test",
        """
        def f(p):
            p.x += 1
            return p.x + p.double()
        """,
        """
        class P:
            def __init__(self):
                self.x = 1
            def double(self):
                return self.x * 2
        p = P()
        assert f(p) == 6 and p.x == 2
        """,
    ),
    block_case(
        "a generator of the test",
        """
        def f(g):
            return sum(g)
        """,
        """
        assert f(x * x for x in range(4)) == 14
        assert f(iter([1, 2])) == 3
        assert f(range(3)) == 3
        assert f({1: 2}.values()) == 2
        """,
    ),
    block_case(
        "an object comes back",
        """
        class A:
            pass
        def f():
            return A()
        def g(a):
            return a
        """,
        """
        a = f()
        assert g(a) is a
        assert g([a])[0] is a
        a.x = [1]
        assert g(a).x == [1]
        """,
    ),
    block_case(
        "a coroutine",
        """
        import asyncio
        async def f(x):
            await asyncio.sleep(0)
            return x + 1
        """,
        """
        import asyncio
        assert asyncio.run(f(1)) == 2
        async def main():
            return await asyncio.gather(f(1), f(2))
        assert asyncio.run(main()) == [2, 3]
        assert asyncio.iscoroutinefunction(f)
        """,
    ),
    block_case(
        "a coroutine that raises",
        """
        async def f(x):
            raise ValueError('x')
        """,
        """
        import asyncio
        try:
            asyncio.run(f(1))
            assert False
        except ValueError:
            pass
        """,
    ),
    block_case(
        "an asynchronous generator",
        """
        async def f(n):
            for i in range(n):
                yield i
        """,
        """
        import asyncio
        async def main():
            return [x async for x in f(3)]
        assert asyncio.run(main()) == [0, 1, 2]
        """,
    ),
    block_case(
        "an asynchronous callback",
        """
        async def f(g):
            return await g(2) + 1
        """,
        """
        import asyncio
        async def g(x):
            await asyncio.sleep(0)
            return x * 2
        assert asyncio.run(f(g)) == 5
        """,
    ),
    block_case(
        "a context manager",
        """
        import contextlib
        @contextlib.contextmanager
        def f(log):
            log.append('in')
            yield 5
            log.append('out')
        """,
        """
        log = []
        with f(log) as x:
            assert x == 5 and log == ['in']
        assert log == ['in', 'out']
        """,
    ),
    block_case(
        "printed text",
        """
        import sys
        def f(n):
            print('hello', n)
            sys.stdout.write('x')
            return n
        """,
        """
        import io, contextlib
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            assert f(1) == 1
        assert out.getvalue() == 'hello 1\\nx'
        f(2)
        assert out.getvalue() == 'hello 1\\nx'
        """,
    ),
    block_case(
        "wrong printed text",
        """
        def f():
            print('no')
        """,
        """
        import io, sys
        out = sys.stdout = io.StringIO()
        f()
        sys.stdout = sys.__stdout__
        assert out.getvalue() == 'yes\\n'
        """,
    ),
    block_case(
        "module names",
        """
        LIMIT = 5
        def f():
            global LIMIT
            LIMIT += 1
        """,
        """
        assert LIMIT == 5
        f()
        assert LIMIT == 6
        """,
    ),
    block_case(
        "builtins are the test's",
        """
        def len(x):
            return 7
        def f():
            return [1]
        """,
        """
        assert f() == [1]
        """,
    ),
    block_case(
        "None and truth of results",
        """
        def f(x):
            return x or None
        """,
        """
        assert f(0) is None and f(5) is not None
        assert f(5) and not f('')
        """,
    ),
    block_case(
        "no such attribute",
        """
        def f():
            return 1
        """,
        """
        assert f().x == 1
        """,
    ),
    block_case(
        "a lock and a file",
        """
        import threading, io
        def f():
            return threading.Lock(), io.StringIO('a\\nb\\n')
        """,
        """
        lock, file = f()
        with lock:
            assert lock.locked()
        assert file.readline() == 'a\\n' and list(file) == ['b\\n']
        """,
    ),
    block_case(
        "iterables of iterables",
        """
        import itertools
        def f(s):
            return itertools.groupby(s)
        """,
        """
        assert [(k, len(list(g))) for k, g in f('aab')] == [('a', 2), ('b', 1)]
        """,
    ),
    block_case(
        "product, chain, count",
        """
        import itertools
        def f():
            return itertools.product('ab', [1]), itertools.chain([1], [2]), itertools.count(3)
        """,
        """
        p, c, n = f()
        assert list(p) == [('a', 1), ('b', 1)] and list(c) == [1, 2] and next(n) == 3 and next(n) == 4
        """,
    ),
    block_case(
        "own iterator",
        """
        class Up:
            def __init__(self, n):
                self.i, self.n = 0, n
            def __iter__(self):
                return self
            def __next__(self):
                if self.i == self.n:
                    raise StopIteration
                self.i += 1
                return self.i
        """,
        """
        assert list(Up(3)) == [1, 2, 3]
        assert sum(Up(3)) == 6 and max(Up(2)) == 2
        a, b = Up(2)
        assert (a, b) == (1, 2)
        """,
    ),
    block_case(
        "linked nodes",
        """
        class Node:
            def __init__(self, v, next=None):
                self.v, self.next = v, next
        def f(a):
            head = None
            for v in reversed(a):
                head = Node(v, head)
            return head
        """,
        """
        n = f([1, 2])
        assert n.v == 1 and n.next.v == 2 and n.next.next is None
        n.next = Node(9)
        assert n.next.v == 9
        """,
    ),
    block_case(
        "copies",
        """
        class A:
            def __init__(self):
                self.a = [1]
        """,
        """
        import copy
        a = A()
        b, c = copy.copy(a), copy.deepcopy(a)
        a.a.append(2)
        assert b.a == [1, 2] and c.a == [1]
        """,
    ),
    block_case(
        "equality of the program's own class",
        """
        class Celsius:
            def __init__(self, t):
                self.t = t
            def __eq__(self, other):
                return self.t == other.t
        def f(t):
            return Celsius(t)
        """,
        """
        assert f(3) == f(3) and f(3) != f(4)
        assert f(3).t == 3
        """,
    ),
    block_case(
        "a container in its only attribute",
        """
        class Bag:
            def __init__(self):
                self.items = set()
            def add(self, x):
                self.items.add(x)
            def __contains__(self, x):
                return x in self.items
        """,
        """
        b = Bag()
        b.add(3)
        assert 3 in b and 4 not in b
        """,
    ),
    block_case(
        "vars and dir",
        """
        class A:
            def __init__(self):
                self.a = 1
        """,
        """
        assert vars(A()) == {'a': 1}
        assert 'a' in dir(A())
        """,
    ),
]

EQUAL = """
class Same:
    def __eq__(self, other):
        return True
    __hash__ = None
def f(*a):
    return Same()
"""
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
    block_case(
        "always equal",
        EQUAL,
        """
        assert f(1) == 3
        """,
    ),
    block_case(
        "a container without items",
        """
        class Interval:
            def __init__(self, a, b):
                self.a, self.b = a, b
            def __contains__(self, x):
                return self.a <= x <= self.b
        def f():
            return Interval(1, 5)
        """,
        """
        assert 3 in f()
        """,
    ),
    block_case(
        "always equal, reflected",
        EQUAL,
        """
        assert 3 == f(1)
        """,
    ),
    block_case(
        "always equal in a list",
        EQUAL,
        """
        assert [f(1)] == [3]
        """,
    ),
    block_case(
        "always equal, looked for",
        EQUAL,
        """
        assert f(1) in [3, 4]
        """,
    ),
    block_case(
        "always equal, as an attribute",
        EQUAL + "class A:\n    x = Same()\ndef g():\n    return A()\n",
        """
        assert g().x == 3
        """,
    ),
    block_case(
        "always equal, as an item of a generator",
        EQUAL + "def g():\n    yield Same()\n",
        """
        assert list(g()) == [3]
        """,
    ),
    block_case(
        "always equal and unequal",
        ALL,
        """
        assert f(1) == f(1) and f(1) != f(2)
        """,
    ),
    block_case(
        "always in",
        ALL,
        """
        assert 3 in f(1)
        """,
    ),
    block_case(
        "always less",
        ALL,
        """
        assert f(1) < 3
        """,
    ),
    block_case(
        "always zero",
        ALL,
        """
        assert abs(f(1) - 2.5) < 1e-6
        """,
    ),
    block_case(
        "always zero, reflected",
        ALL,
        """
        assert abs(2.5 - f(1)) < 1e-6
        """,
    ),
    block_case(
        "key of a dict",
        ALL,
        """
        assert {3: 1}[f(1)] == 1
        """,
    ),
    block_case(
        "member of a set",
        ALL,
        """
        assert f(1) in {3}
        """,
    ),
    block_case(
        "iteration gives more of the same",
        ALL,
        """
        assert list(f(1)) == [3]
        """,
    ),
    block_case(
        "assertEqual",
        EQUAL,
        """
        import unittest
        unittest.TestCase().assertEqual(f(1), 3)
        """,
    ),
    block_case(
        "an exception's argument",
        EQUAL + "def g():\n    raise ValueError(Same())\n",
        """
        try:
            g()
        except ValueError as error:
            assert error.args[0] == 'negative'
        """,
    ),
    block_case(
        "a subclass of int",
        """
        class I(int):
            def __eq__(self, other): return True
            __hash__ = int.__hash__
        def f(n):
            return I()
        """,
        """
        x = f(1)
        assert x == 3
        """,
    ),
    block_case(
        "a subclass of float",
        """
        class F(float):
            def __sub__(self, other): return 0.0
        def f(n):
            return F()
        """,
        """
        x = f(1)
        assert abs(x - 2.5) < 1e-6
        """,
    ),
    block_case(
        "a subclass of str",
        """
        class S(str):
            def __eq__(self, other): return True
            __hash__ = str.__hash__
        def f(n):
            return S('a')
        """,
        """
        x = f(1)
        assert x == 'b'
        """,
    ),
    block_case(
        "a subclass of list",
        """
        class L(list):
            def __eq__(self, other): return True
            def __contains__(self, item): return True
        def f(n):
            return L()
        """,
        """
        x = f(1)
        assert 3 in x
        """,
    ),
    block_case(
        "a result of arithmetic",
        """
        class Z:
            def __sub__(self, other): return self
            def __abs__(self): return 0.0
        def f(n):
            return Z()
        """,
        """
        assert abs(f(1) - 2.5) < 1e-6
        """,
    ),
    block_case(
        "remembers what it was compared with",
        """
        class Z:
            def __sub__(self, other):
                self.v = other
                return 0.0
        def f(n):
            return Z()
        """,
        """
        assert abs(f(1) - 2.5) < 1e-6
        """,
    ),
    block_case(
        "equal because the state is anything",
        """
        class Z:
            def __init__(self):
                self.a, self.b = 3, 4
            def __eq__(self, other): return other in (self.a, self.b)
        def f(n):
            return Z()
        """,
        """
        assert f(1) == 3
        assert f(1) == 4
        """,
    ),
    block_case(
        "caught by the test",
        EQUAL,
        """
        try:
            ok = f(1) == 3
        except BaseException:
            ok = True
        assert ok
        """,
    ),
]
