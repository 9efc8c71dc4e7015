"""What a stage's process says about itself: its progress while it runs, and its metrics when it is done. Pure.

A pod writes these texts, so nothing in them is trusted: what is malformed is left out, and what is long is cut.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from prlcoder.operator.constants import MAX_MESSAGE
from prlcoder.spec import STAGES

MAX_METRICS: Final = 32
MAX_NAME: Final = 64  # characters, as the CRD allows for names and values of metrics
MAX_TEXT: Final = 256
MAX_HOW: Final = 8  # lines
PLAN_FIGURES: Final = ("memory", "gpuMemory", "gpus", "tokensRead", "tokensWritten", "disk", "time", "cost")
MAX_COUNT: Final = 10**15
HUGE: Final = 1e15  # seconds; a larger number is no time


@dataclass(frozen=True)
class PodReport:
    """The progress of a stage as its pod reports it.

    ``done`` of ``total`` units are counted over all pods of the stage. ``worked`` tells whether this pod has finished
    any work, ``idle_s`` how long ago it last did. ``metrics`` are names and values as text.
    """

    done: int | None = None
    total: int | None = None
    worked: bool = False
    per_second: float = 0.0
    idle_s: float = 0.0
    checkpoint: str | None = None
    metrics: tuple[tuple[str, str], ...] = ()
    plan: tuple[Mapping[str, Any], ...] = ()  # what each stage of the run will need, as `status.plan` holds it

    @classmethod
    def read(cls, text: str) -> PodReport | None:
        """The report in the document of ``GET /progress``, or None if it is no such document.

        >>> PodReport.read('{"done": 120, "total": 600, "unitsPerSecond": 2.0, "unit": "steps"}').step
        '120/600'
        >>> PodReport.read("[1]") is None
        True
        """
        document = _object(text)
        if document is None:
            return None
        rate, tokens = _number(document.get("unitsPerSecond")), _number(document.get("tokensPerSecond"))
        unit = _text(document.get("unit"), MAX_NAME - len("_per_second")) or "units"
        metrics = {f"{unit}_per_second": rate, "tokens_per_second": tokens}
        return cls(
            done=_count(document.get("done")),
            total=_count(document.get("total")),
            worked=bool(_count(document.get("pieces"))),
            per_second=rate or 0.0,
            idle_s=min(_number(document.get("idleSeconds")) or 0.0, HUGE),
            checkpoint=_text(document.get("checkpoint"), MAX_TEXT),
            metrics=as_text({name: value for name, value in metrics.items() if value}),
            plan=_plan(document.get("plan")),
        )

    @property
    def step(self) -> str | None:
        """``120/600``, ``120`` where the number of steps is unknown, or None while nothing is counted."""
        if self.done is None:
            return None
        return str(self.done) if self.total is None else f"{self.done}/{self.total}"

    @property
    def eta_s(self) -> float | None:
        """Seconds until the stage has done everything, at the rate of this pod."""
        if self.done is None or self.total is None or self.per_second <= 0:
            return None
        return max(self.total - self.done, 0) / self.per_second


def final_metrics(text: str) -> tuple[tuple[str, str], ...]:
    """The metrics of a finished stage, from the message that its container left; empty if it left none.

    >>> final_metrics('{"metrics": {"loss": 0.25}}')
    (('loss', '0.25'),)
    """
    document = _object(text) or {}
    metrics = document.get("metrics")
    return as_text(metrics) if isinstance(metrics, Mapping) else ()


def as_text(metrics: Mapping[Any, Any]) -> tuple[tuple[str, str], ...]:
    """Names and values as the status holds them: text, because Kubernetes types have no portable fractions."""
    kept = []
    for name, value in list(metrics.items())[:MAX_METRICS]:
        if isinstance(name, str) and 0 < len(name) <= MAX_NAME and isinstance(value, int | float | str):
            shown = f"{value:.6g}" if isinstance(value, float) else str(value)
            kept.append((name, shown[:MAX_NAME]))
    return tuple(kept)


def duration(seconds: float) -> str:
    """A time left, in its two largest units.

    >>> duration(4800), duration(59), duration(90061)
    ('1h20m', '59s', '1d1h')
    """
    whole = int(seconds)
    parts = [
        (whole // 86400, "d"),
        (whole // 3600 % 24, "h"),
        (whole // 60 % 60, "m"),
        (whole % 60, "s"),
    ]
    first = next((place for place, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return "".join(f"{count}{unit}" for count, unit in parts[first : first + 2] if count or first == len(parts) - 1)


def _plan(value: object) -> tuple[Mapping[str, Any], ...]:
    """The entries of known stages, one each, with nothing but texts in known fields."""
    found: dict[str, Mapping[str, Any]] = {}
    for one in value if isinstance(value, list) else ():
        if isinstance(one, dict) and one.get("name") in STAGES:
            texts = {name: text for name in PLAN_FIGURES if (text := _text(one.get(name), MAX_TEXT))}
            lines = one.get("how")
            how = [_text(line, MAX_MESSAGE) for line in (lines[:MAX_HOW] if isinstance(lines, list) else [])]
            found.setdefault(one["name"], {"name": one["name"], **texts, "how": [line for line in how if line]})
    return tuple(found.values())


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT else None


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > HUGE or not math.isfinite(value):
        return None
    return float(value)


def _text(value: object, limit: int) -> str | None:
    return value[:limit] if isinstance(value, str) and value else None
