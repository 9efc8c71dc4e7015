"""How usual a text is as a step of a program: a model of token triples, counted in published solutions.

A rewrite that is rarer in real code than what it replaces can be told from it without knowing the task. Drawn with
probability min(1, usual(new) / usual(old)), as in the Metropolis-Hastings algorithm, rewrites would have the
distribution of real code, and nothing in their text would betray them; the teacher draws by that ratio. The table holds
counts and no code (``build_ngram_model`` makes it). What it knows is Python's grammar in use and the habits of
programming tasks; names that are not common there are one word to it.
"""

from __future__ import annotations

import gzip
import json
import keyword
import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

TABLE = "ngrams.json.gz"
START, END = "", "$"
DEEPEST = 6  # levels of indentation that are told apart at a step's start
TOKEN = re.compile(
    r"[^\W\d]\w*|[()\[\]{},.]|\d[\w.]*|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|#.*|->|//=?|\*\*=?|<<=?|>>=?|[-+*/%<>=!&|^@:]=|[^\w\s]"
)

Triple = tuple[str, str, str]


@dataclass(frozen=True)
class NgramCounts:
    """How often words, pairs and triples of words occur, rare ones left out."""

    words: Mapping[str, int]
    pairs: Mapping[tuple[str, str], int]
    triples: Mapping[Triple, int]


class NgramModel:
    """The model. Costs of triples are kept as they are asked for."""

    def __init__(self, counts: NgramCounts) -> None:
        self._known = frozenset(counts.words)
        self._cost = _Costs(counts)
        self._line = lru_cache(maxsize=4096)(self._words)
        self.surprise = lru_cache(maxsize=1024)(self._surprise)

    def _surprise(self, text: str) -> float:
        """Of a step's text in nats, its end included."""
        words = self.words(text)
        return sum(map(self._cost.__getitem__, zip(words, words[1:], words[2:], strict=False)))

    def words(self, text: str) -> list[str]:
        """The words of a step between two starts and an end: tokens, and a mark for the beginning of each line that
        says how deep it is against the line before, and in what."""
        found = [START, START]
        around: list[tuple[int, str]] = []  # indentation and first word of the lines that this one stands in
        before = -1
        for line in (text.expandtabs(4) if "\t" in text else text).split("\n"):
            code = line.lstrip()
            if not code:
                continue
            depth = len(line) - len(code)
            while around and around[-1][0] >= depth:
                around.pop()
            words = self._line(code)
            found.append(_mark(depth, before, around[-1][1] if around else ""))
            found += words
            around.append((depth, words[0] if words and keyword.iskeyword(words[0]) else ""))
            before = depth
        found.append(END)
        return found

    def _words(self, code: str) -> list[str]:
        return [word if word in self._known else kind_of(word) for word in TOKEN.findall(code)]


class _Costs(dict[Triple, float]):
    """The surprise of a triple's last word, computed when it is first asked for. Each count is smoothed with that of
    the shorter context, the more so the more different words follow there."""

    def __init__(self, counts: NgramCounts) -> None:
        super().__init__()
        self._counts = counts
        self._total = sum(counts.words.values()) + len(counts.words)
        self._after_one = _followers(counts.pairs)
        self._after_two = _followers(counts.triples)

    def __missing__(self, triple: Triple) -> float:
        first, second, last = triple
        share = (self._counts.words.get(last, 0) + 1) / self._total
        for count, (seen, different) in (
            (self._counts.pairs.get((second, last), 0), self._after_one.get((second,), (0, 0))),
            (self._counts.triples.get(triple, 0), self._after_two.get((first, second), (0, 0))),
        ):
            prior = 2 * different + 5
            share = (count + prior * share) / (seen + prior)
        cost = self[triple] = -math.log(share)
        return cost


def _followers(counts: Mapping[Any, int]) -> dict[tuple[str, ...], tuple[int, int]]:
    """By context: how many words follow, and how many different ones."""
    seen: defaultdict[tuple[str, ...], int] = defaultdict(int)
    different: defaultdict[tuple[str, ...], int] = defaultdict(int)
    for gram, count in counts.items():
        seen[gram[:-1]] += count
        different[gram[:-1]] += 1
    return {context: (count, different[context]) for context, count in seen.items()}


def _mark(depth: int, before: int, inside: str) -> str:
    """The beginning of a line; no token has a line end, so marks are none. ``before`` is -1 for the first line."""
    if before < 0:
        return f"\n{min(depth // 4, DEEPEST)}"
    return f"\n{'=' if depth == before else '>' if depth > before else '<'}{inside}"


def kind_of(word: str) -> str:
    """What stands for a word that is not common: the mark of a number, a string, a comment or a name, else itself."""
    if word[0].isdigit():
        return "0"
    if word[0] in "\"'#":
        return word[0]
    return "_" if word[0].isalpha() or word[0] == "_" else word


@cache
def usage() -> NgramModel:
    """The model of the table that comes with the package."""
    packed = files("prlcoder.mutator").joinpath(TABLE).read_bytes()
    return NgramModel(unpacked(json.loads(gzip.decompress(packed))))


def packed(counts: NgramCounts) -> dict[str, object]:
    """The counts as JSON: words by their place in a list."""
    words = list(counts.words)
    place = {word: number for number, word in enumerate(words)}

    def rows(grams: Mapping[Any, int]) -> list[list[int]]:
        return [[*(place[word] for word in gram), count] for gram, count in grams.items()]

    return {
        "words": words,
        "counts": list(counts.words.values()),
        "pairs": rows(counts.pairs),
        "triples": rows(counts.triples),
    }


def unpacked(table: Mapping[str, Any]) -> NgramCounts:
    """The inverse of ``packed``."""
    words = table["words"]
    return NgramCounts(
        words=dict(zip(words, table["counts"], strict=True)),
        pairs={(words[a], words[b]): count for a, b, count in table["pairs"]},
        triples={(words[a], words[b], words[c]): count for a, b, c, count in table["triples"]},
    )
