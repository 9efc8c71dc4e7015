"""``progressDeadlineSeconds``: a stage that finishes no work is restarted once, and the second time it fails. Pure.

The stage's own process notices that it finishes nothing, leaves the stacks of its threads in the log and ends with an
exit code of its own; its Job starts another pod. This policy decides only when to give up.
"""

from __future__ import annotations

from collections.abc import Sequence

from prlcoder.operator.constants import MAX_STALLS, Reason
from prlcoder.operator.reasons import Explanation
from prlcoder.operator.status import StageReport


def exceeded(reports: Sequence[StageReport]) -> Explanation | None:
    """The stage that has stalled too often, or None."""
    for report in reports:
        if not report.finished and (stalls := report.restarts.get(Reason.NO_PROGRESS, 0)) > MAX_STALLS:
            message = f"stage {report.stage} finished no work for too long, {stalls} times; its log holds the stacks"
            return Explanation(Reason.NO_PROGRESS, f"{message}; see progressDeadlineSeconds")
    return None
