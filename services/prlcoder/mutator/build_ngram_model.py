"""Makes the table of ``usage``: ``python -m prlcoder.mutator.build_ngram_model PROBLEMS ... --out TABLE``.

The one that comes with the package was counted in the canonical solutions of LeetCodeDataset v0.2.0-train (Xia et al.,
2025; MIT) and of MBPP (Austin et al., 2021; CC BY 4.0), cut into lines and into blocks. A leak test on problems that it
has seen says too little.
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

from prlcoder.mutator.ngram_model import START, TOKEN, NgramCounts, NgramModel, packed
from prlcoder.problems.reading import read
from prlcoder.segmenter import Mode, segment

_COMMON = 15  # steps that a word must occur in to be known as itself
_RARE = 3  # pairs and triples that occur less often are left out

Gram = TypeVar("Gram", bound=Hashable)


def steps(sources: Iterable[str]) -> Iterator[str]:
    """The texts of all steps of all canonical solutions, by line and by block."""
    for source in sources:
        for problem in read(source, skip_invalid=True):
            if problem.solutions:
                for mode in get_args(Mode):
                    yield from (part.text for part in segment(problem.canonical, mode) if part.is_step)


def counted(texts: Sequence[str]) -> NgramCounts:
    """The counts of these texts."""
    common = Counter(word for text in texts for word in set(TOKEN.findall(text)))
    words = Counter({word: 0 for word, number in sorted(common.items()) if number >= _COMMON})
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
    return {gram: number for gram, number in counts.items() if number >= _RARE}


def main() -> None:
    """Write the table. The same problems give the same bytes."""
    parser = argparse.ArgumentParser(description="Count how code is written in the solutions of problems.")
    parser.add_argument("problems", nargs="+", help="problem files")
    parser.add_argument("--out", required=True, type=Path, metavar="TABLE")
    arguments = parser.parse_args()
    table = json.dumps(packed(counted(list(steps(arguments.problems)))), separators=(",", ":"))
    arguments.out.write_bytes(gzip.compress(table.encode("ascii"), mtime=0))


if __name__ == "__main__":
    main()
