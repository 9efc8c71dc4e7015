"""Who gets a place when there are few: what is refused at once, and what waits."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from prlcoder.rpc.admission import Admission, is_retry
from prlcoder.rpc.errors import CallError


def test_what_waits_leaves_a_quarter_to_calls() -> None:
    async def work() -> None:
        admission = Admission(8)
        waiting = [asyncio.create_task(admission.admit_when_free(1)) for _ in range(10)]
        await asyncio.sleep(0)
        assert sum(task.done() for task in waiting) == 6
        with ExitStack() as calls:
            for _ in range(2):
                calls.enter_context(admission.admit(1))
            with pytest.raises(CallError, match="of at most 8"), admission.admit(1):
                pass
        assert admission.in_flight == 6
        admission.release(1, 1)
        assert admission.in_flight == 6  # the next in line has the place
        await asyncio.sleep(0)
        assert sum(task.done() for task in waiting) == 7
        for task in waiting:
            task.cancel()

    asyncio.run(work())


def test_calls_do_not_overtake_what_waits_for_its_share() -> None:
    async def work() -> None:
        admission = Admission(4, size=100)
        with ExitStack() as calls:
            for _ in range(4):
                calls.enter_context(admission.admit(1))
            waiting = asyncio.create_task(admission.admit_when_free(1))
            await asyncio.sleep(0)
            assert not waiting.done()
        await waiting
        assert admission.in_flight == 1
        with admission.admit(1, 98):
            large = asyncio.create_task(admission.admit_when_free(50))
            await asyncio.sleep(0)
            with pytest.raises(CallError), admission.admit(1):  # it would fit, but the large one has come before
                pass
        await large
        assert (admission.in_flight, admission.in_flight_bytes) == (2, 51)

    asyncio.run(work())


def test_one_item_may_always_come_in_alone() -> None:
    async def work() -> int:
        admission = Admission(1, size=10)
        await admission.admit_when_free(1000)
        admission.release(1, 1000)
        with admission.admit(1, 1000):
            return admission.in_flight

    assert asyncio.run(work()) == 1


def test_the_last_places_are_for_calls_that_come_again() -> None:
    admission = Admission(32)
    with ExitStack() as calls:
        for _ in range(30):
            calls.enter_context(admission.admit(1))
        with pytest.raises(CallError, match="of at most 30"), admission.admit(1):
            pass
        again = is_retry.set(True)
        for _ in range(2):
            calls.enter_context(admission.admit(1))
        with pytest.raises(CallError, match="of at most 32"), admission.admit(1):
            pass
        is_retry.reset(again)
