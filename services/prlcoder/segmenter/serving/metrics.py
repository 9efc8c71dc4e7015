"""The segmenter's metrics."""

from __future__ import annotations

from typing import Final

from prlcoder.telemetry.metrics import CounterMetric

SEGMENTS: Final = CounterMetric(
    name="prlcoder_segmenter_segments",
    help="Segments that programs were divided into.",
    unit="segments",
    labels={"mode": "one of line, block"},
)
