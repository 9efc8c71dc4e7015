"""Results that are dictionaries, deques, named tuples, arrays and other collections."""

from __future__ import annotations

from tests.executor.sandbox.cases.case import block_case

CASES = [
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
]
