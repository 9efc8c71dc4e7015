"""Data classes, enumerations and subclasses of builtin types."""

from __future__ import annotations

from tests.executor.sandbox.cases.case import block_case

CASES = [
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
        "data classes in containers",
        """
        from dataclasses import dataclass
        @dataclass(frozen=True)
        class P:
            x: int
            y: int = 0
        def f(*a):
            return [P(i) for i in a]
        """,
        """
        assert f(1,2) == [P(1), P(2)]
        assert P(1) in f(1,2)
        assert f(1).index(P(1)) == 0
        assert {P(1): 'a'}[f(1)[0]] == 'a'
        assert {'k': f(1)} == {'k': [P(1)]}
        assert set(f(1,1)) == {P(1)}
        assert f(1,2).count(P(2)) == 1
        """,
    ),
    block_case(
        "data classes by key",
        """
        from dataclasses import dataclass
        @dataclass(frozen=True)
        class P:
            x: int
            y: int = 0
        def f(*a):
            return [P(i) for i in a]
        """,
        """
        import operator
        assert max(f(3,1), key=lambda o: o.x).x == 3
        assert sum(o.x for o in f(1,2)) == 3
        assert [operator.attrgetter('x')(o) for o in f(1)] == [1]
        assert sorted(f(2,1), key=lambda p: p.x)[0] == P(1)
        """,
    ),
    block_case(
        "frozen data classes",
        """
        from dataclasses import dataclass
        @dataclass(frozen=True)
        class P:
            x: int
            y: int = 0
        def f(*a):
            return [P(i) for i in a]
        """,
        """
        try:
            f(1)[0].x = 5
            assert False
        except AttributeError:
            pass
        import dataclasses
        try:
            f(1)[0].x = 5
        except dataclasses.FrozenInstanceError:
            pass
        """,
    ),
    block_case(
        "helpers of dataclasses",
        """
        from dataclasses import dataclass
        @dataclass(frozen=True)
        class P:
            x: int
            y: int = 0
        def f(*a):
            return [P(i) for i in a]
        """,
        """
        import dataclasses
        assert dataclasses.is_dataclass(f(1)[0])
        assert dataclasses.asdict(f(1)[0]) == {'x': 1, 'y': 0}
        assert dataclasses.replace(f(1)[0], y=5).y == 5
        assert [q.name for q in dataclasses.fields(P)] == ['x', 'y']
        """,
    ),
    block_case(
        "astuple",
        """
        from dataclasses import dataclass
        @dataclass(frozen=True)
        class P:
            x: int
            y: int = 0
        def f(*a):
            return [P(i) for i in a]
        """,
        """
        import dataclasses
        assert dataclasses.astuple(f(1)[0]) == (1, 0)
        """,
    ),
    block_case(
        "slots",
        """
        class A:
            __slots__=('x',)
            def __init__(self,x): self.x=x
            def __eq__(self,o): return self.x==o.x
        def f(x): return A(x)
        """,
        """
        assert f(1) == f(1) and f(1).x == 1
        a = f(2)
        a.x = 3
        assert a.x == 3
        """,
    ),
    block_case(
        "property setter",
        """
        class A:
            def __init__(self): self._v=1
            @property
            def v(self): return self._v
            @v.setter
            def v(self, n):
                if n < 0: raise ValueError('neg')
                self._v = n
        """,
        """
        a = A()
        a.v = 5
        assert a.v == 5
        try:
            a.v = -1
            assert False
        except ValueError as e:
            assert 'neg' in str(e)
        """,
    ),
    block_case(
        "nested class",
        """
        class O:
            class I:
                n = 3
            COUNT = 0
            def __init__(self): O.COUNT += 1
        """,
        """
        assert O.I().n == 3
        O(); O()
        assert O.COUNT == 2
        O.COUNT = 7
        assert O.COUNT == 7
        """,
    ),
    block_case(
        "abstract",
        """
        from abc import ABC, abstractmethod
        class S(ABC):
            @abstractmethod
            def area(self): ...
        class Q(S):
            def __init__(self, a): self.a = a
            def area(self): return self.a ** 2
        """,
        """
        assert Q(3).area() == 9 and isinstance(Q(1), S)
        try:
            S()
            assert False
        except TypeError:
            pass
        """,
    ),
]
