"""A token trigram model of program steps, counted over published solutions: it says how natural a step's text is.

If a rewrite is much rarer in real code than the text it replaces, a reward model can recognise it without
understanding the task. If rewrites were accepted with probability min(1, p(new) / p(old)), as in the
Metropolis-Hastings algorithm, they would have the distribution of real code, and their text would reveal nothing. The
rule teacher therefore weights its choice by that ratio. The table holds counts and no code (``build_ngram_model``
makes it). The model knows common words only; all other names, numbers, strings and comments are one word per class.
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
MAX_INDENT_LEVELS = 6  # deeper indentation at the start of a step counts as this level
TOKEN = re.compile(
    r"[^\W\d]\w*|[()\[\]{},.]|\d[\w.]*|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|#.*|->|//=?|\*\*=?|<<=?|>>=?|[-+*/%<>=!&|^@:]=|[^\w\s]"
)

Triple = tuple[str, str, str]


@dataclass(frozen=True)
class NgramCounts:
    """How often words, pairs and triples of words occur. Rare ones are left out."""

    words: Mapping[str, int]
    pairs: Mapping[tuple[str, str], int]
    triples: Mapping[Triple, int]


class NgramModel:
    """The trigram model. It computes the surprisal of a triple when it is first needed, and remembers it."""

    def __init__(self, counts: NgramCounts) -> None:
        self._known = frozenset(counts.words)
        self._costs = _TripleSurprisal(counts)
        # A teacher scores many rewrites of the same few segments, which share nearly all of their lines.
        self._line = lru_cache(maxsize=4096)(self._words)
        self.surprisal = lru_cache(maxsize=1024)(self._surprisal)

    def _surprisal(self, text: str) -> float:
        """Return the surprisal of a step's text, -ln p(text), in nats; the end of the text is part of it."""
        words = self.words(text)
        return sum(map(self._costs.__getitem__, zip(words, words[1:], words[2:], strict=False)))

    def words(self, text: str) -> list[str]:
        """Return the words of a step: its tokens, with a mark at the beginning of each line.

        The mark says whether the line is indented more, less or as much as the line before, and which keyword encloses
        it. Two START words precede the step and one END word follows it.
        """
        found = [START, START]
        around: list[tuple[int, str]] = []  # (indentation, keyword) of the lines that enclose this one, outermost first
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
        return [word if word in self._known else token_class(word) for word in TOKEN.findall(code)]


class _TripleSurprisal(dict[Triple, float]):
    """The surprisal of a triple's last word given the two before it, computed on first access.

    Interpolated smoothing after Witten and Bell: each estimate is mixed with that of the shorter context. The shorter
    context weighs more where many different words have followed the longer one, because there the next word is
    uncertain.
    """

    def __init__(self, counts: NgramCounts) -> None:
        super().__init__()
        self._counts = counts
        self._total = sum(counts.words.values()) + len(counts.words)
        self._after_one = _followers(counts.pairs)
        self._after_two = _followers(counts.triples)

    def __missing__(self, triple: Triple) -> float:
        first, second, last = triple
        # Begin with the unigram estimate (add-one, so it is never 0), then refine it with the pair and with the triple.
        share = (self._counts.words.get(last, 0) + 1) / self._total
        for count, (seen, different) in (
            (self._counts.pairs.get((second, last), 0), self._after_one.get((second,), (0, 0))),
            (self._counts.triples.get(triple, 0), self._after_two.get((first, second), (0, 0))),
        ):
            # `prior` pseudo-observations are distributed as the shorter context says. The constant 5 keeps a context
            # that was seen only a few times from being trusted; an unseen context changes nothing.
            prior = 2 * different + 5
            share = (count + prior * share) / (seen + prior)
        cost = self[triple] = -math.log(share)
        return cost


def _followers(counts: Mapping[Any, int]) -> dict[tuple[str, ...], tuple[int, int]]:
    """Return, by context, how many words follow it in all and how many different ones."""
    seen: defaultdict[tuple[str, ...], int] = defaultdict(int)
    different: defaultdict[tuple[str, ...], int] = defaultdict(int)
    for gram, count in counts.items():
        seen[gram[:-1]] += count
        different[gram[:-1]] += 1
    return {context: (count, different[context]) for context, count in seen.items()}


def _mark(depth: int, before: int, inside: str) -> str:
    """Return the word that marks the beginning of a line. ``before`` is -1 for the first line.

    No token contains a line end, so a mark is never equal to a token.
    """
    if before < 0:
        return f"\n{min(depth // 4, MAX_INDENT_LEVELS)}"
    return f"\n{'=' if depth == before else '>' if depth > before else '<'}{inside}"


def token_class(word: str) -> str:
    """Return the class of an uncommon token: number, string, comment or name; any other token stands for itself."""
    if word[0].isdigit():
        return "0"
    if word[0] in "\"'#":
        return word[0]
    return "_" if word[0].isalpha() or word[0] == "_" else word


@cache
def default_model() -> NgramModel:
    """Load the model that is part of the package."""
    compressed = files("prlcoder.mutator").joinpath(TABLE).read_bytes()
    return NgramModel(from_table(json.loads(gzip.decompress(compressed))))


def to_table(counts: NgramCounts) -> dict[str, object]:
    """Return the counts as a JSON value in which words are represented by their index in a list."""
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


def from_table(table: Mapping[str, Any]) -> NgramCounts:
    """Return the counts of a table; the inverse of ``to_table``."""
    words = table["words"]
    return NgramCounts(
        words=dict(zip(words, table["counts"], strict=True)),
        pairs={(words[a], words[b]): count for a, b, count in table["pairs"]},
        triples={(words[a], words[b], words[c]): count for a, b, c, count in table["triples"]},
    )
