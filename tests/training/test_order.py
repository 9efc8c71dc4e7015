"""The order of examples."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prlcoder.training.loop.order import ShuffledOrder

pytestmark = pytest.mark.needs_torch


@settings(max_examples=50)
@given(st.integers(0, 200), st.integers(0, 5))
def test_every_example_once_and_the_same_again(count: int, seed: int) -> None:
    order = list(ShuffledOrder(count, seed=seed))
    assert sorted(order) == list(range(count))
    assert order == list(ShuffledOrder(count, seed=seed))


def test_epochs_and_seeds_differ_and_are_reproducible() -> None:
    order = ShuffledOrder(100, seed=1)
    first = list(order)
    order.set_epoch(1)
    second = list(order)
    order.set_epoch(0)
    assert list(order) == first != second
    assert list(ShuffledOrder(100, seed=2)) != first
    assert len(order) == 100
