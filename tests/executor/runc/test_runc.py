"""The profile ``namespaces`` in a pod under runc: no capability, no root, and the chart's own seccomp profile."""

from __future__ import annotations

import json
import sys

import pytest
from tests.executor.runc.container import PROFILE, ROOT, run
from tests.fixtures.packages import installed_packages

pytestmark = pytest.mark.needs_sandbox

TIMEOUT_S = 400.0
FILES = ("attacks", "test_packages.py")
CALL = (
    "import ctypes, errno\nc = ctypes.CDLL(None, use_errno=True)\nc.{}\nprint(errno.errorcode.get(ctypes.get_errno()))"
)


def test_the_doctor_finds_every_layer_that_the_profile_promises() -> None:
    done = run([sys.executable, "-m", "prlcoder.cli", "doctor", "--sandbox", "--json"], timeout_s=TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    states = {finding["check"]: finding["state"] for finding in json.loads(done.stdout)}
    assert {name for name, state in states.items() if state != "ok"} == {"control group"}


@pytest.mark.timeout(450)
def test_the_attacks_fail_there() -> None:
    installed_packages()  # the container has no network to install them
    files = [str(ROOT / "tests" / "executor" / "sandbox" / name) for name in FILES]
    pytest_there = [sys.executable, "-m", "pytest", "--rootdir", str(ROOT), "-p", "no:cacheprovider", "-q"]
    done = run([*pytest_there, *files], timeout_s=TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("call", "error"), [("ptrace(16, 1, 0, 0)", "EPERM"), ("unshare(0x10000000)", "None")])
def test_the_profile_denies_what_no_jail_needs(call: str, error: str) -> None:
    """Attaching to a process is denied; a new user namespace, of which every jail needs one, is not."""
    done = run([sys.executable, "-c", CALL.format(call)], timeout_s=TIMEOUT_S)
    assert done.stdout.strip() == error, done.stderr


def test_the_profile_lists_each_call_once() -> None:
    (rule,) = json.loads(PROFILE.read_text())["syscalls"]
    assert rule["names"] == sorted(set(rule["names"]))
