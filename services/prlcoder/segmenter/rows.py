"""Rows of the segments file (contracts, section 3): one program's segments, or where and why it has none."""

from __future__ import annotations

from typing import Any

from prlcoder.segmenter.model import Mode, Segment, SegmentationError
from prlcoder.segmenter.segmentation import segment


def segments_row(identity: str | int, segments: list[Segment]) -> dict[str, Any]:
    """``{id, segments: [{start, end, kind, text}]}``; offsets in code points."""
    fields = [{"start": piece.start, "end": piece.end, "kind": piece.kind, "text": piece.text} for piece in segments]
    return {"id": identity, "segments": fields}


def error_row(identity: str | int, error: SegmentationError) -> dict[str, Any]:
    """``{id, error: {line, column, message}}``; the line counts from 1, the column from 0."""
    return {
        "id": identity,
        "error": {"line": error.line, "column": error.column, "message": error.message},
    }


def row(identity: str | int, program: str, mode: Mode) -> dict[str, Any]:
    """The row of one program, whether it can be cut or not."""
    try:
        return segments_row(identity, segment(program, mode))
    except SegmentationError as error:
        return error_row(identity, error)
