"""Problems of our own in BigCodeBench's form: functions that use libraries, tested by a ``unittest.TestCase``.

``RECORDS`` are rows as on the hub. Each needs the standard library only. The tests look at files, text, patches of
modules, exceptions, printed output and objects, as the benchmark's do.
"""

from __future__ import annotations

import json
import textwrap

_PROBLEMS: list[tuple[str, str, str, str, str]] = []  # imports, header, docstring, body, methods of the test case


def _add(imports: str, header: str, docstring: str, body: str, tests: str) -> None:
    body, tests = (textwrap.dedent(part).strip("\n") for part in (body, tests))
    _PROBLEMS.append((imports, header, docstring, body, tests))


_add(
    "import re\nfrom collections import Counter",
    "def task_func(text, top=3):",
    "The most frequent words of a text, in lower case, with their counts.",
    """
    if not isinstance(text, str):
        raise TypeError("text must be a string")
    words = re.findall(r"[a-z]+", text.lower())
    counts = Counter(words)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:top]
    """,
    """
    def test_counts(self):
        self.assertEqual(task_func("a b a c b a"), [("a", 3), ("b", 2), ("c", 1)])
    def test_top(self):
        self.assertEqual(len(task_func("a b c d e", top=2)), 2)
    def test_ties(self):
        self.assertListEqual(task_func("b a"), [("a", 1), ("b", 1)])
    def test_type(self):
        with self.assertRaises(TypeError) as caught:
            task_func(3)
        self.assertIn("string", str(caught.exception))
    """,
)
_add(
    "import json\nimport os",
    "def task_func(path, key):",
    "Sum of the numbers under `key` in a JSON file of records; 0 if the file is missing.",
    """
    if not os.path.exists(path):
        return 0
    with open(path) as file:
        records = json.load(file)
    total = 0
    for record in records:
        value = record.get(key, 0)
        if isinstance(value, (int, float)):
            total += value
    return total
    """,
    """
    def setUp(self):
        self.path = "records.json"
        with open(self.path, "w") as file:
            json.dump([{"a": 1}, {"a": 2.5, "b": 7}, {"a": "x"}], file)
    def tearDown(self):
        os.remove(self.path)
    def test_sum(self):
        self.assertAlmostEqual(task_func(self.path, "a"), 3.5)
    def test_other_key(self):
        self.assertEqual(task_func(self.path, "b"), 7)
    def test_missing(self):
        self.assertEqual(task_func("missing.json", "a"), 0)
    """,
)
_add(
    "import random",
    "def task_func(n, seed=None):",
    "A list of n random integers between 1 and 100.",
    """
    if n < 0:
        raise ValueError("n must not be negative")
    random.seed(seed)
    return [random.randint(1, 100) for _ in range(n)]
    """,
    """
    def test_length(self):
        self.assertEqual(len(task_func(5, 1)), 5)
    def test_seed(self):
        self.assertEqual(task_func(4, 42), [82, 15, 4, 95])
    def test_negative(self):
        self.assertRaises(ValueError, task_func, -1)
    def test_range(self):
        self.assertTrue(all(1 <= value <= 100 for value in task_func(50, 3)))
    """,
)
_add(
    "import csv\nimport io",
    "def task_func(text):",
    "The rows of CSV text as dictionaries, with numbers converted.",
    """
    rows = []
    for row in csv.DictReader(io.StringIO(text)):
        converted = {}
        for name, value in row.items():
            converted[name] = float(value) if value.replace(".", "", 1).isdigit() else value
        rows.append(converted)
    return rows
    """,
    """
    def test_rows(self):
        self.assertEqual(task_func("a,b\\n1,x\\n2.5,y\\n"), [{"a": 1.0, "b": "x"}, {"a": 2.5, "b": "y"}])
    def test_empty(self):
        self.assertEqual(task_func("a,b\\n"), [])
    def test_type(self):
        self.assertIsInstance(task_func("a\\n1\\n")[0]["a"], float)
    """,
)
_add(
    "import subprocess",
    "def task_func(command):",
    "The output of a command in lines; raises RuntimeError if it fails.",
    """
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"the command failed with {result.returncode}")
    return result.stdout.splitlines()
    """,
    """
    @patch("subprocess.run")
    def test_lines(self, run):
        run.return_value.returncode = 0
        run.return_value.stdout = "a\\nb\\n"
        self.assertEqual(task_func(["list"]), ["a", "b"])
        run.assert_called_once()
        self.assertEqual(run.call_args[0][0], ["list"])
    @patch("subprocess.run")
    def test_failure(self, run):
        run.return_value.returncode = 3
        with self.assertRaises(RuntimeError) as caught:
            task_func(["list"])
        self.assertIn("3", str(caught.exception))
    """,
)
_add(
    "import urllib.request\nimport json",
    "def task_func(url):",
    "The field `name` of the JSON document at a URL; None if it cannot be read.",
    """
    try:
        with urllib.request.urlopen(url) as response:
            document = json.loads(response.read())
    except OSError:
        return None
    return document.get("name")
    """,
    """
    @patch("urllib.request.urlopen")
    def test_name(self, urlopen):
        response = MagicMock()
        response.read.return_value = b'{"name": "jail"}'
        response.__enter__.return_value = response
        urlopen.return_value = response
        self.assertEqual(task_func("http://example.org"), "jail")
        urlopen.assert_called_with("http://example.org")
    @patch("urllib.request.urlopen", side_effect=OSError("no network"))
    def test_no_network(self, urlopen):
        self.assertIsNone(task_func("http://example.org"))
    """,
)
_add(
    "import os\nimport shutil",
    "def task_func(folder, suffix):",
    "Moves the files with a suffix to a subfolder of that name and returns how many there were.",
    """
    target = os.path.join(folder, suffix.lstrip("."))
    os.makedirs(target, exist_ok=True)
    moved = 0
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if os.path.isfile(path) and name.endswith(suffix):
            shutil.move(path, os.path.join(target, name))
            moved += 1
    return moved
    """,
    """
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        for name in ("a.txt", "b.txt", "c.csv"):
            open(os.path.join(self.folder, name), "w").close()
    def tearDown(self):
        shutil.rmtree(self.folder)
    def test_moves(self):
        self.assertEqual(task_func(self.folder, ".txt"), 2)
        self.assertEqual(sorted(os.listdir(os.path.join(self.folder, "txt"))), ["a.txt", "b.txt"])
    def test_leaves_others(self):
        task_func(self.folder, ".txt")
        self.assertTrue(os.path.exists(os.path.join(self.folder, "c.csv")))
    """,
)
_add(
    "import hashlib\nimport base64",
    'def task_func(message, salt=b""):',
    "SHA-256 of salt and message, in base64.",
    """
    data = salt + message.encode("utf-8")
    digest = hashlib.sha256(data).digest()
    return base64.b64encode(digest).decode("ascii")
    """,
    """
    def test_known(self):
        self.assertEqual(task_func(""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
    def test_salt(self):
        self.assertNotEqual(task_func("a"), task_func("a", b"s"))
    def test_text(self):
        self.assertIsInstance(task_func("a"), str)
    """,
)
_add(
    "import sqlite3",
    "def task_func(path, rows):",
    "Stores (name, age) rows in a table `people` and returns the average age.",
    """
    connection = sqlite3.connect(path)
    connection.execute("create table if not exists people (name text, age integer)")
    connection.executemany("insert into people values (?, ?)", rows)
    connection.commit()
    (average,) = connection.execute("select avg(age) from people").fetchone()
    connection.close()
    return average
    """,
    """
    def test_average(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "people.db")
            self.assertEqual(task_func(path, [("a", 20), ("b", 40)]), 30.0)
            connection = sqlite3.connect(path)
            self.assertEqual(connection.execute("select count(*) from people").fetchone(), (2,))
            connection.close()
    def test_none(self):
        self.assertIsNone(task_func(":memory:", []))
    """,
)
_add(
    "from datetime import datetime, timedelta",
    "def task_func(start, days):",
    "The weekdays (Monday to Friday) among the given number of days from a date, as ISO texts.",
    """
    first = datetime.strptime(start, "%Y-%m-%d")
    found = []
    for offset in range(days):
        day = first + timedelta(days=offset)
        if day.weekday() < 5:
            found.append(day.strftime("%Y-%m-%d"))
    return found
    """,
    """
    def test_week(self):
        self.assertEqual(task_func("2024-01-05", 4), ["2024-01-05", "2024-01-08"])
    def test_zero(self):
        self.assertEqual(task_func("2024-01-05", 0), [])
    def test_invalid(self):
        with self.assertRaises(ValueError):
            task_func("5 January", 1)
    """,
)
_add(
    "import logging",
    "def task_func(values):",
    "The sum of the numbers; other values are logged as warnings and left out.",
    """
    total = 0
    for value in values:
        if isinstance(value, (int, float)):
            total += value
        else:
            logging.warning("not a number: %r", value)
    return total
    """,
    """
    def test_sum(self):
        self.assertEqual(task_func([1, 2, 3]), 6)
    def test_warning(self):
        with self.assertLogs(level="WARNING") as logs:
            self.assertEqual(task_func([1, "x"]), 1)
        self.assertEqual(len(logs.output), 1)
        self.assertIn("'x'", logs.output[0])
    """,
)
_add(
    "import sys",
    "def task_func(names):",
    "Prints a numbered list of the names and returns how many there are.",
    """
    for number, name in enumerate(names, start=1):
        sys.stdout.write(f"{number}. {name}\\n")
    return len(names)
    """,
    """
    def test_prints(self):
        with patch("sys.stdout", new_callable=io.StringIO) as out:
            self.assertEqual(task_func(["a", "b"]), 2)
        self.assertEqual(out.getvalue(), "1. a\\n2. b\\n")
    def test_redirect(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            task_func(["x"])
        self.assertEqual(out.getvalue().strip(), "1. x")
    """,
)
_add(
    "import time",
    "def task_func(function, attempts=3, pause=1.0):",
    "Calls the function until it does not raise; pauses between attempts; raises the last exception.",
    """
    for attempt in range(attempts):
        try:
            return function()
        except Exception:
            if attempt == attempts - 1:
                raise
            time.sleep(pause)
    """,
    """
    @patch("time.sleep")
    def test_retries(self, sleep):
        function = Mock(side_effect=[ValueError(), ValueError(), 7])
        self.assertEqual(task_func(function), 7)
        self.assertEqual(sleep.call_count, 2)
        sleep.assert_called_with(1.0)
    @patch("time.sleep")
    def test_gives_up(self, sleep):
        function = Mock(side_effect=KeyError("x"))
        with self.assertRaises(KeyError):
            task_func(function, attempts=2)
        self.assertEqual(function.call_count, 2)
    """,
)
_add(
    "import os\nfrom pathlib import Path",
    "def task_func(folder):",
    "The sizes of the files below a folder, by their path relative to it.",
    """
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f"no folder {folder}")
    return {str(path.relative_to(root)): os.path.getsize(path) for path in root.rglob("*") if path.is_file()}
    """,
    """
    def test_sizes(self):
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(os.path.join(folder, "a", "b"))
            with open(os.path.join(folder, "a", "b", "c"), "w") as file:
                file.write("12345")
            self.assertDictEqual(task_func(folder), {os.path.join("a", "b", "c"): 5})
    def test_missing(self):
        with self.assertRaisesRegex(FileNotFoundError, "no folder nowhere"):
            task_func("nowhere")
    """,
)
_add(
    "import itertools\nimport math",
    "def task_func(points):",
    "The two points with the smallest distance, and that distance; None for fewer than two.",
    """
    best = None
    for one, other in itertools.combinations(points, 2):
        distance = math.dist(one, other)
        if best is None or distance < best[2]:
            best = (one, other, distance)
    return best
    """,
    """
    def test_pair(self):
        one, other, distance = task_func([(0, 0), (5, 5), (0, 1)])
        self.assertEqual((one, other), ((0, 0), (0, 1)))
        self.assertAlmostEqual(distance, 1.0, places=6)
    def test_none(self):
        self.assertIsNone(task_func([(1, 2)]))
    def test_cases(self):
        for points, distance in (([(0, 0), (3, 4)], 5), ([(1, 1), (1, 1)], 0)):
            with self.subTest(points=points):
                self.assertEqual(task_func(points)[2], distance)
    """,
)
_add(
    "from collections import defaultdict, OrderedDict",
    "def task_func(pairs):",
    "Groups values by key; keys in the order of their sums, largest first, as an OrderedDict.",
    """
    groups = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return OrderedDict(sorted(groups.items(), key=lambda item: -sum(item[1])))
    """,
    """
    def test_order(self):
        result = task_func([("a", 1), ("b", 5), ("a", 2)])
        self.assertEqual(list(result), ["b", "a"])
        self.assertEqual(result["a"], [1, 2])
    def test_type(self):
        self.assertIsInstance(task_func([]), OrderedDict)
    def test_missing_key(self):
        with self.assertRaises(KeyError):
            task_func([("a", 1)])["z"]
    """,
)
_add(
    "import configparser",
    "def task_func(text):",
    "The sections of INI text, as a ConfigParser.",
    """
    parser = configparser.ConfigParser()
    parser.read_string(text)
    if not parser.sections():
        raise ValueError("no sections")
    return parser
    """,
    """
    def test_sections(self):
        parser = task_func("[a]\\nx = 1\\n[b]\\ny = 2\\n")
        self.assertEqual(parser.sections(), ["a", "b"])
        self.assertEqual(parser["a"]["x"], "1")
        self.assertEqual(parser.getint("b", "y"), 2)
    def test_none(self):
        self.assertRaises(ValueError, task_func, "")
    """,
)
_add(
    "import zipfile\nimport os",
    "def task_func(folder, name):",
    "Packs the files of a folder into a zip archive in it and returns the archive's path.",
    """
    path = os.path.join(folder, name)
    files = sorted(one for one in os.listdir(folder) if one != name)
    if not files:
        return None
    with zipfile.ZipFile(path, "w") as archive:
        for one in files:
            archive.write(os.path.join(folder, one), one)
    return path
    """,
    """
    def setUp(self):
        self.folder = tempfile.mkdtemp()
    def tearDown(self):
        shutil.rmtree(self.folder, ignore_errors=True)
    def test_archive(self):
        for name in ("a", "b"):
            with open(os.path.join(self.folder, name), "w") as file:
                file.write(name)
        path = task_func(self.folder, "all.zip")
        self.assertTrue(os.path.isfile(path))
        with zipfile.ZipFile(path) as archive:
            self.assertEqual(archive.namelist(), ["a", "b"])
            self.assertEqual(archive.read("b"), b"b")
    def test_empty(self):
        self.assertIsNone(task_func(self.folder, "all.zip"))
    """,
)
_add(
    "import threading\nimport queue",
    "def task_func(items, function, workers=2):",
    "Applies the function to all items in threads; results in the order of the items.",
    """
    todo = queue.Queue()
    for entry in enumerate(items):
        todo.put(entry)
    results = [None] * len(items)

    def work():
        while True:
            try:
                index, item = todo.get_nowait()
            except queue.Empty:
                return
            results[index] = function(item)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
    """,
    """
    def test_results(self):
        self.assertEqual(task_func([1, 2, 3], abs), [1, 2, 3])
    def test_empty(self):
        self.assertEqual(task_func([], abs), [])
    def test_order(self):
        self.assertEqual(task_func(list(range(20)), str, workers=3), [str(n) for n in range(20)])
    """,
)
_add(
    "import statistics",
    "class _Summary:\n    pass\n\ndef task_func(values):",
    "Mean, median and population standard deviation, as attributes of an object.",
    """
    if len(values) == 0:
        raise statistics.StatisticsError("no values")
    summary = _Summary()
    summary.mean = statistics.mean(values)
    summary.median = statistics.median(values)
    summary.deviation = statistics.pstdev(values)
    return summary
    """,
    """
    def test_attributes(self):
        summary = task_func([1, 2, 3, 4])
        self.assertEqual(summary.mean, 2.5)
        self.assertEqual(summary.median, 2.5)
        self.assertAlmostEqual(summary.deviation, 1.118033988749895)
    def test_same(self):
        self.assertTrue(hasattr(task_func([1]), "mean"))
        self.assertFalse(hasattr(task_func([1]), "mode"))
    def test_empty(self):
        with self.assertRaises(statistics.StatisticsError):
            task_func([])
    """,
)
_add(
    "import os\nimport getpass",
    'def task_func(prompt="Password: "):',
    "Whether the entered password is that of the environment variable SECRET.",
    """
    wanted = os.environ.get("SECRET")
    if wanted is None:
        raise KeyError("SECRET is not set")
    return getpass.getpass(prompt) == wanted
    """,
    """
    @patch.dict(os.environ, {"SECRET": "abc"})
    @patch("getpass.getpass", return_value="abc")
    def test_right(self, entered):
        self.assertTrue(task_func("Word: "))
        entered.assert_called_once_with("Word: ")
    @patch.dict(os.environ, {"SECRET": "abc"})
    @patch("getpass.getpass", return_value="xyz")
    def test_wrong(self, entered):
        self.assertFalse(task_func())
    def test_not_set(self):
        with patch.dict(os.environ, {}, clear=True):
            with self.assertRaises(KeyError):
                task_func()
    """,
)
_add(
    "import os",
    "def task_func(path):",
    "The number of lines of a file that are not blank; -1 if it cannot be opened.",
    """
    try:
        with open(path) as file:
            return sum(1 for line in file if line.strip())
    except OSError:
        return -1
    """,
    """
    @patch("builtins.open", mock_open(read_data="a\\n\\nb\\n"))
    def test_lines(self):
        self.assertEqual(task_func("any"), 2)
    @patch("builtins.open", side_effect=PermissionError)
    def test_denied(self, opened):
        self.assertEqual(task_func("any"), -1)
        opened.assert_called_once_with("any")
    def test_missing(self):
        self.assertEqual(task_func("missing"), -1)
    """,
)
_TEST_IMPORTS = """\
import contextlib
import io
import json
import os
import shutil
import sqlite3
import statistics
import tempfile
import unittest
import zipfile
from collections import OrderedDict
from unittest.mock import MagicMock, Mock, mock_open, patch
"""


def _record(number: int, imports: str, header: str, docstring: str, body: str, tests: str) -> dict[str, str]:
    return {
        "task_id": f"BigCodeBench/{number}",
        "complete_prompt": f'{imports}\n\n{header}\n    """{docstring}"""\n',
        "instruct_prompt": docstring,
        "canonical_solution": textwrap.indent(body, "    ") + "\n",
        "code_prompt": f"{imports}\n\n{header}\n",
        "test": f"{_TEST_IMPORTS}\nclass TestCases(unittest.TestCase):\n{textwrap.indent(tests, '    ')}\n",
        "entry_point": "task_func",
        "doc_struct": "{}",
        "libs": json.dumps([line.split()[1] for line in imports.splitlines()]),
    }


RECORDS = [_record(number, *problem) for number, problem in enumerate(_PROBLEMS)]
