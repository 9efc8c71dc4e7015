"""The conditions of a run's status, by the conventions of the Kubernetes API. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from prlcoder.operator.constants import MAX_MESSAGE

TYPES: Final = ("Complete", "Failed", "Suspended", "Stalled", "Degraded")


@dataclass(frozen=True)
class Condition:
    """One condition without its times. ``reason`` is a word in capitals, ``message`` a sentence for a person."""

    type: str
    status: Literal["True", "False"]
    reason: str
    message: str = ""


def merged(
    old: Sequence[dict[str, Any]], new: Sequence[Condition], generation: int, now: datetime
) -> list[dict[str, Any]]:
    """The conditions of the next status. ``lastTransitionTime`` moves only where the status itself changes.

    >>> first = merged([], [Condition("Failed", "False", "StageRunning")], 1, datetime(2026, 1, 1, tzinfo=UTC))
    >>> again = merged(first, [Condition("Failed", "False", "Other")], 2, datetime(2026, 1, 2, tzinfo=UTC))
    >>> again[0]["lastTransitionTime"], again[0]["observedGeneration"]
    ('2026-01-01T00:00:00Z', 2)
    """
    known = {condition["type"]: condition for condition in old}
    return [_merged(known.get(condition.type), condition, generation, now) for condition in new]


def _merged(old: dict[str, Any] | None, new: Condition, generation: int, now: datetime) -> dict[str, Any]:
    unchanged = old is not None and old["status"] == new.status
    return {
        "type": new.type,
        "status": new.status,
        "reason": new.reason,
        "message": shortened(new.message),
        "observedGeneration": generation,
        "lastTransitionTime": old["lastTransitionTime"] if unchanged and old else timestamp(now),
    }


def shortened(message: str) -> str:
    """The message within Kubernetes' limit; the end of a log says more than its beginning, so the middle goes.

    >>> len(shortened("x" * 5000))
    1024
    """
    if len(message) <= MAX_MESSAGE:
        return message
    half = (MAX_MESSAGE - 3) // 2
    return f"{message[:half]}...{message[len(message) - (MAX_MESSAGE - 3 - half) :]}"


def timestamp(moment: datetime) -> str:
    """A moment as the Kubernetes API writes it.

    >>> timestamp(datetime(2026, 1, 1, 12, tzinfo=UTC))
    '2026-01-01T12:00:00Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str | None) -> datetime | None:
    """The moment that the Kubernetes API wrote, or None if it wrote none."""
    return None if text is None else datetime.fromisoformat(text)
