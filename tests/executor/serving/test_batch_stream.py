"""One stream by itself: places are given back, and what it remembers has a bound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from prlcoder.executor.serving import batch_stream
from prlcoder.executor.serving.batch_stream import BatchStream, ExecutionOutcome
from prlcoder.rpc.admission import Admission
from prlcoder.v1 import executor_pb2, verdict_pb2

Run = Callable[[executor_pb2.Execution, Callable[[ExecutionOutcome], None]], None]


def outcomes(names: list[str], run: Run) -> tuple[list[executor_pb2.ExecuteBatchResponse], Admission]:
    """What one stream answers, and the bound it took its places from."""

    async def requests() -> AsyncIterator[executor_pb2.ExecuteBatchRequest]:
        for name in names:
            yield executor_pb2.ExecuteBatchRequest(id=name, execution=executor_pb2.Execution(program=name))

    async def answers() -> list[executor_pb2.ExecuteBatchResponse]:
        stream = BatchStream(run, lambda ticket: None, admission, window=4)
        return [response async for response in stream.responses(requests())]

    admission = Admission(8)
    return asyncio.run(answers()), admission


@pytest.mark.timeout(30)
def test_an_item_that_cannot_even_be_started_has_an_outcome_too() -> None:
    def run(execution: executor_pb2.Execution, done: Callable[[ExecutionOutcome], None]) -> None:
        if execution.program == "bad":
            raise RuntimeError("a fault of ours")
        done(verdict_pb2.ExecutionResult(verdict=verdict_pb2.VERDICT_PASSED))

    answered, admission = outcomes(["a", "bad", "b"], run)
    assert {one.id: one.WhichOneof("outcome") for one in answered} == {"a": "result", "bad": "status", "b": "result"}
    assert "a fault of ours" not in str(answered)
    assert admission.in_flight == 0


def test_large_outcomes_are_forgotten_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_stream, "MAX_REMEMBERED_BYTES", 5000)
    ran: list[str] = []

    def run(execution: executor_pb2.Execution, done: Callable[[ExecutionOutcome], None]) -> None:
        ran.append(execution.program)
        done(verdict_pb2.ExecutionResult(answers=[verdict_pb2.Answer(value=bytes(2000))]))

    answered, _ = outcomes(["a", "b", "a", "c", "a", "c"], run)
    assert len(answered) == 6
    assert ran == ["a", "b", "c", "a"]  # two fit: `a` went when `c` came
