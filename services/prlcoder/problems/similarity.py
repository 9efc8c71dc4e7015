"""Finds near-duplicate problems.

Two problems are near-duplicates if their statements share at least ``MIN_SHARED_TRIPLES`` of their word triples
(Jaccard similarity), or if their canonical solutions have the same syntax tree. MinHash finds candidates, and the
similarity of each candidate pair is then computed exactly. So there are no false positives, and a pair at the threshold
is missed with a probability below 1e-7.
"""

from __future__ import annotations

import ast
import hashlib
import re
import warnings
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from prlcoder.problems.model import Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_SHARED_TRIPLES = 0.8  # Jaccard similarity of near-duplicates
_WORDS_PER_SHINGLE = 3
_BANDS, _ROWS = 32, 4
_PRIME = (1 << 31) - 1
_WORD = re.compile(r"\w+|[^\w\s]")


def duplicate_groups(problems: Sequence[Problem]) -> list[tuple[Problem, ...]]:
    """Groups of near-duplicates, each sorted by id; most groups have one problem. A chain of pairs is one group."""
    ordered = sorted(problems, key=lambda problem: problem.id)
    parents = list(range(len(ordered)))
    for left, right in _duplicate_pairs(ordered):
        parents[_root(parents, right)] = _root(parents, left)
    groups: dict[int, list[Problem]] = defaultdict(list)
    for index, problem in enumerate(ordered):
        groups[_root(parents, index)].append(problem)
    return [tuple(group) for group in groups.values()]


def words(statement: str) -> list[str]:
    """The statement's words, numbers and signs in lower case and without whitespace: its normalised form."""
    return _WORD.findall(statement.casefold())


def solution_key(solution: str) -> str:
    """A key that is equal for solutions that differ in layout and comments only."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.dump(ast.parse(solution))
    except (SyntaxError, ValueError, RecursionError):
        tree = solution
    return hashlib.sha256(tree.encode(errors="surrogatepass")).hexdigest()


def _duplicate_pairs(problems: Sequence[Problem]) -> Iterator[tuple[int, int]]:
    keys = [solution_key(problem.canonical) if problem.solutions else "" for problem in problems]
    yield from _pairs_with_equal_keys(keys)
    shingles = [_shingles(problem.statement) for problem in problems]
    seen: set[tuple[int, int]] = set()
    for bucket in _buckets(shingles):
        for pair in combinations(bucket, 2):
            if pair not in seen:
                seen.add(pair)
                if _jaccard(shingles[pair[0]], shingles[pair[1]]) >= MIN_SHARED_TRIPLES:
                    yield pair


def _pairs_with_equal_keys(keys: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Pairs each index with the last index before it that has the same key; empty keys match nothing."""
    last: dict[str, int] = {}
    for index, key in enumerate(keys):
        if key and key in last:
            yield last[key], index
        last[key] = index


def _shingles(statement: str) -> NDArray[np.int64]:
    """Sorted distinct hashes of the statement's word triples; of the whole statement if it has fewer words."""
    import numpy as np

    found = words(statement)
    spans = max(1, len(found) - _WORDS_PER_SHINGLE + 1)
    texts = (" ".join(found[start : start + _WORDS_PER_SHINGLE]) for start in range(spans))
    return np.unique(np.fromiter((zlib.crc32(text.encode()) for text in texts), dtype=np.int64))


def _buckets(shingles: Sequence[NDArray[np.int64]]) -> Iterator[list[int]]:
    """Groups of indices whose MinHash signatures agree in a whole band."""
    import numpy as np

    draw = np.random.default_rng(0)  # a fixed seed, so that groups do not depend on the run
    factors = draw.integers(1, _PRIME, size=(_BANDS * _ROWS, 1), dtype=np.int64)
    offsets = draw.integers(0, _PRIME, size=(_BANDS * _ROWS, 1), dtype=np.int64)
    tables: list[dict[bytes, list[int]]] = [defaultdict(list) for _ in range(_BANDS)]
    for index, hashes in enumerate(shingles):
        signature = ((factors * (hashes % _PRIME) + offsets) % _PRIME).min(axis=1)
        for band, table in enumerate(tables):
            table[signature[band * _ROWS : (band + 1) * _ROWS].tobytes()].append(index)
    for table in tables:
        yield from (bucket for bucket in table.values() if len(bucket) > 1)


def _jaccard(left: NDArray[np.int64], right: NDArray[np.int64]) -> float:
    import numpy as np

    shared = len(np.intersect1d(left, right, assume_unique=True))
    return shared / (len(left) + len(right) - shared)


def _root(parents: list[int], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index
