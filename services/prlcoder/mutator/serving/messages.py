"""Conversion between a teacher's variants and protocol buffers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prlcoder.mutator import Variant, VariantKind
from prlcoder.v1 import mutator_pb2

_KINDS: Final[dict[VariantKind, mutator_pb2.VariantKind]] = {
    "mutation": mutator_pb2.VARIANT_KIND_MUTATION,
    "refactoring": mutator_pb2.VARIANT_KIND_REFACTORING,
}
_BY_NUMBER: Final[dict[int, VariantKind]] = {number: kind for kind, number in _KINDS.items()}


def write_variants(index: int, variants: Iterable[Variant]) -> mutator_pb2.SegmentVariants:
    """The message with the variants of one segment."""
    written = [mutator_pb2.Variant(kind=_KINDS[one.kind], operator=one.operator, text=one.text) for one in variants]
    return mutator_pb2.SegmentVariants(segment_index=index, variants=written)


def read_variants(message: mutator_pb2.SegmentVariants) -> list[Variant]:
    """The variants in the message of one segment; its index is not among them."""
    return [Variant(_BY_NUMBER[one.kind], one.operator, one.text) for one in message.variants]
