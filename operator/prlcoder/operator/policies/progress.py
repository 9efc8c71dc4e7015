"""``progressDeadlineSeconds``: a stage that reports no step for that long is restarted once, then given up. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from prlcoder.operator.conditions import moment
from prlcoder.operator.constants import Reason, StageProgress
from prlcoder.operator.observed import Observed
from prlcoder.operator.reasons import Explanation
from prlcoder.operator.status import StageReport

DEFAULT_S: Final = 1800


def stalled(observed: Observed, report: StageReport, now: datetime) -> Explanation | None:
    """That a running stage has made no step for too long, or None."""
    seconds = observed.run.spec.get("progressDeadlineSeconds", DEFAULT_S)
    told = moment(observed.progress.get(report.stage, {}).get("time"))
    if report.state != StageProgress.RUNNING or not seconds or told is None:
        return None
    if now - told < timedelta(seconds=seconds):
        return None
    return Explanation(Reason.NO_PROGRESS, f"stage {report.stage} has reported no step for {seconds} s")


def given_up(observed: Observed, reports: Sequence[StageReport], now: datetime) -> Explanation | None:
    """That a stage stalled again after it had been restarted for that reason."""
    for report in reports:
        found = stalled(observed, report, now)
        if found is not None and report.restarts.get(Reason.NO_PROGRESS, 0) > 0:
            return found
    return None
