"""Recognises fields that may decide verdicts, by their names."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

# A field whose name has one of these words, or contains "test", "check" or "toler", may decide a verdict.
_WORDS: Final = frozenset(
    {
        "answer",
        "answers",
        "assert",
        "assertion",
        "assertions",
        "asserts",
        "atol",
        "case",
        "cases",
        "contract",
        "epsilon",
        "eps",
        "expected",
        "grader",
        "input",
        "inputs",
        "interactor",
        "judge",
        "oracle",
        "output",
        "outputs",
        "precision",
        "reward",
        "rtol",
        "spj",
        "validator",
        "verification",
        "verifier",
    }
)
_PART: Final = re.compile(r"test|check|toler")
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_EMPTY_TEXTS: Final = frozenset({"", "[]", "{}", "null", "None"})


def may_judge(field: str) -> bool:
    """Whether a field of this name may carry tests, tolerances or checkers.

    >>> [may_judge(name) for name in ("hidden_tests", "testCases", "atol", "difficulty", "source")]
    [True, True, True, False, False]
    """
    words = {word.lower() for word in _WORD.findall(field)}
    return not words.isdisjoint(_WORDS) or _PART.search(field.lower()) is not None


def unread_fields(fields: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """The fields that are not ``known``, not empty, and may carry tests, tolerances or checkers."""
    return [name for name, value in fields.items() if name not in known and may_judge(name) and not _is_empty(value)]


def _is_empty(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip() in _EMPTY_TEXTS
    return value is None or value == [] or value == {}
