"""Segments and segmentation modes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prlcoder.rpc.errors import invalid
from prlcoder.segmenter import Mode, Segment
from prlcoder.v1 import segmenter_pb2

_MODES: Final[dict[Mode, segmenter_pb2.SegmentationMode]] = {
    "line": segmenter_pb2.SEGMENTATION_MODE_LINE,
    "block": segmenter_pb2.SEGMENTATION_MODE_BLOCK,
}
_BY_NUMBER: Final[dict[int, Mode]] = {number: mode for mode, number in _MODES.items()}


def write_mode(mode: Mode) -> segmenter_pb2.SegmentationMode:
    """The mode as a number."""
    return _MODES[mode]


def read_mode(number: int, field: str) -> Mode:
    """``line`` or ``block``; ``Refusal`` for anything else."""
    if number not in _BY_NUMBER:
        raise invalid(field, "name a segmentation mode: SEGMENTATION_MODE_LINE or SEGMENTATION_MODE_BLOCK")
    return _BY_NUMBER[number]


def write_segments(segments: Iterable[Segment], *, text: bool = True) -> segmenter_pb2.Segments:
    """Segments with their text, or without it where the reader has the program."""
    written = [
        segmenter_pb2.Segment(
            start=one.start, end=one.end, kind=one.kind, text=one.text if text else "", is_step=one.is_step
        )
        for one in segments
    ]
    return segmenter_pb2.Segments(segments=written)


def read_segments(message: segmenter_pb2.Segments, program: str, field: str) -> list[Segment]:
    """Segments of ``program`` in order, their text taken from it. ``Refusal`` unless they follow on one another
    from its first character on and stay inside it."""
    segments: list[Segment] = []
    for number, one in enumerate(message.segments):
        where = f"{field}.segments[{number}]"
        begins = segments[-1].end if segments else 0
        if one.start != begins:
            raise invalid(f"{where}.start", f"{one.start} is not where the segment before it ends ({begins})")
        if not one.start < one.end <= len(program):
            raise invalid(f"{where}.end", f"{one.end} is not above {one.start} and at most {len(program)}")
        segments.append(Segment(one.start, one.end, one.kind, program[one.start : one.end]))
    if not segments:
        raise invalid(field, "holds no segment; send at least one, or a segmentation mode")
    return segments
