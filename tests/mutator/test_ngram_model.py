"""The n-gram model of how code is written, and the choice of rewrites by it."""

from __future__ import annotations

import gzip
import json
import math
import random
from importlib.resources import files

import pytest

from prlcoder.mutator import RuleTeacher
from prlcoder.mutator.build_ngram_model import count_ngrams
from prlcoder.mutator.candidate_filter import Shortlist
from prlcoder.mutator.ngram_model import TABLE, NgramCounts, NgramModel, default_model, from_table, to_table
from prlcoder.mutator.rewrite_sampler import RewriteSampler
from prlcoder.mutator.rules import MUTATIONS
from prlcoder.mutator.rules.edits import Edits, Span, splice
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.segmenter import segment


def test_words_are_tokens_and_line_marks() -> None:
    model = NgramModel(NgramCounts({"for": 1, "in": 1, ":": 1, "if": 1, "+=": 1, "n": 1, "return": 1}, {}, {}))
    step = "    for x in xs:\n        if x > 'a':\n            n += 12\n\n    return n  # done\n"
    assert model.words(step) == [
        "",
        "",
        "\n1",
        "for",
        "_",
        "in",
        "_",
        ":",
        "\n>for",
        "if",
        "_",
        ">",
        "'",
        ":",
        "\n>if",
        "n",
        "+=",
        "0",
        "\n<",
        "return",
        "n",
        "#",
        "$",
    ]


def test_the_surprisal_is_that_of_smoothed_counts() -> None:
    """Of `$` after `return`: 3 of 8 words with one added to each count, then 2 of 2 after one word, 1 of 1 after
    two, each smoothed by 2 * 1 + 5 counts of the shorter context."""
    counts = NgramCounts({"": 0, "return": 2, "$": 2, "\n0": 0}, {("return", "$"): 2}, {("\n0", "return", "$"): 1})
    one = (2 + 7 * 3 / 8) / (2 + 7)
    last = (1 + 7 * one) / (1 + 7)
    first = (0 + 5 * (0 + 5 * 1 / 8) / 5) / 5
    second = (0 + 5 * (0 + 5 * 3 / 8) / 5) / 5
    assert NgramModel(counts).surprisal("return\n") == pytest.approx(
        -math.log(first) - math.log(second) - math.log(last)
    )


@pytest.mark.parametrize(
    ("usual", "odd"),
    [
        ("        return ans\n", "        return nums\n"),
        ("        return ans\n", "            return ans\n"),
        ("        if n == 0:\n", "        if 0 == n:\n"),
        ("        x = a[i]\n", "        x = a[i + 1 + 1]\n"),
        ("        for i in range(n):\n", "        for i in range(n + 1):\n"),
    ],
)
def test_what_solutions_write_is_less_surprising(usual: str, odd: str) -> None:
    assert default_model().surprisal(usual) < default_model().surprisal(odd)


def test_counts_survive_packing() -> None:
    counts = count_ngrams(["return x\n"] * 20 + ["x = y\n"] * 3)
    assert counts.words["return"] == 20
    assert "y" not in counts.words  # in fewer than 15 steps
    assert counts.pairs["return", "x"] == 20
    assert from_table(json.loads(json.dumps(to_table(counts)))) == counts


def test_the_table_of_the_package_holds_no_code() -> None:
    table = json.loads(gzip.decompress(files("prlcoder.mutator").joinpath(TABLE).read_bytes()))
    assert table.keys() == {"words", "counts", "pairs", "triples"}
    assert all(count >= 3 for *_, count in [*table["pairs"], *table["triples"]])


def shortlist(source: str, weights: dict[str, float], seed: int = 0) -> Shortlist:
    """A list over the swapped returns of a program; ``weights`` by what is returned."""
    program = ProgramAnalysis(source)
    span = Span(source.index("    return"), len(source))

    def likelihood_ratio(edits: Edits) -> float:
        return weights[splice(source, span, edits).split()[-1]]

    rng = random.Random(seed)
    return Shortlist(RewriteSampler(program, span, [MUTATIONS["return-variable"]], rng), likelihood_ratio, rng, size=3)


RETURNS = "def f(a, b, c, d):\n    return a\n"


def test_natural_rewrites_are_drawn_first_and_conspicuous_ones_separately() -> None:
    firsts = []
    for seed in range(200):
        listed = shortlist(RETURNS, {"b": 1.0, "c": 0.25, "d": 1e-3}, seed)
        drawn = [candidate.edits[0].text for candidate in iter(listed.draw, None)]
        assert sorted(drawn) == ["b", "c"]
        telling = listed.draw_conspicuous()
        assert telling is not None
        assert telling.edits[0].text == "d"
        assert listed.draw_conspicuous() is None
        firsts.append(drawn[0])
    assert 140 <= firsts.count("b") <= 180  # 4 of 5


def test_a_segment_that_offers_only_conspicuous_rewrites_gets_one() -> None:
    source = "def f(nums, k):\n    ans = k\n    return ans\n"
    segments = segment(source, "line")
    for seed in range(5):
        variants = RuleTeacher(seed).propose("p", source, segments, len(segments) - 1)
        assert any(variant.kind == "mutation" for variant in variants)
