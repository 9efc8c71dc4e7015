"""Rows of the segments file (``docs/reference/contracts.md#3-files``): a program's segments, or its error."""

from __future__ import annotations

from typing import Any

from prlcoder.segmenter.model import Mode, Segment, SegmentationError
from prlcoder.segmenter.segmentation import segment


def segments_row(identity: str | int, segments: list[Segment]) -> dict[str, Any]:
    """Return ``{id, segments: [{start, end, kind, text}]}``; offsets are code points."""
    fields = [{"start": piece.start, "end": piece.end, "kind": piece.kind, "text": piece.text} for piece in segments]
    return {"id": identity, "segments": fields}


def error_row(identity: str | int, error: SegmentationError) -> dict[str, Any]:
    """Return ``{id, error: {line, column, message}}``; lines count from 1, columns from 0."""
    return {
        "id": identity,
        "error": {"line": error.line, "column": error.column, "message": error.message},
    }


def row(identity: str | int, program: str, mode: Mode) -> dict[str, Any]:
    """Segment one program and return its row, which holds an error if the program cannot be segmented."""
    try:
        return segments_row(identity, segment(program, mode))
    except SegmentationError as error:
        return error_row(identity, error)
