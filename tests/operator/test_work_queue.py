"""The queue's promises. Time is the event loop's; nothing here waits for a clock."""

from __future__ import annotations

import asyncio

import pytest

from prlcoder.operator.work_queue import MAX_RETRY_S, WorkQueue

A, B = ("default", "a"), ("default", "b")


def test_a_key_is_in_it_once() -> None:
    async def work() -> list[tuple[str, str]]:
        queue = WorkQueue()
        for key in (A, B, A, A):
            await queue.add(key)
        return [await queue.take(), await queue.take()]

    assert asyncio.run(work()) == [A, B]


def test_a_key_that_is_added_while_it_is_handled_comes_again_afterwards() -> None:
    async def work() -> tuple[int, tuple[str, str]]:
        queue = WorkQueue()
        await queue.add(A)
        taken = await queue.take()
        await queue.add(A)
        waiting = len(queue)
        await queue.done(taken)
        return waiting, await queue.take()

    assert asyncio.run(work()) == (0, A)


def test_a_delayed_key_lets_others_pass() -> None:
    async def work() -> list[tuple[str, str]]:
        queue = WorkQueue()
        await queue.add_after(A, 0.05)
        await queue.add(B)
        return [await queue.take(), await queue.take()]

    assert asyncio.run(work()) == [B, A]


def test_pauses_double_up_to_a_limit_and_start_anew_after_success() -> None:
    async def work() -> list[float]:
        queue = WorkQueue()
        pauses = [await queue.retry(A) for _ in range(12)]
        queue.forget(A)
        return [*pauses, await queue.retry(A)]

    *pauses, last = asyncio.run(work())
    assert [pause == pytest.approx(2.0**n, rel=0.21) for n, pause in enumerate(pauses[:8])] == [True] * 8
    assert pauses[-1] <= MAX_RETRY_S * 1.2
    assert last == pytest.approx(1.0, rel=0.21)
