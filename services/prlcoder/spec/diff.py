"""Compares two TrainingRuns field by field. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prlcoder.spec.document import FieldPath, dotted
from prlcoder.spec.trainingrun import TrainingRun


def differences(before: TrainingRun, after: TrainingRun) -> list[str]:
    """One line per field that differs: ``spec.seed: was 0, is now 1``."""
    pair = (run.model_dump(mode="json", by_alias=True) for run in (before, after))
    return [
        f"{dotted(location)}: was {_value_text(old)}, is now {_value_text(new)}"
        for location, old, new in _walk((), *pair)
    ]


_ABSENT = object()


def _walk(location: FieldPath, old: Any, new: Any) -> Iterator[tuple[FieldPath, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            yield from _walk((*location, key), old.get(key, _ABSENT), new.get(key, _ABSENT))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            items = [values[index] if index < len(values) else _ABSENT for values in (old, new)]
            yield from _walk((*location, index), *items)
    elif old != new:
        yield location, old, new


def _value_text(value: Any) -> str:
    if value is _ABSENT or value is None:
        return "not given"
    if isinstance(value, dict):
        return "given"
    return repr(value)
