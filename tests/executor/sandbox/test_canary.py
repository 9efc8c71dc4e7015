"""A jail that answers the canary wrongly is replaced, and the programs after it get the right verdicts."""

from __future__ import annotations

import logging

import pytest

from prlcoder.executor import ExecutionRequest, Executor, canary
from prlcoder.executor.jailed import wire
from prlcoder.executor.judging.orders import LOST_TRACE, RunOutcome
from prlcoder.executor.verdicts import Verdict
from prlcoder.problems.model import CallTest, CallTests

pytestmark = pytest.mark.needs_sandbox

PROGRAMS = 9
RIGHT = ExecutionRequest("def f(n):\n    return n + 1\n", CallTests("f", (CallTest((1,), {}, 2),)))


def run_programs(workers: int) -> tuple[set[Verdict | None], int]:
    """The verdicts of ``PROGRAMS`` right programs, and how many jails were retired."""
    retired: list[bool] = []
    with Executor(workers=workers, on_retired=lambda: retired.append(True)) as executor:
        verdicts = {result.verdict for result in executor.run([RIGHT] * PROGRAMS)}
    return verdicts, len(retired)


def test_an_honest_jail_answers_the_canary_and_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[bool] = []

    def noted(outcome: RunOutcome) -> bool:
        judged.append(is_right(outcome))
        return judged[-1]

    is_right = canary.is_right
    monkeypatch.setattr(canary, "CANARY_EVERY", 2)
    monkeypatch.setattr(canary, "is_right", noted)
    assert run_programs(workers=1) == ({Verdict.PASSED}, 0)
    assert judged == [True] * len(judged)
    assert len(judged) >= PROGRAMS // 2 - 1  # the last one may still be running at the end


def test_a_jail_that_answers_otherwise_is_replaced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(canary, "CANARY_EVERY", 3)
    monkeypatch.setattr(canary, "RIGHT_RECORDS", b"other answers")  # as if every jail were damaged
    with caplog.at_level(logging.WARNING, "prlcoder.executor"):
        verdicts, retired = run_programs(workers=2)
    assert verdicts == {Verdict.PASSED}
    assert retired >= 1
    assert caplog.text.count("it is replaced") == retired


def test_a_canary_that_met_a_limit_of_time_says_nothing() -> None:
    late = LOST_TRACE._replace(report=LOST_TRACE.report._replace(end=wire.WALL))
    ended = late._replace(report=late.report._replace(end=wire.EXITED))
    assert canary.is_right(late)
    assert not canary.is_right(ended)
