"""``activeDeadlineSeconds`` and ``startDeadlineSeconds``: how long a run may take, and how long it may wait. Pure.

Both clocks start with the last resume, as for a Kubernetes Job, so that a suspended run does not age.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from prlcoder.operator.conditions import moment
from prlcoder.operator.constants import Reason, StageProgress
from prlcoder.operator.observed import Observed
from prlcoder.operator.reasons import Explanation
from prlcoder.operator.status import StageReport

FIELDS: Final = ("activeDeadlineSeconds", "startDeadlineSeconds")


def exceeded(observed: Observed, reports: Sequence[StageReport], now: datetime) -> Explanation | None:
    """The deadline that has passed, or None."""
    if observed.run.suspended:
        return None
    active, start = (_moment(observed, field, now) for field in FIELDS)
    if active is not None and now >= active:
        seconds = observed.run.spec["activeDeadlineSeconds"]
        return Explanation(Reason.DEADLINE_EXCEEDED, f"the run was active for longer than {seconds} s")
    begun = any(report.finished or report.state == StageProgress.RUNNING for report in reports)
    if start is not None and now >= start and not begun:
        waiting = next((report.explanation.message for report in reports if report.explanation), "")
        seconds = observed.run.spec["startDeadlineSeconds"]
        message = f"no container of the run started within {seconds} s" + (f": {waiting}" if waiting else "")
        return Explanation(Reason.DEADLINE_EXCEEDED, message)
    return None


def next_check(observed: Observed, now: datetime) -> float | None:
    """Seconds until the nearest deadline, or None if there is none to wait for."""
    if observed.run.suspended:
        return None
    waits = [(at - now).total_seconds() for field in FIELDS if (at := _moment(observed, field, now)) is not None]
    return min((wait for wait in waits if wait > 0), default=None)


def _moment(observed: Observed, field: str, now: datetime) -> datetime | None:
    seconds = observed.run.spec.get(field)
    return None if seconds is None else resumed(observed, now) + timedelta(seconds=seconds)


def resumed(observed: Observed, now: datetime) -> datetime:
    """When a run that is not suspended was last set going: at its creation, or when it was last resumed.

    Where the status still says that the run is suspended, it is being resumed by this very look.
    """
    conditions = {one["type"]: one for one in observed.run.status.get("conditions") or []}
    suspended = conditions.get("Suspended")
    if suspended is None:
        return observed.run.created
    if suspended["status"] == "True":
        return now
    return moment(suspended["lastTransitionTime"]) or observed.run.created
