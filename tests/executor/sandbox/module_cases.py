"""More programs whose tests meet plain Python: data classes, modules, exceptions, callbacks, input and output."""

from __future__ import annotations

from tests.executor.sandbox.object_cases import block_case

PLAIN = [
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
        "a test case",
        """
        def f(x):
            if x < 0: raise ValueError('neg')
            return [x]
        """,
        """
        import unittest
        class T(unittest.TestCase):
            def setUp(self):
                self.v = 3
            def test_a(self):
                self.assertEqual(f(self.v), [3])
                self.assertListEqual(f(1), [1])
                self.assertIsInstance(f(1), list)
                self.assertIn(1, f(1))
            def test_b(self):
                with self.assertRaisesRegex(ValueError, 'neg'):
                    f(-1)
        r = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(T).run(r)
        assert r.wasSuccessful() and r.testsRun == 2
        """,
    ),
    block_case(
        "a test case that fails",
        """
        def f(x):
            return [x]
        """,
        """
        import unittest
        class T(unittest.TestCase):
            def test_a(self):
                self.assertEqual(f(3), [4])
        r = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(T).run(r)
        assert r.wasSuccessful()
        """,
    ),
    block_case(
        "unittest.main",
        """
        def f(x):
            return [x]
        """,
        """
        import unittest
        class T(unittest.TestCase):
            def test_a(self):
                self.assertEqual(f(3), [3])
        assert unittest.main(exit=False, argv=['x']).result.wasSuccessful()
        """,
    ),
    block_case(
        "functions with asserts",
        """
        def f(x):
            return [x]
        """,
        """
        def test_f():
            assert f(1) == [1]
        def test_g():
            for i in range(3):
                assert f(i)[0] == i
        test_f()
        test_g()
        """,
    ),
    block_case(
        "the program as a module",
        """
        def f(x):
            return [x]
        """,
        """
        import solution
        from solution import f as g
        assert solution.f(1) == [1] and g(2) == [2]
        """,
    ),
    block_case(
        "random seed",
        """
        import random
        def f():
            return random.random()
        """,
        """
        import random
        random.seed(3)
        a = f()
        random.seed(3)
        assert a == f() == random.random() or True
        random.seed(3)
        assert f() == a
        """,
    ),
    block_case(
        "random value",
        """
        import random
        def f():
            return random.randint(0, 10**9)
        """,
        """
        import random
        random.seed(7)
        assert f() == random.Random(7).randint(0, 10**9)
        """,
    ),
    block_case(
        "standard input of the test",
        """
        def f():
            return int(input()) + int(input())
        """,
        """
        import io, sys
        sys.stdin = io.StringIO('3\\n4\\n')
        assert f() == 7
        """,
    ),
    block_case(
        "mock input",
        """
        def f():
            return input('name? ')
        """,
        """
        from unittest.mock import patch
        with patch('builtins.input', return_value='bob') as m:
            assert f() == 'bob'
        m.assert_called_once_with('name? ')
        """,
    ),
    block_case(
        "mock print",
        """
        def f():
            print('a', 1)
        """,
        """
        from unittest.mock import patch
        with patch('builtins.print') as m:
            f()
        m.assert_called_once_with('a', 1)
        """,
    ),
    block_case(
        "mock stdout",
        """
        def f():
            print('a')
        """,
        """
        import io
        from unittest.mock import patch
        with patch('sys.stdout', new=io.StringIO()) as out:
            f()
        assert out.getvalue() == 'a\\n'
        """,
    ),
    block_case(
        "stderr",
        """
        import sys
        def f():
            print('a', file=sys.stderr)
        """,
        """
        import io, contextlib
        o = io.StringIO()
        with contextlib.redirect_stderr(o):
            f()
        assert o.getvalue() == 'a\\n'
        """,
    ),
    block_case(
        "files",
        """
        def f(path):
            with open(path) as h: return h.read()
        def g(path):
            with open(path, 'w') as h: h.write('out')
        """,
        """
        open('a.txt','w').write('hi')
        assert f('a.txt') == 'hi'
        g('b.txt')
        assert open('b.txt').read() == 'out'
        """,
    ),
    block_case(
        "tempfile",
        """
        import os
        def f(d):
            return sorted(os.listdir(d))
        """,
        """
        import tempfile, os
        with tempfile.TemporaryDirectory() as d:
            open(os.path.join(d, 'x'), 'w').close()
            assert f(d) == ['x']
        """,
    ),
    block_case(
        "environment variables",
        """
        import os
        def f():
            return os.environ.get('KEY')
        """,
        """
        import os
        os.environ['KEY'] = 'v'
        assert f() == 'v'
        """,
    ),
    block_case(
        "namespace",
        """
        import types
        def f():
            return types.SimpleNamespace(a=1)
        """,
        """
        n = f()
        assert n.a == 1 and n == __import__('types').SimpleNamespace(a=1)
        """,
    ),
    block_case(
        "array",
        """
        from array import array
        def f():
            return array('i', [1,2])
        """,
        """
        from array import array
        assert f() == array('i', [1,2]) and list(f()) == [1,2] and f()[1] == 2
        """,
    ),
    block_case(
        "memoryview",
        """
        def f():
            return memoryview(b'ab')
        """,
        """
        assert f() == b'ab' and bytes(f()) == b'ab' and f()[0] == 97
        """,
    ),
    block_case(
        "chainmap",
        """
        from collections import ChainMap
        def f():
            return ChainMap({'a':1},{'b':2})
        """,
        """
        assert f()['b'] == 2 and dict(f()) == {'a':1,'b':2} and len(f()) == 2
        """,
    ),
    block_case(
        "userdict",
        """
        from collections import UserDict, UserList
        class D(UserDict): pass
        def f():
            return D(a=1)
        """,
        """
        d = f()
        assert d['a'] == 1 and len(d) == 1 and 'a' in d and d.data == {'a': 1}
        d['b'] = 2
        assert sorted(d) == ['a','b']
        """,
    ),
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
    block_case(
        "exception group",
        """
        def f():
            raise ExceptionGroup('g', [ValueError(1), TypeError(2)])
        """,
        """
        try:
            f()
            assert False
        except* ValueError as g:
            assert len(g.exceptions) == 1
        except* TypeError:
            pass
        """,
    ),
    block_case(
        "notes and attributes of exceptions",
        """
        def f():
            e = ValueError('x')
            e.add_note('n')
            e.extra = 5
            raise e
        """,
        """
        try:
            f()
        except ValueError as e:
            assert e.__notes__ == ['n'] and e.extra == 5
        """,
    ),
    block_case(
        "attributes of exceptions",
        """
        import json
        def f(s): return json.loads(s)
        """,
        """
        import json
        try:
            f('{')
            assert False
        except json.JSONDecodeError as e:
            assert e.pos == 1 and isinstance(e, ValueError)
        """,
    ),
    block_case(
        "unicode error",
        """
        def f(b): return b.decode()
        """,
        """
        try:
            f(b'\\xff')
            assert False
        except UnicodeDecodeError as e:
            assert e.start == 0
        """,
    ),
    block_case(
        "stop iteration",
        """
        def f(): return iter([])
        """,
        """
        try:
            next(f())
            assert False
        except StopIteration:
            pass
        """,
    ),
    block_case(
        "key error",
        """
        def f(d): return d['x']
        """,
        """
        try:
            f({})
            assert False
        except KeyError as e:
            assert e.args == ('x',)
        """,
    ),
    block_case(
        "raise from test arg",
        """
        def f(e): raise e
        """,
        """
        class My(Exception): pass
        e = My('a')
        try:
            f(e)
            assert False
        except My as got:
            assert got is e
        """,
    ),
    block_case(
        "raise test class",
        """
        def f(E): raise E('z')
        """,
        """
        class My(Exception): pass
        try:
            f(My)
            assert False
        except My as got:
            assert str(got) == 'z'
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
        "a dict of lists",
        """
        def f(g, k):
            g.setdefault(k, []).append(1)
            return g
        """,
        """
        g = {}
        assert f(g, 'a') is g
        f(g, 'a')
        assert g == {'a': [1, 1]}
        g['a'].append(2)
        f(g, 'a')
        assert g['a'] == [1,1,2,1]
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
        "class registry",
        """
        REG = {}
        def register(fn):
            REG[fn.__name__] = fn
            return fn
        """,
        """
        @register
        def hello(): return 'hi'
        assert REG['hello'] is hello and REG['hello']() == 'hi'
        """,
    ),
    block_case(
        "event emitter",
        """
        class E:
            def __init__(self): self.h = {}
            def on(self, n, cb): self.h.setdefault(n, []).append(cb)
            def emit(self, n, *a): return [cb(*a) for cb in self.h.get(n, [])]
        """,
        """
        e = E()
        out = []
        e.on('x', out.append)
        e.on('x', lambda v: v * 2)
        assert e.emit('x', 4) == [None, 8] and out == [4]
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
        "type errors",
        """
        def f(x): return x + 1
        """,
        """
        try:
            f('a')
            assert False
        except TypeError as e:
            assert 'str' in str(e)
        """,
    ),
    block_case(
        "wrong arity",
        """
        def f(x): return x
        """,
        """
        try:
            f()
            assert False
        except TypeError:
            pass
        assert f(x=3) == 3
        """,
    ),
    block_case(
        "big values",
        """
        def f(n): return list(range(n))
        """,
        """
        assert sum(f(50000)) == 1249975000
        x = f(3)
        x[1:2] = []
        assert x == [0, 2]
        """,
    ),
    block_case(
        "bytes",
        """
        def f(b): return bytearray(b)
        """,
        """
        x = f(b'ab')
        x.append(99)
        assert x == b'abc' and isinstance(x, bytearray)
        """,
    ),
    block_case(
        "str methods",
        """
        def f(s): return s.title()
        """,
        """
        assert f('a b').split() == ['A','B'] and f('x') + 'y' == 'Xy' and f('q') is not None
        """,
    ),
    block_case(
        "decimal ctx",
        """
        from decimal import Decimal, getcontext
        def f(a, b): return Decimal(a) / Decimal(b)
        """,
        """
        from decimal import Decimal
        assert f(1, 4) == Decimal('0.25') and round(f(1, 3), 3) == Decimal('0.333') and isinstance(f(1,2), Decimal)
        """,
    ),
    block_case(
        "ip",
        """
        import ipaddress
        def f(s): return ipaddress.ip_address(s)
        """,
        """
        import ipaddress
        assert f('10.0.0.1') == ipaddress.ip_address('10.0.0.1')
        assert str(f('10.0.0.1')) == '10.0.0.1'
        assert f('10.0.0.1').is_private
        """,
    ),
    block_case(
        "struct_time",
        """
        import time
        def f(): return time.gmtime(0)
        """,
        """
        assert f().tm_year == 1970 and f()[0] == 1970
        """,
    ),
    block_case(
        "queue",
        """
        import queue
        def f():
            q = queue.Queue()
            q.put(1)
            return q
        """,
        """
        q = f()
        assert q.get() == 1 and q.empty()
        """,
    ),
    block_case(
        "thread",
        """
        import threading
        def f(cb):
            t = threading.Thread(target=cb)
            t.start()
            t.join()
        """,
        """
        out = []
        f(lambda: out.append(1))
        assert out == [1]
        """,
    ),
    block_case(
        "pool callbacks",
        """
        from concurrent.futures import ThreadPoolExecutor
        def f(g, xs):
            with ThreadPoolExecutor(2) as p: return list(p.map(g, xs))
        """,
        """
        assert f(lambda x: x * 2, range(20)) == [x * 2 for x in range(20)]
        """,
    ),
    block_case(
        "future",
        """
        from concurrent.futures import ThreadPoolExecutor
        def f():
            p = ThreadPoolExecutor(1)
            return p.submit(lambda: 5)
        """,
        """
        assert f().result() == 5
        """,
    ),
    block_case(
        "async class",
        """
        class A:
            async def get(self): return 3
            async def __aenter__(self): return self
            async def __aexit__(self, *a): self.done = True
            def __aiter__(self):
                self.i = 0
                return self
            async def __anext__(self):
                self.i += 1
                if self.i > 2: raise StopAsyncIteration
                return self.i
        """,
        """
        import asyncio
        async def main():
            async with A() as a:
                assert await a.get() == 3
            assert a.done
            return [x async for x in A()]
        assert asyncio.run(main()) == [1, 2]
        """,
    ),
    block_case(
        "async task",
        """
        import asyncio
        async def f(n):
            async def w(i):
                await asyncio.sleep(0.001)
                return i
            return await asyncio.gather(*[w(i) for i in range(n)])
        """,
        """
        import asyncio
        assert asyncio.run(f(3)) == [0,1,2]
        assert asyncio.get_event_loop_policy() is not None
        loop = asyncio.new_event_loop()
        assert loop.run_until_complete(f(1)) == [0]
        """,
    ),
    block_case(
        "raise own sub",
        """
        class Bad(Exception): pass
        def f(g):
            try: g()
            except Bad: return 'caught'
        """,
        """
        def g(): raise Bad('x')
        assert f(g) == 'caught'
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
    block_case(
        "set of results",
        """
        def f(n): return {i % 3 for i in range(n)}
        """,
        """
        assert f(9) == {0,1,2} and f(0) == set() and len(f(9)) == 3 and f(9) - {0} == {1, 2}
        """,
    ),
    block_case(
        "str of result",
        """
        def f(): return [1, 'a', {'b': (2,)}]
        """,
        """
        assert str(f()) == "[1, 'a', {'b': (2,)}]" and repr(f()) == str(f()) and f'{f()[0]:03d}' == '001'
        """,
    ),
    block_case(
        "json",
        """
        def f(): return {'a': [1, None, True]}
        """,
        """
        import json
        assert json.dumps(f()) == '{"a": [1, null, true]}'
        """,
    ),
    block_case(
        "pickle",
        """
        class A:
            def __init__(self): self.x=1
        def f(): return [1, {2: 3}]
        """,
        """
        import pickle
        assert pickle.loads(pickle.dumps(f())) == [1, {2: 3}]
        """,
    ),
    block_case(
        "nan list",
        """
        def f(): return [float('nan')]
        """,
        """
        import math
        x = f()
        assert x == x and math.isnan(x[0]) and x != [float('nan')]
        """,
    ),
    block_case(
        "neg zero",
        """
        def f(): return -0.0
        """,
        """
        import math
        assert f() == 0 and math.copysign(1, f()) == -1
        """,
    ),
    block_case(
        "module result",
        """
        import math
        def f(): return math
        """,
        """
        assert f().sqrt(4) == 2 and f().__name__ == 'math'
        """,
    ),
    block_case(
        "notimplemented",
        """
        def f(): return NotImplemented
        """,
        """
        assert f() is NotImplemented
        """,
    ),
    block_case(
        "typing result",
        """
        from typing import List
        def f(): return List[int], list[int], int | None
        """,
        """
        a, b, c = f()
        assert str(b) == 'list[int]'
        """,
    ),
    block_case(
        "print of object",
        """
        class A:
            def __str__(self): return 'AA'
        def f(): return A()
        """,
        """
        import io, contextlib
        o = io.StringIO()
        with contextlib.redirect_stdout(o):
            print(f(), end='')
        assert o.getvalue() == 'AA' and '%s' % f() == 'AA' and '{}'.format(f()) == 'AA'
        """,
    ),
    block_case(
        "a class that the test derives",
        """
        class Base:
            kind = 'base'
            def __init__(self, n=1):
                self.n = n
            def hi(self):
                return self.kind + ' ' + self.name() + str(self.n)
            def name(self):
                raise NotImplementedError
        """,
        """
        class Child(Base):
            kind = 'child'
            def name(self):
                return 'c' * self.n
        assert Child(2).hi() == 'child cc2'
        assert isinstance(Child(), Base) and issubclass(Child, Base) and Child.__name__ == 'Child'
        try:
            Base().hi()
            assert False
        except NotImplementedError:
            pass
        """,
    ),
    block_case(
        "an exception that the test derives",
        """
        class Bad(Exception):
            pass
        def f(g):
            try:
                g()
            except Bad as error:
                return type(error).__name__ + str(error)
        """,
        """
        class Worse(Bad):
            pass
        def g():
            raise Worse('x')
        assert f(g) == 'Worsex'
        """,
    ),
]
