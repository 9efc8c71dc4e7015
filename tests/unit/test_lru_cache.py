"""The cache that drops what was used least recently."""

from __future__ import annotations

import doctest

import pytest

from prlcoder import lru_cache
from prlcoder.lru_cache import LruCache


def test_the_example() -> None:
    assert doctest.testmod(lru_cache).failed == 0


def test_reading_a_value_keeps_it_longer() -> None:
    cache = LruCache[str, int](2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)


def test_putting_a_value_again_replaces_it() -> None:
    cache = LruCache[str, int](2)
    for value in (1, 2):
        cache.put("a", value)
    assert (cache.get("a"), len(cache)) == (2, 1)


def test_a_cache_without_capacity_keeps_nothing() -> None:
    cache = LruCache[str, int](0)
    assert cache.get_or_make("a", lambda: 1) == 1
    assert len(cache) == 0


def test_what_cannot_be_made_is_not_kept() -> None:
    cache = LruCache[str, int](2)
    with pytest.raises(ZeroDivisionError):
        cache.get_or_make("a", lambda: 1 // 0)
    assert "a" not in cache
