"""Functions, closures, decorators and classes as results."""

from __future__ import annotations

from tests.executor.sandbox.cases.case import block_case

CASES = [
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
        "a cached function",
        """
        import functools
        @functools.lru_cache(maxsize=None)
        def f(n): return n if n < 2 else f(n-1)+f(n-2)
        """,
        """
        assert f(30) == 832040
        assert f.cache_info().hits > 0
        f.cache_clear()
        assert f.cache_info().currsize == 0
        """,
    ),
    block_case(
        "signature",
        """
        def f(a, b=2, *c, d: int = 3) -> int:
            'doc'
            return a
        """,
        """
        import inspect
        s = inspect.signature(f)
        assert list(s.parameters) == ['a','b','c','d']
        assert f.__doc__ == 'doc' and f.__defaults__ == (2,) and f.__annotations__ == {'d': int, 'return': int}
        assert s.parameters['b'].default == 2
        """,
    ),
    block_case(
        "kinds of functions",
        """
        def f(): yield 1
        class A: pass
        """,
        """
        import inspect
        assert inspect.isfunction(f)
        assert inspect.isgeneratorfunction(f)
        assert inspect.isclass(A)
        assert inspect.isgenerator(f())
        """,
    ),
    block_case(
        "function attr",
        """
        def f(x):
            f.calls = getattr(f, 'calls', 0) + 1
            return x
        """,
        """
        f(1); f(2)
        assert f.calls == 2
        f.calls = 0
        f(3)
        assert f.calls == 1
        """,
    ),
    block_case(
        "retry deco",
        """
        def retry(n):
            def d(fn):
                def w(*a):
                    for i in range(n):
                        try: return fn(*a)
                        except ValueError:
                            if i == n - 1: raise
                return w
            return d
        """,
        """
        tries = []
        @retry(3)
        def flaky():
            tries.append(1)
            if len(tries) < 3: raise ValueError
            return 'ok'
        assert flaky() == 'ok' and len(tries) == 3
        """,
    ),
    block_case(
        "partial app",
        """
        from functools import partial
        def f(g, *a): return partial(g, *a)
        """,
        """
        p = f(pow, 2)
        assert p(5) == 32 and p.func is pow and p.args == (2,)
        """,
    ),
    block_case(
        "compose",
        """
        def compose(*fs):
            def c(x):
                for g in reversed(fs): x = g(x)
                return x
            return c
        """,
        """
        assert compose(str, lambda x: x + 1)(3) == '4'
        """,
    ),
]
