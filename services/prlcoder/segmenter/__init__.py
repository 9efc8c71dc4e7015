"""Cutting programs into steps: ``segment(source, mode)``."""

from prlcoder.segmenter.many import Cut, segment_each
from prlcoder.segmenter.model import Mode, Segment, SegmentationError
from prlcoder.segmenter.segmentation import KINDS, segment

__all__ = ["KINDS", "Cut", "Mode", "Segment", "SegmentationError", "segment", "segment_each"]
