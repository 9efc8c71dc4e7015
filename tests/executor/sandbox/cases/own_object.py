"""Programs whose tests only an object of the program's own class could decide, so they do not pass."""

from __future__ import annotations

from tests.executor.sandbox.cases.case import block_case

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
CASES = [
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
