"""Programs run as ``python program.py`` would run them: exits, standard devices, processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from prlcoder.executor import ExecutionRequest, Executor, ResourceLimits, Verdict
from prlcoder.problems.model import AssertTests, CallTest, CallTests, StdioTest, StdioTests

pytestmark = pytest.mark.needs_sandbox

SIX = StdioTests((StdioTest("3\n1 2 3\n", "6\n"),))
LIMITS = ResourceLimits(cpu_s=20.0, wall_s=60.0, processes=16)

EXITS = [
    "print(6)\nexit()\nprint(7)\n",
    "print(6)\nquit(0)\nprint(7)\n",
    "def main():\n    print(6)\n    exit()\nmain()\nprint(7)\n",
    "import sys\nprint(6)\nsys.exit('done')\n",
    "print(6)\nexit(3)\n",
    "try:\n    exit()\nexcept SystemExit:\n    print(6)\n",
    "import builtins\nprint(6 if callable(builtins.quit) and 'exit' in repr(exit) else 0)\n",
]
DEVICES = [
    "print(sum(map(int, open('/dev/stdin').read().split()[1:])))\n",
    "import sys\nsys.stdin = open('/dev/stdin')\ninput()\nprint(sum(map(int, input().split())))\n",
    "import pathlib\nprint(sum(map(int, pathlib.Path('/dev/stdin').read_text().split()[1:])))\n",
    "import os\nf = os.open('/dev/stdin', os.O_RDONLY)\nprint(sum(map(int, os.read(f, 99).split()[1:])))\n",
    "n = input()\nwith open('/dev/fd/0', 'rb') as f:\n    rest = f.read()\nprint(6)\n",
    "with open('/dev/stdout', 'w') as f:\n    f.write('6\\n')\n",
    "import sys\nsys.stdout.write('6')\nsys.stdout.flush()\nprint(file=open('/dev/stdout', 'a'))\n",
    "print('debug', file=open('/dev/stderr', 'w'))\nopen('/dev/null', 'w').write('x')\nprint(6)\n",
    "assert open('/dev/null').read() == ''\nprint(6)\n",
    "import io, os\nassert io.open is open and open.__name__ == 'open'\nprint(6)\n",
    "try:\n    open(None)\nexcept TypeError:\n    print(6)\n",
    "help(len)\n",
    "assert open('/dev/zero', 'rb').read(2) == bytes(2) and len(open('/dev/random', 'rb').read(2)) == 2\nprint(6)\n",
    "import signal\nsignal.signal(signal.SIGTERM, lambda *_: print(6))\nsignal.raise_signal(signal.SIGTERM)\n",
    "import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return n and f(n - 1)\nprint(f(30_000) + 6)\n",
    "import doctest\ndoctest.testmod()\nprint(6)\n",
    "import tempfile\nf = tempfile.TemporaryFile()\nf.write(b'6')\nf.seek(0)\nprint(f.read().decode())\n",
    "help()\n",
    "import os\nprint(6 if os.path.exists('/proc/self') and os.path.isdir('/proc/self/') else 0)\n",
    "status = dict(line.split(':', 1) for line in open('/proc/self/status'))\n"
    "print(6 if int(status['VmRSS'].split()[0]) and status['Name'].strip().startswith('python') else 0)\n",
    "sizes = dict(line.split(':') for line in open('/proc/meminfo'))\n"
    "print(6 if int(sizes['MemTotal'].split()[0]) >= int(sizes['MemAvailable'].split()[0]) > 0 else 0)\n",
    "import os\ntext = open('/proc/cpuinfo').read()\n"
    "print(6 if text.count('processor') >= len(os.sched_getaffinity(0)) else 0)\n",
    "import os, sys\nprint(6 if os.path.samefile('/proc/self/exe', sys.executable) else 0)\n",
    "import os\nprint(6 if os.path.samefile('/proc/self/cwd', os.getcwd()) else 0)\n",
    "words = open('/proc/self/cmdline').read().split('\\0')\nprint(6 if words[1].endswith('program.py') else 0)\n",
    "print(6 if float(open('/proc/uptime').read().split()[0]) > 0 else 0)\n",
    "import resource\npages = open('/proc/self/statm').read().split()\n"
    "print(6 if int(pages[0]) > int(pages[1]) > 0 else 0)\n",
    "text = open('/proc/self/stat').read()\nfields = text[text.rindex(')') + 2:].split()\n"
    "print(6 if len(fields) == 50 and int(fields[20]) > int(fields[21]) > 0 else 0)\n",
    "print(6 if open('/proc/version').read().startswith('Linux version') else 0)\n",
    "print(sum(map(int, open('/proc/self/fd/0').read().split()[1:])))\n",
    "import os\nprint(6 if os.path.basename(__file__) == 'program.py' and os.path.isabs(__file__) else 0)\n",
    "import inspect\nclass A:\n    x = 6\ndef f(): pass\n"
    "print(6 if 'x = 6' in inspect.getsource(A) and 'pass' in inspect.getsource(f) else 0)\n",
    "import traceback\ndef f():\n    1 / 0  # here\ntry: f()\nexcept ZeroDivisionError: text = traceback.format_exc()\n"
    "print(6 if '# here' in text else 0)\n",
    "import getpass, os, pwd\nuser = pwd.getpwuid(os.getuid())\n"
    "print(6 if user.pw_name and getpass.getuser() and os.path.isdir(os.path.expanduser('~')) else 0)\n",
    "import grp, os\nprint(6 if grp.getgrgid(os.getgid()).gr_name else 0)\n",
    "import socket\nprint(6 if socket.gethostbyname('localhost') == '127.0.0.1' else 0)\n",
    "import warnings\nwith warnings.catch_warnings(record=True) as seen:\n warnings.warn('x')\nprint(5 + len(seen))\n",
    "import sys\nprint(6 if sys.warnoptions == [] else 0)\n",
    "import resource, sys\nunlimited = resource.RLIM_INFINITY\n"
    "resource.setrlimit(resource.RLIMIT_STACK, (unlimited, unlimited))\nsys.setrecursionlimit(10**6)\n"
    "def f(n): return n and f(n - 1)\nprint(f(30_000) + 6)\n",
    "from concurrent.futures import ThreadPoolExecutor\nfrom time import sleep\n"
    "with ThreadPoolExecutor(6) as pool: print(len(list(pool.map(lambda n: sleep(0.02), range(6)))))\n",
]
STARTING_PROCESSES = [
    "import os, subprocess\nassert os.system('exit 3') >> 8 == 3\nprint(subprocess.getoutput('echo 6'))\n",
    "import subprocess, sys\nprint(subprocess.check_output([sys.executable, '-c', 'print(6)'], text=True), end='')\n",
]
# What docs/sandbox.md says of the profile gvisor: no process, no signal, and no files of /proc and /etc.
NEEDS_NAMESPACES = ("'/proc/", "import grp", " pwd\n", "gethostbyname", "raise_signal", "subprocess")


def _runs_everywhere(program: str) -> bool:
    return not any(word in program for word in NEEDS_NAMESPACES)


BESIDE_A_TEST = [  # programs whose standard files belong to the test
    "import sys\nfiles = (sys.stdin, sys.stdout, sys.stderr)\n"
    "def f(n): return n if [file.fileno() for file in files] == [0, 1, 2] else 0\n",
    "import sys\ndef f(n): return n if sys.stdin.name and sys.stdout.name and sys.stdout.encoding == 'utf-8' else 0\n",
    "def f(n):\n    import sys\n    return n if sys.stdin.buffer.read() == b'' and sys.stdin.read() == '' else 0\n",
    "def f(n):\n    import faulthandler\n    faulthandler.enable()\n    return n\n",
    "import sys\ndef f(n): return n if not (sys.stdin.isatty() or sys.stdout.isatty()) else 0\n",
    "def f(n):\n    import inspect\n    return n if 'inspect' in inspect.getsource(f) else 0\n",
]


@pytest.mark.parametrize(
    "program",
    [
        one if _runs_everywhere(one) else pytest.param(one, marks=pytest.mark.namespaces_profile)
        for one in (*EXITS, *DEVICES, *STARTING_PROCESSES)
    ],
)
def test_the_verdict_is_that_of_the_program_run_by_python(executor: Executor, program: str, tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(program)
    case = SIX.cases[0]
    done = subprocess.run(
        [sys.executable, str(path)], input=case.stdin, capture_output=True, text=True, cwd=tmp_path, check=False
    )
    result = executor.execute(ExecutionRequest(program, SIX))
    assert result.passed is (done.returncode == 0 and done.stdout == case.expected), result


DEEP = "def g(n):\n    return n and g(n - 1)\n"


@pytest.mark.parametrize("depth", [990, 995])
def test_a_program_may_recurse_as_deep_as_under_python(executor: Executor, depth: int) -> None:
    """The default limit is 1,000 frames, of which a function that a test calls has 998 under plain Python."""
    program = f"{DEEP}assert g({depth}) == 0\ndef f(n):\n    return n + g({depth})\n"
    once = AssertTests("assert f(6) == 6", "f", check=False)
    in_turns = AssertTests("for n in (6, 7):\n    assert f(n) == n", "f", check=False)
    items = [ExecutionRequest(program, tests) for tests in (once, in_turns)]
    items.append(ExecutionRequest(f"{program}print(f(6))\n", SIX))
    assert [(result.verdict, result.reason) for result in executor.run(items)] == [(Verdict.PASSED, "")] * 3


@pytest.mark.parametrize("program", BESIDE_A_TEST)
def test_standard_files_are_whole_beside_a_test(executor: Executor, program: str) -> None:
    tests = AssertTests("for n in (6, 7):\n    assert f(n) == n", "f", check=False)
    result = executor.execute(ExecutionRequest(program, tests))
    assert (result.verdict, result.reason) == (Verdict.PASSED, "")


def test_fourteen_threads_fit_into_the_limits() -> None:
    """A thread takes 16 MiB of address space for its stack, and no arena of its own."""
    program = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
together = Barrier(14)
with ThreadPoolExecutor(14) as pool:
    list(pool.map(lambda n: together.wait(), range(14)))
print(6)
"""
    with Executor(workers=1, limits=ResourceLimits(memory_mib=1024)) as executor:
        result = executor.execute(ExecutionRequest(program, SIX))
    assert (result.verdict, result.reason) == (Verdict.PASSED, "")


def test_the_recursion_limit_reads_as_it_was_set(executor: Executor) -> None:
    program = """
import sys
assert sys.getrecursionlimit() == 1000
sys.setrecursionlimit(5000)
assert sys.getrecursionlimit() == 5000
sys.setrecursionlimit(2**31 - 1)
for wrong in (0, -1, 2**31, 'x'):
    try:
        sys.setrecursionlimit(wrong)
    except (ValueError, OverflowError, TypeError):
        continue
    raise AssertionError(wrong)
print(6)
"""
    assert executor.execute(ExecutionRequest(program, SIX)).passed


def test_an_exit_in_a_call_is_no_answer(executor: Executor) -> None:
    tests = CallTests("f", (CallTest((), {}, 6),))
    programs = ("def f(): exit()", "def f(): quit(6)", "def f():\n    return 6\nif f() != 6:\n    exit(1)\n")
    results = executor.run(ExecutionRequest(program, tests) for program in programs)
    assert [(result.verdict, result.reason) for result in results] == [
        (Verdict.RUNTIME_ERROR, "SystemExit"),
        (Verdict.RUNTIME_ERROR, "SystemExit"),
        (Verdict.PASSED, ""),
    ]


POOL = "import multiprocessing\ndef square(x):\n    return x * x\n"
QUEUE = """
import multiprocessing
def work(queue, total, lock):
    with lock:
        total.value += 2
    queue.put(4)
queue, total, lock = multiprocessing.Queue(), multiprocessing.Value("i", 0), multiprocessing.Lock()
process = multiprocessing.Process(target=work, args=(queue, total, lock))
process.start()
answer = queue.get()
process.join()
print(answer + total.value)
"""
SHARED_MEMORY = """
from multiprocessing import shared_memory
memory = shared_memory.SharedMemory(create=True, size=8)
memory.buf[0] = 6
print(memory.buf[0])
memory.close()
memory.unlink()
"""


@pytest.mark.namespaces_profile
def test_multiprocessing_works_within_the_limit_of_processes(executor: Executor) -> None:
    pool = (
        POOL + "def f():\n    with multiprocessing.Pool(2) as pool:\n        return sum(pool.map(square, [1, 1, 2]))\n"
    )
    futures = (
        "from concurrent.futures import ProcessPoolExecutor as P\nwith P(2) as p:\n    print(sum(p.map(int, '123')))\n"
    )
    calls = CallTests("f", (CallTest((), {}, 6),))
    items = [
        ExecutionRequest(pool, calls, limits=LIMITS),
        ExecutionRequest(pool, AssertTests("total = f()\nassert total == 6", "f", check=False), limits=LIMITS),
        *[ExecutionRequest(program, SIX, limits=LIMITS) for program in (QUEUE, SHARED_MEMORY, futures)],
    ]
    assert [(result.verdict, result.reason) for result in executor.run(items)] == [(Verdict.PASSED, "")] * 5


@pytest.mark.namespaces_profile
def test_shared_memory_is_wiped_after_each_program(executor: Executor) -> None:
    program = "import os\nprint(6 + len(os.listdir('/dev/shm')))\nos.makedirs('/dev/shm/a/b')\n"
    results = executor.run([ExecutionRequest(program, SIX)] * 3)
    assert [result.verdict for result in results] == [Verdict.PASSED] * 3


def test_threads_fit_into_the_memory_limit(executor: Executor) -> None:
    program = (
        "import threading\ntotal = []\n"
        "barrier = threading.Barrier(6)\n"
        "def work():\n    barrier.wait()\n    total.append(1)\n"
        "threads = [threading.Thread(target=work) for _ in range(6)]\n"
        "for thread in threads: thread.start()\nfor thread in threads: thread.join()\nprint(len(total))\n"
    )
    result = executor.execute(ExecutionRequest(program, SIX, limits=ResourceLimits(memory_mib=512, processes=8)))
    assert (result.verdict, result.reason) == (Verdict.PASSED, "")
