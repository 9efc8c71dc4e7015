"""Conversion between segments, segmentation modes and protocol buffers."""

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
    """The mode's number in the protocol."""
    return _MODES[mode]


def read_mode(number: int, field: str) -> Mode:
    """``line`` or ``block``. ``CallError`` for any other number."""
    if number not in _BY_NUMBER:
        raise invalid(field, "is not a segmentation mode; choose SEGMENTATION_MODE_LINE or SEGMENTATION_MODE_BLOCK")
    return _BY_NUMBER[number]


def write_segments(segments: Iterable[Segment], *, text: bool = True) -> segmenter_pb2.Segments:
    """The message. Pass ``text=False`` if the reader has the program and can take the text from it."""
    written = [
        segmenter_pb2.Segment(
            start=one.start, end=one.end, kind=one.kind, text=one.text if text else "", is_step=one.is_step
        )
        for one in segments
    ]
    return segmenter_pb2.Segments(segments=written)


def read_segments(message: segmenter_pb2.Segments, program: str, field: str) -> list[Segment]:
    """The segments of ``program`` in order, with their text taken from it. ``CallError`` unless they are contiguous,
    begin at the first character and stay inside the program."""
    segments: list[Segment] = []
    for number, one in enumerate(message.segments):
        where = f"{field}.segments[{number}]"
        begins = segments[-1].end if segments else 0
        if one.start != begins:
            raise invalid(f"{where}.start", f"is {one.start}, but the segment before it ends at {begins}")
        if not one.start < one.end <= len(program):
            raise invalid(f"{where}.end", f"is {one.end}; it must be above {one.start} and at most {len(program)}")
        segments.append(Segment(one.start, one.end, one.kind, program[one.start : one.end]))
    if not segments:
        raise invalid(field, "has no segment; send at least one, or a segmentation mode")
    return segments
