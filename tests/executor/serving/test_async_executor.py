"""The driver's side of the event loop: every answer reaches who waits for it."""

from __future__ import annotations

import asyncio

import pytest

from prlcoder.executor import ExecutionRequest, ExecutionResult, Executor, Verdict
from prlcoder.executor.serving.async_executor import AsyncExecutor, PendingExecution, deliver
from prlcoder.problems.model import StdioTest, StdioTests

ITEM = ExecutionRequest("print(1)\n", StdioTests((StdioTest("", "1\n"),)))


class Unstarted(AsyncExecutor):
    """Keeps its tickets; no thread takes them."""

    def __init__(self) -> None:
        super().__init__(Executor)
        self.tickets: list[PendingExecution] = []

    def _enqueue(self, ticket: PendingExecution) -> None:
        self.tickets.append(ticket)


def test_a_caller_cancelled_as_answers_come_takes_no_other_answer_along() -> None:
    async def work() -> None:
        driver, passed = Unstarted(), ExecutionResult(Verdict.PASSED, "")
        callers = [asyncio.create_task(driver.execute(ITEM)) for _ in range(2)]
        await asyncio.sleep(0)
        callers[0].cancel()  # its handler runs in the next turn; the answers come in this one
        deliver([(ticket, passed) for ticket in driver.tickets])
        assert await callers[1] is passed
        with pytest.raises(asyncio.CancelledError):
            await callers[0]

    asyncio.run(work())
