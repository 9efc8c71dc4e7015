"""Results that are iterators, generators, ranges and views."""

from __future__ import annotations

from tests.executor.sandbox.cases.case import block_case

CASES = [
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
        "zip eq",
        """
        def f(): return zip([1],[2])
        """,
        """
        a, b = f(), f()
        assert list(a) == list(b) == [(1, 2)]
        assert f() != f()
        """,
    ),
    block_case(
        "a large result",
        """
        def f(n):
            return list(range(n))
        """,
        """
        assert len(f(300000)) == 300000
        assert f(300000)[-1] == 299999
        """,
    ),
    block_case(
        "a large result of another length",
        """
        def f(n):
            return list(range(n))
        """,
        """
        assert len(f(300000)) == 300001
        """,
    ),
]
