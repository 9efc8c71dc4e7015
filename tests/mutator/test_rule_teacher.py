"""What the rule teacher promises of its variants, on own programs, on generated edits and on real solutions."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prlcoder.mutator import RuleTeacher, Variant
from prlcoder.mutator.equivalence import fingerprint
from prlcoder.mutator.rules import MUTATIONS, REFACTORINGS, BugClass
from prlcoder.segmenter import Segment, segment

SEARCH = '''def find(xs, x):
    """Where x is, or -1."""
    low, high = 0, len(xs) - 1
    while low <= high:  # inclusive

        mid = (low + high) // 2
        if xs[mid] == x and not x is None:
            return mid
        # look on one side
        if xs[mid] < x:
            low = mid + 1
        else:
            high = mid - 1
    return -1
'''
ONE_LINERS = """@cache
def f(n):
    if n < 2: return n
    a = 1; b = 2
    return f(n-1) \\
        + f(n - 2) if a else b
"""
ASYNC = """async def f(xs):
    async for x in xs:
        await x
    return f'{xs!r:>{10}} {xs[0] + 1}'
"""
MATCH = """def f(x):
    match x:
        case [1, *rest] if rest:
            return rest[0] + 1
        case _:
            return 0
"""
NESTED = """class A:
    n: int = 1
    def g(self, k=2):
        def h():
            nonlocal k
            k += 1
            return k
        return h() + self.n * (y := 3) - y
"""
STRINGS = """\f
x = '''a
  # no comment
'''
if x:
    print(x, end='')  # said
else:
    # nothing

    x = None
"""
TRY = """try:
    n = int(input())
except ValueError as e:
    n = -1
finally:
    print(n)
with open('f') as g: g.read()
"""
ONE_LINE = (
    "xs = sorted({a: b for a, b in zip([1, 2], 'ab')}.items(), key=lambda p: (p[1], -p[0]), reverse=True)[::-1]\n"
)
SEARCHES = [
    SEARCH,
    SEARCH.replace("\n", "\r\n"),
    SEARCH.replace("    ", "\t"),
    SEARCH.rstrip("\n"),
    SEARCH.replace("mid", "größe").replace("look", "日本語"),
]
TRICKY = [*SEARCHES, ONE_LINERS, ASYNC, MATCH, NESTED, STRINGS, TRY, ONE_LINE]


def proposals(source: str, mode: str, teacher: RuleTeacher) -> Iterator[tuple[Segment, list[Variant]]]:
    """Every segment of the source with its variants."""
    segments = segment(source, mode)  # type: ignore[arg-type]
    for index, part in enumerate(segments):
        yield part, teacher.propose("p", source, segments, index)


def comments(program: str) -> list[str]:
    """The comments of a program that can be tokenised."""
    tokens = tokenize.generate_tokens(io.StringIO(program).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def check(source: str, part: Segment, variants: list[Variant]) -> None:
    """All promises of the teacher's module."""
    texts = [variant.text for variant in variants]
    assert len(set(texts)) == len(texts)
    assert part.text not in texts
    assert part.is_step or not variants
    original, end = fingerprint(source), part.text[len(part.text.rstrip()) :]
    for variant in variants:
        operators = [{**MUTATIONS, **REFACTORINGS}[name] for name in variant.operator.split("+")]
        kinds = {operator.kind for operator in operators}
        assert variant.kind in kinds
        assert variant.kind == "mutation" or kinds == {"refactoring"}
        assert variant.text.strip()
        assert variant.text[len(variant.text.rstrip()) :] == end
        program = source[: part.start] + variant.text + source[part.end :]
        if any(operator.bug_class is BugClass.SYNTAX for operator in operators):
            with pytest.raises(SyntaxError):
                compile(program, "variant", "exec")
            continue
        assert variant.kind == "refactoring" or fingerprint(program) != original
        left = comments(source)
        for comment in comments(program):
            left.remove(comment)  # raises if the variant added one


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize("source", TRICKY)
@pytest.mark.parametrize("mode", ["line", "block"])
def test_promises_hold_for_every_rewrite_of_tricky_sources(source: str, mode: str) -> None:
    for part, variants in proposals(source, mode, RuleTeacher(0, 1000, 1000)):
        check(source, part, variants)


@settings(max_examples=25, deadline=None)
@given(st.integers(), st.sampled_from(SEARCHES), st.sampled_from(["line", "block"]))
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_promises_hold_for_every_seed(seed: int, source: str, mode: str) -> None:
    for part, variants in proposals(source, mode, RuleTeacher(seed)):
        check(source, part, variants)
        assert sum(variant.kind == "mutation" for variant in variants) <= 4
        assert sum(variant.kind == "refactoring" for variant in variants) <= 1


def test_context_gets_no_variants() -> None:
    kinds = {part.kind: variants for part, variants in proposals(SEARCH, "line", RuleTeacher(0))}
    assert kinds["header"] == []


def test_comment_and_blank_lines_stay() -> None:
    for part, variants in proposals(SEARCH, "block", RuleTeacher(0, 1000, 1000)):
        wanted = [line for line in part.text.splitlines() if not line.strip() or line.strip().startswith("#")]
        for variant in variants:
            lines = [line for line in variant.text.splitlines() if not line.strip() or line.strip().startswith("#")]
            assert lines == wanted


def test_the_choice_depends_on_seed_problem_and_segment_only() -> None:
    parts = segment(SEARCH, "block")
    first = RuleTeacher(7).propose("a", SEARCH, parts, 1)
    RuleTeacher(7).propose("a", ONE_LINERS, segment(ONE_LINERS, "block"), 1)
    assert RuleTeacher(7).propose("a", SEARCH, parts, 1) == first
    assert RuleTeacher(8).propose("a", SEARCH, parts, 1) != first
    assert RuleTeacher(7).propose("b", SEARCH, parts, 1) != first


def test_the_choice_is_the_same_in_every_process() -> None:
    script = (
        "import json, sys; from prlcoder.mutator import RuleTeacher; from prlcoder.segmenter import segment\n"
        "source = json.load(sys.stdin); parts = segment(source, 'block')\n"
        "print([RuleTeacher(3, 20, 9).propose('p', source, parts, i) for i in range(len(parts))])"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", script],
            input=json.dumps(SEARCH),
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    ]
    assert len(set(outputs)) == 1


def test_a_fifth_to_a_third_of_mutations_are_higher_order_and_syntax_errors_are_rare() -> None:
    names = [
        variant.operator
        for seed in range(300)
        for part, variants in proposals(SEARCH, "block", RuleTeacher(seed, 4, 0))
        for variant in variants
    ]
    syntax = [name for name in names if name in MUTATIONS and MUTATIONS[name].bug_class is BugClass.SYNTAX]
    assert 0.20 <= sum("+" in name for name in names) / len(names) <= 0.33
    assert 0 < len(syntax) / len(names) <= 0.02


def test_a_source_that_is_not_python_is_a_syntax_error() -> None:
    with pytest.raises(SyntaxError):
        RuleTeacher(0).propose("p", "if x\n", [Segment(0, 5, "simple", "if x\n")], 0)


def solutions(folder: Path) -> Iterator[str]:
    """Canonical programs of three data sets."""
    for name in ("HumanEval", "mbpp", "LeetCodeDataset-v0.3.0-test"):
        with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8", newline="\n") as file:
            for line in file:
                row = json.loads(line)
                yield row.get("code") or row.get("completion") or row["prompt"] + row["canonical_solution"]


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("mode", ["line", "block"])
def test_promises_hold_on_real_solutions(shared_data: Path, mode: str) -> None:
    for source in list(solutions(shared_data))[::40]:
        for part, variants in proposals(source, mode, RuleTeacher(0)):
            check(source, part, variants)


def test_what_a_refactoring_looks_like_is_mutated_too() -> None:
    source = "def f(values):\n    total = 0\n    for value in values:\n        total += value * 2\n    return total\n"
    segments = segment(source, "block")
    found = [
        variant
        for seed in range(6)
        for index, _ in enumerate(segments)
        for variant in RuleTeacher(seed).propose("p", source, segments, index)
    ]
    refactorings = {variant.operator for variant in found if variant.kind == "refactoring"}
    mutated = {variant.operator.split("+")[0] for variant in found if variant.kind == "mutation"}
    assert refactorings
    assert len(refactorings & mutated) >= len(refactorings) / 2
