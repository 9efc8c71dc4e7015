"""What meets the model together, who waits for whom, and what leaves the queue."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from fractions import Fraction
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prlcoder.prm.serving.batching import Batcher, BatchLimits, fill
from prlcoder.prm.serving.pass_cost import PassCost

pytestmark = pytest.mark.needs_torch

T = TypeVar("T")


class Model:
    """Squares numbers, remembers its batches, and works only while ``free`` is set."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.free = threading.Event()
        self.free.set()
        self.busy = threading.Event()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.busy.set()
        assert self.free.wait(30)
        if 0 in items:
            raise ZeroDivisionError
        return [item * item for item in items]


def run(work: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run`` that ends."""

    async def bounded() -> T:
        return await asyncio.wait_for(work, 60)

    return asyncio.run(bounded())


async def occupied(model: Model, batcher: Batcher[int, int]) -> asyncio.Task[int]:
    """A batch of one item (10) that stays in the model until it is set free."""
    model.free.clear()
    first = asyncio.create_task(batcher.submit(10))
    await asyncio.to_thread(model.busy.wait, 30)
    return first


async def queued(batcher: Batcher[int, int], items: Sequence[int]) -> list[asyncio.Task[int]]:
    """Tasks whose items wait."""
    tasks = [asyncio.create_task(batcher.submit(item)) for item in items]
    while batcher.waiting < len(items):
        await asyncio.sleep(0)
    return tasks


def test_what_arrives_while_the_model_works_is_its_next_batch() -> None:
    async def work() -> None:
        model = Model()
        batcher = Batcher(model, size=lambda item: item, limits=BatchLimits(max_tokens=1000))
        first = await occupied(model, batcher)
        others = await queued(batcher, [3, 1, 2])
        model.free.set()
        assert await asyncio.gather(first, *others) == [100, 9, 1, 4]
        assert [sorted(batch) for batch in model.batches] == [[10], [1, 2, 3]]
        await batcher.close()

    run(work())


def test_a_lone_item_waits_for_nobody() -> None:
    async def work() -> None:
        model = Model()
        batcher = Batcher(model, size=lambda item: 1, limits=BatchLimits(100, max_delay_s=3600))
        assert [await batcher.submit(item) for item in (1, 2, 3)] == [1, 4, 9]
        await batcher.close()

    run(work())


def test_after_a_shared_batch_the_model_waits_for_a_full_batch_or_for_the_delay() -> None:
    async def work(delay: float, items: list[int]) -> list[list[int]]:
        model = Model()
        batcher = Batcher(model, size=lambda item: 10, limits=BatchLimits(max_tokens=20, max_delay_s=delay))
        first = await occupied(model, batcher)
        others = await queued(batcher, [1, 2])
        model.free.set()
        await asyncio.gather(first, *others)
        await asyncio.gather(*(batcher.submit(item) for item in items))
        await batcher.close()
        return [sorted(batch) for batch in model.batches]

    assert run(work(3600.0, [3, 4])) == [[10], [1, 2], [3, 4]]  # full: does not wait for the delay
    assert run(work(0.01, [3])) == [[10], [1, 2], [3]]  # never full: the delay ends the wait


def test_cancelled_items_leave_the_queue() -> None:
    async def work() -> None:
        model = Model()
        batcher = Batcher(model, size=lambda item: 1, limits=BatchLimits(100))
        first = await occupied(model, batcher)
        kept, dropped = await queued(batcher, [3, 4])
        dropped.cancel()
        first.cancel()
        await asyncio.gather(first, dropped, return_exceptions=True)
        assert batcher.waiting == 1
        model.free.set()
        assert await kept == 9
        assert model.batches == [[10], [3]]
        await batcher.close()

    run(work())


def test_a_failing_batch_fails_its_own_items_only() -> None:
    async def work() -> None:
        batcher = Batcher(Model(), size=lambda item: 1, limits=BatchLimits(100))
        with pytest.raises(ZeroDivisionError):
            await batcher.submit(0)
        assert await batcher.submit(5) == 25
        await batcher.close()

    run(work())


def test_closing_finishes_what_waits_and_accepts_no_more() -> None:
    async def work() -> None:
        model = Model()
        batcher = Batcher(model, size=lambda item: 1, limits=BatchLimits(100))
        first = await occupied(model, batcher)
        others = await queued(batcher, [2, 3])
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="closed"):
            await batcher.submit(1)
        model.free.set()
        await closing
        assert await asyncio.gather(first, *others) == [100, 4, 9]

    run(work())


@given(
    sizes=st.lists(st.integers(1, 100), min_size=1, max_size=12),
    budget=st.integers(1, 400),
    pass_tokens=st.sampled_from([0, 1, 30, 10_000]),
)
def test_a_batch_holds_the_oldest_fits_the_budget_and_no_neighbours_read_more_for_its_cost(
    sizes: list[int], budget: int, pass_tokens: int
) -> None:
    def share(items: Sequence[int]) -> Fraction:
        return Fraction(sum(items), pass_tokens + len(items) * max(items))

    taken = fill(sizes, budget, pass_tokens)
    assert 0 in taken
    assert len(set(taken)) == len(taken)
    assert len(taken) == 1 or len(taken) * max(sizes[index] for index in taken) <= budget
    ordered = sorted(sizes)
    place = ordered.index(sizes[0])
    windows = [ordered[first : last + 1] for first in range(place + 1) for last in range(place, len(sizes))]
    fitting = [window for window in windows if len(window) == 1 or len(window) * window[-1] <= budget]
    assert float(share([sizes[index] for index in taken])) >= float(max(map(share, fitting))) - 1e-9


def test_of_items_as_long_as_each_other_the_older_go_first() -> None:
    assert sorted(fill([10, 9, 9, 9, 10, 10, 10], 40, 0)) == [0, 4, 5, 6]
    assert sorted(fill([10, 9, 9, 9], 30, 1000)) == [0, 1, 2]


def test_the_cost_of_a_pass_is_learned_from_passes_of_several_sizes() -> None:
    cost = PassCost(most=1000)
    first = cost.tokens
    for _ in range(20):
        cost.saw(300, 0.5)
    assert cost.tokens == first
    for tokens in (100, 200, 900) * 200:
        cost.saw(tokens, 0.001 * (50 + tokens))
    assert cost.tokens == pytest.approx(50, rel=0.01)
    for tokens in (100, 200, 900) * 200:  # another machine, or a busy one
        cost.saw(tokens, 0.002 * tokens)
    assert cost.tokens == pytest.approx(0, abs=0.5)
    for tokens in (100, 200, 900) * 200:
        cost.saw(tokens, 0.1 - 1e-6 * tokens)
    assert cost.tokens == 1000


def test_the_first_passes_say_nothing() -> None:
    cost = PassCost(most=1000)
    for tokens in (10, 20, 30):
        cost.saw(tokens, 60.0 / tokens)
    for tokens in (10, 20):
        cost.saw(tokens, 0.001 * (5 + tokens))
    assert cost.tokens == pytest.approx(5)
