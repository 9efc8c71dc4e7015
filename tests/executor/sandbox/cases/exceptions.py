"""Exceptions of the program: their classes, messages, attributes and causes."""

from __future__ import annotations

from tests.executor.sandbox.cases.case import block_case

ERRORS = """
class Bad(ValueError):
    def __init__(self, message, code):
        super().__init__(message)
        self.code = code
class Worse(Bad):
    def __str__(self):
        return 'worse: %d' % self.code
def f(n):
    if n == 1:
        raise Bad('no', 7)
    if n == 2:
        raise Worse('no', 8)
    if n == 3:
        raise KeyError('key')
    if n == 4:
        try:
            raise OSError(2, 'gone')
        except OSError as error:
            raise RuntimeError('outer') from error
    return {}['a'] if n == 5 else n
"""
CASES = [
    block_case(
        "own exceptions",
        ERRORS,
        """
        try:
            f(1)
        except Bad as error:
            assert error.code == 7 and str(error) == 'no' and error.args == ('no',)
        else:
            assert False
        """,
    ),
    block_case(
        "own exceptions by their base",
        ERRORS,
        """
        try:
            f(1)
        except ValueError as error:
            assert type(error) is Bad and type(error).__name__ == 'Bad'
        else:
            assert False
        """,
    ),
    block_case(
        "derived exceptions",
        ERRORS,
        """
        try:
            f(2)
        except Bad as error:
            assert isinstance(error, Worse) and str(error) == 'worse: 8'
        else:
            assert False
        """,
    ),
    block_case(
        "messages of exceptions",
        ERRORS,
        """
        try:
            f(3)
        except KeyError as error:
            assert error.args[0] == 'key' and str(error) == "'key'"
        else:
            assert False
        """,
    ),
    block_case(
        "causes of exceptions",
        ERRORS,
        """
        try:
            f(4)
        except RuntimeError as error:
            assert isinstance(error.__cause__, OSError) and error.__cause__.errno == 2
        else:
            assert False
        """,
    ),
    block_case(
        "the wrong exception",
        ERRORS,
        """
        try:
            f(3)
            assert False
        except ValueError:
            pass
        """,
    ),
    block_case(
        "no exception",
        ERRORS,
        """
        try:
            f(9)
            assert False, 'must raise'
        except ValueError:
            pass
        """,
    ),
    block_case(
        "assertRaises",
        ERRORS,
        """
        import unittest
        t = unittest.TestCase()
        with t.assertRaises(Bad) as context:
            f(1)
        assert context.exception.code == 7
        t.assertRaises(KeyError, f, 3)
        with t.assertRaisesRegex(ValueError, 'n.'):
            f(1)
        t.assertEqual(f(6), 6)
        t.assertIsInstance(f(6), int)
        """,
    ),
    block_case(
        "raising the program's exception",
        ERRORS,
        """
        def g():
            raise Bad('x', 1)
        try:
            g()
        except ValueError as error:
            assert error.code == 1
        """,
    ),
    block_case(
        "exceptions as results",
        """
        def f():
            return ValueError('x')
        """,
        """
        assert isinstance(f(), ValueError) and str(f()) == 'x'
        """,
    ),
    block_case(
        "the program exits",
        """
        def f():
            raise SystemExit(3)
        """,
        """
        try:
            f()
        except SystemExit as error:
            assert error.code == 3
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
