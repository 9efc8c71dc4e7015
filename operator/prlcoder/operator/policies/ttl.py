"""``ttlSecondsAfterFinished``: when a run that has ended is deleted. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from prlcoder.operator.observed import Observed


def remaining_s(observed: Observed, ended: datetime, now: datetime) -> float | None:
    """Seconds until the run is deleted (0 or less: now), or None if it is kept."""
    seconds = observed.run.spec.get("ttlSecondsAfterFinished")
    if seconds is None:
        return None
    return (ended + timedelta(seconds=seconds) - now).total_seconds()
