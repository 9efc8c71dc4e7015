"""The profile ``gvisor`` where it is meant to run: under gVisor's kernel, in a container as restricted as a pod.

The tests of ``tests/sandbox`` run in there as they are; those marked ``namespaces`` state facts of that profile.
"""

from __future__ import annotations

import json
import sys

import pytest
from container import ROOT, run

from prlcoder.executor.conformance import NAMESPACES
from prlcoder.executor.jail import inside_gvisor

pytestmark = [pytest.mark.sandbox, pytest.mark.skipif(inside_gvisor(), reason="this is gVisor already")]

TIMEOUT_S = 400.0


def test_the_doctor_finds_every_layer_that_the_profile_promises() -> None:
    done = run([sys.executable, "-m", "prlcoder.cli", "doctor", "--sandbox", "--json"], timeout_s=TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    states = {finding["check"]: finding["state"] for finding in json.loads(done.stdout)}
    assert {name for name, state in states.items() if state != "ok"} == {"own process tree", "control group"}
    assert {f"{what} namespace" for what in NAMESPACES.values()} <= states.keys()


@pytest.mark.timeout(450)
def test_the_sandbox_tests_pass_there() -> None:
    files = [str(ROOT / "tests" / "sandbox" / name) for name in ("test_attacks.py", "test_executor.py")]
    pytest_there = [sys.executable, "-m", "pytest", "--rootdir", str(ROOT), "-p", "no:cacheprovider", "-q"]
    done = run([*pytest_there, "-m", "not namespaces", *files], timeout_s=TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr
