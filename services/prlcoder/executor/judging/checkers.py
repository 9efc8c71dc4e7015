"""Runs a checker, which decides in place of a comparison."""

from __future__ import annotations

import marshal
from collections.abc import Generator, Sequence
from dataclasses import replace

from prlcoder.executor.compiled_tests import Checker
from prlcoder.executor.jailed import checking, wire
from prlcoder.executor.judging.orders import Order, RunOutcome
from prlcoder.executor.judging.tally import Tally
from prlcoder.executor.verdicts import ResourceLimits


def run_checker(
    checker: Checker, answers: Sequence[bytes | str], limits: ResourceLimits, tally: Tally
) -> Generator[Order, RunOutcome, list[bool] | str]:
    """For each answer whether the checker accepts it, or what is wrong with the checker.

    A checker that raises for an answer, or does not decide on it within the limits, does not accept it: a wrong answer
    may be the cause. The exception is kept, so that it can be told whether the canonical solution meets it too.
    """
    if not answers:
        return []
    cases = list(zip(checker.inputs, answers, checker.expected, strict=False))
    body = marshal.dumps(("", checker.code, cases), 2)
    outcome = yield Order(wire.CHECK, "", body, b"", replace(limits, test_s=None))
    judgements = []
    for record in wire.records(outcome.answers):
        said = record.payload.decode("utf-8", "replace")
        if record.kind == wire.RAISED and (record.call == wire.LOADED or ": ModuleNotFoundError: " in said):
            return said
        if record.kind == wire.RAISED:
            tally.test_exception = tally.test_exception or said
        judgements.append(record.payload == checking.RIGHT)
    if len(judgements) < len(answers):
        tally.test_exception = tally.test_exception or "checker: it reached its limits of time or memory"
    return judgements + [False] * (len(answers) - len(judgements))
