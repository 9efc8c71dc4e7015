"""Test code that patches and mocks with ``unittest.mock``."""

from __future__ import annotations

from tests.executor.sandbox.cases.case import block_case

CASES = [
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
