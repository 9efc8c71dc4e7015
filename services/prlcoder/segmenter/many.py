"""Cutting several programs, each with segments of its own or the reason why it has none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prlcoder.segmenter.model import Mode, Segment, SegmentationError
from prlcoder.segmenter.segmentation import segment

Cut = Callable[[Sequence[str], Mode], list[list[Segment] | SegmentationError]]  # here, or behind an address


def segment_each(programs: Sequence[str], mode: Mode) -> list[list[Segment] | SegmentationError]:
    """One outcome a program, in order.

    >>> [type(outcome).__name__ for outcome in segment_each(["x = 1\\n", "x = ("], "line")]
    ['list', 'SegmentationError']
    """
    return [_segments_or_error(program, mode) for program in programs]


def _segments_or_error(program: str, mode: Mode) -> list[Segment] | SegmentationError:
    try:
        return segment(program, mode)
    except SegmentationError as error:
        return error
