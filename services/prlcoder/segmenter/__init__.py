"""Splits Python source into segments (steps), by line or by block; standard library only.

``segmentation`` holds ``segment`` and its batch form ``segment_each``; ``model`` the ``Segment`` and its error.
Inside: ``syntax`` parses, ``lines`` finds logical lines, ``statements`` reads the syntax tree and ``grouping`` holds
the rules of both modes. ``rows`` formats segments for files; ``serving/`` is the gRPC service. The rules in prose are
in ``docs/segmentation.md``.
"""

from prlcoder.segmenter.model import Mode, Segment, SegmentationError
from prlcoder.segmenter.segmentation import KINDS, BatchSegmenter, segment, segment_each

__all__ = ["KINDS", "BatchSegmenter", "Mode", "Segment", "SegmentationError", "segment", "segment_each"]
