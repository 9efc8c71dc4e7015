"""A segment of a program, and the error for text that cannot be segmented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["line", "block"]


@dataclass(frozen=True)
class Segment:
    """Whole logical lines ``source[start:end]``, newline included. Offsets are code points, half-open.

    ``kind`` is one of ``segmenter.KINDS``, which ``segmenter.segment`` explains.
    """

    start: int
    end: int
    kind: str
    text: str

    @property
    def is_step(self) -> bool:
        """Whether teachers rewrite this segment and reward models score it. Headers and docstrings are context."""
        return self.kind not in ("header", "docstring")


class SegmentationError(ValueError):
    """The source is not valid Python. ``line`` is 1-based; ``column`` is 0-based, in code points."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.message = message
        self.line = line
        self.column = column

    def __reduce__(self) -> tuple[type[SegmentationError], tuple[str, int, int]]:
        """Rebuild from the three arguments, so that the error can be sent between processes."""
        return SegmentationError, (self.message, self.line, self.column)
