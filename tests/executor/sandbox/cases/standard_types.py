"""Results of other types of the standard library: numbers, dates, text, paths, modules."""

from __future__ import annotations

from tests.executor.sandbox.cases.case import block_case

CASES = [
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
]
