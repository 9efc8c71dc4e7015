"""Objects of the program's own classes that act as mappings, sequences, numbers and contexts."""

from __future__ import annotations

from tests.executor.sandbox.cases.case import block_case

CASES = [
    block_case(
        "mapping abc",
        """
        from collections.abc import Mapping
        class D(Mapping):
            def __init__(self): self.d={'a':1}
            def __getitem__(self,k): return self.d[k]
            def __iter__(self): return iter(self.d)
            def __len__(self): return len(self.d)
        def f(): return D()
        """,
        """
        from collections.abc import Mapping, Iterable
        assert isinstance(f(), Mapping)
        assert isinstance(f(), Iterable)
        assert dict(f()) == {'a':1}
        assert list(f().items()) == [('a',1)]
        assert {**f()} == {'a':1}
        """,
    ),
    block_case(
        "sequence proto",
        """
        class S:
            def __getitem__(self, i):
                if i > 2: raise IndexError
                return i * i
        def f(): return S()
        """,
        """
        assert list(f()) == [0,1,4] and 4 in f() and f()[1] == 1
        a, *b = f()
        assert b == [1, 4]
        """,
    ),
    block_case(
        "slice item",
        """
        class S:
            def __getitem__(self, i): return ('s', i.start, i.stop) if isinstance(i, slice) else i
        def f(): return S()
        """,
        """
        assert f()[1:3] == ('s', 1, 3) and f()[1, 2] == (1, 2)
        """,
    ),
    block_case(
        "callable object",
        """
        class A:
            def __call__(self, x, y=1): return x + y
        def f(): return A()
        """,
        """
        assert f()(2) == 3 and f()(2, y=5) == 7 and callable(f()) and list(map(f(), [1])) == [2]
        """,
    ),
    block_case(
        "int like",
        """
        class N:
            def __init__(self,v): self.v=v
            def __int__(self): return self.v
            def __float__(self): return self.v + .5
            def __index__(self): return self.v
            def __round__(self, n=0): return self.v
            def __format__(self, s): return s + '!'
            def __bytes__(self): return b'x'
            def __divmod__(self, o): return (1, 2)
        def f(v): return N(v)
        """,
        """
        assert int(f(3)) == 3
        assert float(f(3)) == 3.5
        assert [0,1,2,3][f(2)] == 2
        assert round(f(4)) == 4
        assert f'{f(1):ab}' == 'ab!'
        assert bytes(f(1)) == b'x'
        assert hex(f(10)) == '0xa'
        """,
    ),
    block_case(
        "context class",
        """
        class R:
            def __init__(self): self.log=[]
            def __enter__(self):
                self.log.append('in')
                return self
            def __exit__(self, t, v, tb):
                self.log.append(t.__name__ if t else 'out')
                return t is ValueError
        """,
        """
        with R() as r:
            assert r.log == ['in']
        assert r.log == ['in', 'out']
        with R() as q:
            raise ValueError('x')
        assert q.log == ['in', 'ValueError']
        """,
    ),
    block_case(
        "total ordering",
        """
        import functools
        @functools.total_ordering
        class V:
            def __init__(self, n): self.n = n
            def __eq__(self, o): return self.n == o.n
            def __lt__(self, o): return self.n < o.n
        """,
        """
        assert V(1) < V(2)
        assert V(2) >= V(1)
        assert sorted([V(3), V(1)])[0].n == 1
        assert min(V(5), V(4)).n == 4
        assert not V(1) > V(1)
        """,
    ),
    block_case(
        "fraction own",
        """
        from math import gcd
        class F:
            def __init__(self, a, b):
                g = gcd(a, b)
                self.a, self.b = a//g, b//g
            def __add__(self, o): return F(self.a*o.b+o.a*self.b, self.b*o.b)
            def __eq__(self, o): return (self.a, self.b) == (o.a, o.b)
            def __repr__(self): return f'{self.a}/{self.b}'
        """,
        """
        assert F(1,2) + F(1,3) == F(5,6)
        assert repr(F(2,4)) == '1/2'
        assert F(1,2) == F(2,4)
        """,
    ),
    block_case(
        "matrix",
        """
        class M:
            def __init__(self, r): self.r = r
            def __matmul__(self, o): return M([[sum(a*b for a,b in zip(x,y)) for y in zip(*o.r)] for x in self.r])
            def __getitem__(self, ij): return self.r[ij[0]][ij[1]]
            def __eq__(self, o): return self.r == o.r
        """,
        """
        assert (M([[1,2]]) @ M([[3],[4]])).r == [[11]]
        assert M([[1,2]])[0,1] == 2 and M([[1]]) == M([[1]])
        """,
    ),
    block_case(
        "bool from len",
        """
        class B:
            def __len__(self): return 0
        def f(): return B()
        """,
        """
        assert not f()
        """,
    ),
    block_case(
        "default object truth",
        """
        class B: pass
        def f(): return B()
        """,
        """
        assert f()
        assert f() != f()
        b = f()
        assert b == b and b in [b] and b != 3 and not (b == 3)
        """,
    ),
]
