"""Test code that looks at what the program logs and warns of."""

from __future__ import annotations

from tests.executor.sandbox.cases.case import block_case

CASES = [
    block_case(
        "logged warnings",
        """
        import logging
        def f(values):
            for value in values:
                if not isinstance(value, int):
                    logging.warning('not a number: %r', value)
            logging.getLogger('inner').info('done')
        """,
        """
        import unittest
        t = unittest.TestCase()
        with t.assertLogs(level='INFO') as logs:
            f([1, 'x'])
        assert logs.output == ["WARNING:root:not a number: 'x'", 'INFO:inner:done']
        assert logs.records[0].levelname == 'WARNING'
        with t.assertLogs('inner', level='INFO') as logs:
            f(['x'])
        assert logs.output == ['INFO:inner:done']
        with t.assertNoLogs(level='WARNING'):
            f([1])
        """,
    ),
    block_case(
        "no logged warning",
        """
        def f():
            return 1
        """,
        """
        import unittest
        with unittest.TestCase().assertLogs():
            assert f() == 1
        """,
    ),
    block_case(
        "recorded warnings",
        """
        import warnings
        class Late(UserWarning):
            pass
        def f(n):
            for _ in range(n):
                warnings.warn('old', DeprecationWarning)
            warnings.warn(f'{n} times', Late)
            return n
        """,
        """
        import warnings
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter('always')
            assert f(2) == 2
        assert [str(one.message) for one in seen] == ['old', 'old', '2 times']
        assert [one.category for one in seen] == [DeprecationWarning, DeprecationWarning, Late]
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter('default')
            f(3)
        assert len(seen) == 2
        f(1)
        """,
    ),
    block_case(
        "warnings as errors",
        """
        import warnings
        def f(n):
            try:
                warnings.warn('old', FutureWarning)
            except FutureWarning as warning:
                return str(warning)
            return n
        """,
        """
        import warnings
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            assert f(1) == 'old'
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            assert f(1) == 1
        """,
    ),
    block_case(
        "assertions about warnings",
        """
        import warnings
        def f(n):
            if n:
                warnings.warn(f'{n} is too many', RuntimeWarning)
        """,
        """
        import unittest
        t = unittest.TestCase()
        with t.assertWarns(RuntimeWarning) as seen:
            f(3)
        assert str(seen.warning) == '3 is too many'
        with t.assertWarnsRegex(RuntimeWarning, 'too many'):
            f(1)
        """,
    ),
    block_case(
        "no warning",
        """
        def f(n):
            return n
        """,
        """
        import unittest
        with unittest.TestCase().assertWarns(UserWarning):
            f(1)
        """,
    ),
]
