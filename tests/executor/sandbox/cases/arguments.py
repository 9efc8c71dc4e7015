"""Tests that look at an argument after the call, or give objects of their own."""

from __future__ import annotations

from tests.executor.sandbox.cases.case import block_case

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
CASES = [
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
        "test class instance of",
        """
        def f(C): return C(3)
        """,
        """
        class K:
            def __init__(self, v): self.v = v
        assert f(K).v == 3 and isinstance(f(K), K)
        """,
    ),
    block_case(
        "isinstance in prog",
        """
        def f(x): return isinstance(x, (list, tuple)), callable(x), type(x).__name__
        """,
        """
        assert f([1]) == (True, False, 'list')
        assert f(lambda: 1) == (False, True, 'function')
        """,
    ),
    block_case(
        "iter test obj",
        """
        def f(x): return [i for i in x] + [len(x), x[0], 5 in x]
        """,
        """
        class L:
            def __len__(self): return 2
            def __iter__(self): return iter([1,5])
            def __getitem__(self, i): return 9
        assert f(L()) == [1,5,2,9,True]
        """,
    ),
    block_case(
        "compare test obj",
        """
        def f(a, b): return a == b, a < b, sorted([b, a])[0] is a
        """,
        """
        import functools
        @functools.total_ordering
        class L:
            def __init__(self, n): self.n = n
            def __eq__(self, o): return self.n == o.n
            def __lt__(self, o): return self.n < o.n
        assert f(L(1), L(2)) == (False, True, True)
        """,
    ),
    block_case(
        "linked list arg",
        """
        def f(h):
            p = None
            while h:
                h.next, p, h = p, h, h.next
            return p
        """,
        """
        class N:
            def __init__(self, v, next=None): self.v, self.next = v, next
        r = f(N(1, N(2, N(3))))
        assert (r.v, r.next.v, r.next.next.v, r.next.next.next) == (3, 2, 1, None)
        """,
    ),
    block_case(
        "rows that are one list",
        """
        def f(grid):
            grid[0][0] = 9
            return [row[:] for row in grid]
        """,
        """
        g = [[0]*2]*2
        r = f(g)
        assert g == [[9,0],[9,0]] and r == g and r[0] is not g[0] and g[0] is g[1]
        """,
    ),
    block_case(
        "global list",
        """
        STACK = []
        def push(x): STACK.append(x)
        def f(): return STACK
        """,
        """
        push(1)
        assert STACK == [1] and f() is STACK
        STACK.append(2)
        assert f() == [1,2] and len(STACK) == 2
        """,
    ),
    block_case(
        "generator arg partially",
        """
        def f(g): return next(g)
        """,
        """
        g = iter([1,2,3])
        assert f(g) == 1 and next(g) == 2 and f(g) == 3
        """,
    ),
    block_case(
        "yield from test gen",
        """
        def f(g):
            yield 0
            yield from g
        """,
        """
        assert list(f(x for x in [1,2])) == [0,1,2]
        """,
    ),
]
