"""Cutting a program on a worker process, which imports this module and nothing of the model's."""

from __future__ import annotations

from prlcoder.segmenter import Mode, SegmentationError, segment


def cut(program: str, mode: Mode) -> list[tuple[int, int]] | str:
    """Start and end of each segment, or why there are none."""
    try:
        return [(one.start, one.end) for one in segment(program, mode)]
    except SegmentationError as error:
        return str(error)
