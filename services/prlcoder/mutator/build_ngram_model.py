"""Builds the table of the n-gram model: ``python -m prlcoder.mutator.build_ngram_model PROBLEMS ... --out TABLE``.

The packaged table was counted over the canonical solutions of LeetCodeDataset v0.2.0-train (Xia et al., 2025; MIT) and
of MBPP (Austin et al., 2021; CC BY 4.0), segmented by line and by block. Do not run the leak test on these problems:
the model has seen their solutions, so its rewrites of them look too natural.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypeVar, get_args

from prlcoder.mutator.ngram_model import START, TOKEN, NgramCounts, NgramModel, to_table
from prlcoder.problems.reading import read
from prlcoder.segmenter import Mode, segment

_MIN_STEPS_PER_WORD = 15  # a word in fewer steps than this is replaced by its token class
_MIN_NGRAM_COUNT = 3  # pairs and triples that occur less often than this are dropped

Gram = TypeVar("Gram", bound=Hashable)


def steps(sources: Iterable[str]) -> Iterator[str]:
    """Yield the text of every step of every canonical solution, segmented by line and by block."""
    for source in sources:
        for problem in read(source, skip_invalid=True):
            if problem.solutions:
                for mode in get_args(Mode):
                    yield from (part.text for part in segment(problem.canonical, mode) if part.is_step)


def count_ngrams(texts: Sequence[str]) -> NgramCounts:
    """Count the words, pairs and triples of these texts."""
    common = Counter(word for text in texts for word in set(TOKEN.findall(text)))
    words = Counter({word: 0 for word, number in sorted(common.items()) if number >= _MIN_STEPS_PER_WORD})
    reader = NgramModel(NgramCounts(words, {}, {}))
    words[START] = 0
    pairs: Counter[tuple[str, str]] = Counter()
    triples: Counter[tuple[str, str, str]] = Counter()
    for text in texts:
        found = reader.words(text)
        words.update(found[2:])
        pairs.update(pairwise(found[1:]))
        triples.update(zip(found, found[1:], found[2:], strict=False))
    return NgramCounts(words, _without_rare(pairs), _without_rare(triples))


def _without_rare(counts: Counter[Gram]) -> dict[Gram, int]:
    return {gram: number for gram, number in counts.items() if number >= _MIN_NGRAM_COUNT}


def main() -> None:
    """Write the table. The same problems always give the same bytes."""
    parser = argparse.ArgumentParser(description="Count how code is written in the solutions of problems.")
    parser.add_argument("problems", nargs="+", help="problem files")
    parser.add_argument("--out", required=True, type=Path, metavar="TABLE")
    arguments = parser.parse_args()
    table = json.dumps(to_table(count_ngrams(list(steps(arguments.problems)))), separators=(",", ":"))
    arguments.out.write_bytes(gzip.compress(table.encode("ascii"), mtime=0))


if __name__ == "__main__":
    main()
