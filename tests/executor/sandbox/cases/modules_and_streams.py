"""Test code that uses ``unittest``, standard input and output, files and modules."""

from __future__ import annotations

from tests.executor.sandbox.cases.case import block_case

CASES = [
    block_case(
        "printed text",
        """
        import sys
        def f(n):
            print('hello', n)
            sys.stdout.write('x')
            return n
        """,
        """
        import io, contextlib
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            assert f(1) == 1
        assert out.getvalue() == 'hello 1\\nx'
        f(2)
        assert out.getvalue() == 'hello 1\\nx'
        """,
    ),
    block_case(
        "wrong printed text",
        """
        def f():
            print('no')
        """,
        """
        import io, sys
        out = sys.stdout = io.StringIO()
        f()
        sys.stdout = sys.__stdout__
        assert out.getvalue() == 'yes\\n'
        """,
    ),
    block_case(
        "module names",
        """
        LIMIT = 5
        def f():
            global LIMIT
            LIMIT += 1
        """,
        """
        assert LIMIT == 5
        f()
        assert LIMIT == 6
        """,
    ),
    block_case(
        "builtins are the test's",
        """
        def len(x):
            return 7
        def f():
            return [1]
        """,
        """
        assert f() == [1]
        """,
    ),
    block_case(
        "None and truth of results",
        """
        def f(x):
            return x or None
        """,
        """
        assert f(0) is None and f(5) is not None
        assert f(5) and not f('')
        """,
    ),
    block_case(
        "no such attribute",
        """
        def f():
            return 1
        """,
        """
        assert f().x == 1
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
]
