"""Texts as sparse binary rows of hashed n-grams: of characters, of tokens, and of token shapes. Pure and deterministic.

A row depends on its own text alone. In a shape every identifier, number and string is replaced by a placeholder, so
that a construction is recognised whatever names it uses.
"""

from __future__ import annotations

import keyword
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BUCKETS = 1 << 18  # columns that n-grams are hashed to
CHARACTER_LENGTHS = range(1, 6)  # of the n-grams
TOKEN_LENGTHS = range(1, 4)
SHAPE_LENGTHS = range(1, 6)
_TOKEN = re.compile(r"[^\W\d]\w*|\d[\w.]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|[^\w\s]|\n[ \t]*|[ \t]+")
_PRIME = np.uint64(0x9E3779B97F4A7C15)

Codes = NDArray[np.uint64]


@dataclass(frozen=True)
class SparseRows:
    """Binary rows: row ``i`` is 1 at ``columns[starts[i]:starts[i + 1]]`` (distinct, ascending) and 0 elsewhere."""

    columns: NDArray[np.int32]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1


def sparse_rows(texts: Sequence[str]) -> SparseRows:
    """One row per text, over ``BUCKETS`` columns."""
    rows = [features(text) for text in texts]
    starts = np.concatenate(([0], np.cumsum([len(row) for row in rows], dtype=np.int64)))
    columns = np.concatenate(rows) if rows else np.zeros(0, np.int32)
    return SparseRows(columns, starts)


def features(text: str) -> NDArray[np.int32]:
    """The columns of one text. There is at least one, because every text has the bias column 0."""
    tokens = _TOKEN.findall(text)
    families = (
        (np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8).astype(np.uint64), CHARACTER_LENGTHS),
        (_codes(tokens), TOKEN_LENGTHS),
        (_codes([shape(token) for token in tokens]), SHAPE_LENGTHS),
    )
    hashed = [np.zeros(1, np.uint64)]
    for family, (codes, lengths) in enumerate(families):
        hashed += [grams(codes, length, salt=16 * family + length) for length in lengths if length <= len(codes)]
    return np.unique(np.concatenate(hashed)).astype(np.int32)


def shape(token: str) -> str:
    """The token itself if it is a keyword, punctuation or layout; otherwise the name of its kind."""
    if token[0] in "\"'":
        return "text"
    if token[0].isdigit():
        return "number"
    return "name" if token.isidentifier() and not keyword.iskeyword(token) else token


def grams(codes: Codes, length: int, salt: int) -> Codes:
    """The column of each window of ``length`` codes, by a multiplicative hash."""
    windows = len(codes) - length + 1
    hashed = np.full(windows, salt + 1, np.uint64) * _PRIME
    for offset in range(length):
        hashed = (hashed ^ codes[offset : offset + windows]) * _PRIME
        hashed ^= hashed >> np.uint64(29)
    return hashed % np.uint64(BUCKETS)


def _codes(tokens: Sequence[str]) -> Codes:
    return np.array([zlib.crc32(token.encode("utf-8", "surrogatepass")) for token in tokens], np.uint64)
