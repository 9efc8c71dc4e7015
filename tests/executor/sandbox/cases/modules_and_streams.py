"""Test code that uses ``unittest``, mocks, standard input and output, files and modules."""

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
        "a patched function",
        """
        import subprocess
        def f(command):
            result = subprocess.run(command, capture_output=True, text=True)
            if result.returncode:
                raise RuntimeError(f'failed with {result.returncode}')
            return result.stdout.splitlines()
        """,
        """
        from unittest.mock import patch
        with patch('subprocess.run') as run:
            run.return_value.returncode = 0
            run.return_value.stdout = 'a\\nb\\n'
            assert f(['list']) == ['a', 'b']
            run.assert_called_once()
            assert run.call_args[0][0] == ['list'] and run.call_args[1]['text'] is True
        """,
    ),
    block_case(
        "a patched function that raises",
        """
        import urllib.request
        def f(url):
            try:
                with urllib.request.urlopen(url) as response:
                    return response.read().decode()
            except OSError as error:
                return str(error)
        """,
        """
        from unittest.mock import MagicMock, patch
        with patch('urllib.request.urlopen', side_effect=OSError('no network')) as urlopen:
            assert f('http://example.org') == 'no network'
        response = MagicMock()
        response.__enter__.return_value = response
        response.read.return_value = b'page'
        with patch('urllib.request.urlopen', return_value=response) as urlopen:
            assert f('http://example.org') == 'page'
            urlopen.assert_called_with('http://example.org')
        """,
    ),
    block_case(
        "a patched function that is not called",
        """
        import time
        def f(n):
            return n
        """,
        """
        from unittest.mock import patch
        with patch('time.sleep') as sleep:
            assert f(1) == 1
            sleep.assert_called_once_with(1)
        """,
    ),
    block_case(
        "a patched open",
        """
        def f(path):
            with open(path) as file:
                return [line.strip() for line in file]
        def g(path):
            with open(path, 'w') as file:
                file.write('x')
        """,
        """
        from unittest.mock import mock_open, patch
        with patch('builtins.open', mock_open(read_data='a\\nb\\n')) as opened:
            assert f('any') == ['a', 'b']
            opened.assert_called_once_with('any')
        with patch('builtins.open', mock_open()) as opened:
            g('out')
            opened.assert_called_once_with('out', 'w')
            opened().write.assert_called_once_with('x')
        try:
            f('missing')
        except FileNotFoundError:
            pass
        else:
            assert False
        """,
    ),
    block_case(
        "patches of a test case",
        """
        import os, time
        def f(n):
            for _ in range(n):
                time.sleep(1)
            return os.path.exists('/nowhere'), os.getcwd()
        """,
        """
        import os
        import unittest
        from unittest.mock import patch
        class T(unittest.TestCase):
            def setUp(self):
                self.patcher = patch('os.getcwd', return_value='here')
                self.patcher.start()
            def tearDown(self):
                self.patcher.stop()
            @patch('time.sleep')
            @patch('os.path.exists', return_value=True)
            def test(self, exists, sleep):
                self.assertEqual(f(2), (True, 'here'))
                self.assertEqual(sleep.call_count, 2)
                exists.assert_called_once_with('/nowhere')
            def test_afterwards(self):
                self.assertFalse(f(0)[0])
        unittest.defaultTestLoader.loadTestsFromTestCase(T).debug()
        """,
    ),
    block_case(
        "a patched value",
        """
        import math, sys
        def f(r):
            return math.pi * r, sys.argv[1:]
        """,
        """
        import math, sys
        from unittest.mock import patch
        with patch.object(math, 'pi', 3), patch.object(sys, 'argv', ['x', 'y']):
            assert f(2) == (6, ['y'])
        assert f(0)[0] == 0.0
        """,
    ),
    block_case(
        "patches of patches",
        """
        import random
        def f():
            return random.random()
        """,
        """
        from unittest.mock import patch
        with patch('random.random', return_value=1):
            assert f() == 1
            with patch('random.random', return_value=2):
                assert f() == 2
            assert f() == 1
        assert 0 <= f() < 1
        """,
    ),
    block_case(
        "a patched method",
        """
        from pathlib import Path
        def f(name):
            return Path(name).exists() and Path(name).read_text()
        """,
        """
        from pathlib import Path
        from unittest.mock import patch
        with patch.object(Path, 'exists', return_value=True), patch.object(Path, 'read_text', return_value='t') as read:
            assert f('nowhere') == 't'
            read.assert_called_once()
        assert f('nowhere') is False
        """,
    ),
    block_case(
        "a patched function of the program",
        """
        def helper(n):
            return n + 1
        def f(n):
            return helper(n)
        """,
        """
        from unittest.mock import patch
        with patch('solution.helper', return_value=9) as helper:
            assert f(1) == 9
            helper.assert_called_once_with(1)
        assert f(1) == 2
        """,
    ),
    block_case(
        "a patch with a signature",
        """
        import shutil
        def f(a, b):
            return shutil.copy(a, b)
        """,
        """
        from unittest.mock import patch
        with patch('shutil.copy', autospec=True, return_value='b') as copy:
            assert f('a', 'b') == 'b'
            copy.assert_called_once_with('a', 'b')
        """,
    ),
    block_case(
        "a name that was bound before the patch",
        """
        from random import random
        def f():
            return random()
        """,
        """
        from unittest.mock import patch
        with patch('random.random', return_value=5):
            assert f() == 5
        """,
    ),
    block_case(
        "a patch by a function of the test",
        """
        import time
        def f():
            return time.time(), time.time()
        """,
        """
        from unittest.mock import patch
        def clock(times=[1, 2]):
            return times.pop(0)
        with patch('time.time', clock):
            assert f() == (1, 2)
        """,
    ),
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
        "a patched class of the test",
        """
        def f(o):
            return o.value()
        """,
        """
        from unittest.mock import patch
        class Own:
            def value(self):
                return 1
        with patch.object(Own, 'value', return_value=2):
            assert f(Own()) == 2
        assert f(Own()) == 1
        """,
    ),
]
