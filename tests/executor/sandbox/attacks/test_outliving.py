"""Programs that try to leave something for the program after them."""

from __future__ import annotations

import textwrap

import pytest
from tests.executor.sandbox.attacks.attack import CALLS, HONEST, canary

from prlcoder.executor import ExecutionRequest, Executor, Verdict
from prlcoder.problems.model import CallTest, CallTests

pytestmark = pytest.mark.needs_sandbox


@pytest.mark.namespaces_profile
def test_a_daemon_does_not_survive_its_program(executor: Executor) -> None:
    """A double-forked process would overwrite the next program's folder; its PID namespace is gone by then."""
    daemon = textwrap.dedent(
        """
        import os, time
        def f(n):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    while True:
                        open("/tmp/left", "w").close()
                os._exit(0)
            return 8_675_309_424_242 + n - 3
        """
    )
    results = list(executor.run([ExecutionRequest(daemon, CALLS), *[canary(executor)] * 20]))
    assert [result.verdict for result in results] == [Verdict.PASSED] * 21


def test_scratch_is_wiped_however_it_was_left(executor: Executor) -> None:
    """Folders without permissions, deep trees, links, and a scratch folder that nobody may read."""
    mess = textwrap.dedent(
        """
        import os
        def f(n):
            if n == 3:
                os.makedirs("a/b/c")
                os.symlink("/usr", "a/link")
                open("a/file", "w").close()
                os.mkfifo("pipe")
                for _ in range(300):
                    os.mkdir("d" * 20)
                    os.chdir("d" * 20)
                os.chmod("/tmp/a/b", 0)
                os.chmod("/tmp/a", 0)
                os.chmod("/tmp", 0)
            return 8_675_309_424_242 + n - 3
        """
    )
    result, after = executor.run([ExecutionRequest(mess, CALLS), canary(executor)])
    assert (result.verdict, after.verdict) == (Verdict.PASSED, Verdict.PASSED)


def test_the_next_program_is_not_in_memory(executor: Executor) -> None:
    """A program looks through all of its mapped Python objects for the text of the one that waits behind it."""
    spy = textwrap.dedent(
        """
        import gc
        def f(n):
            mark = "".join(reversed("KRAMTXEN"))
            small = (o for o in gc.get_objects() if isinstance(o, (dict, list, tuple)) and len(o) < 50)
            return sum(mark in repr(o)[:100_000] for o in small)
        """
    )
    tests = CallTests("f", (CallTest((0,), {}, 0),))
    behind = ExecutionRequest("x = 'NEXTMARK'\n" + HONEST, CALLS)
    result, other = executor.run([ExecutionRequest(spy, tests), behind])
    assert (result.verdict, other.verdict) == (Verdict.PASSED, Verdict.PASSED)
