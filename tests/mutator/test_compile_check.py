"""Compiling a segment alone says of the whole program what compiling the whole program says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from prlcoder.mutator.compile_check import CompileCheck
from prlcoder.mutator.equivalence import fingerprint
from prlcoder.mutator.rules import MUTATIONS, REFACTORINGS
from prlcoder.mutator.rules.edits import Span, splice, within
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.segmenter import segment
from prlcoder.segmenter.model import Mode

SEARCH = """def find(xs, x):
    low, high = 0, len(xs) - 1
    while low <= high:
        mid = (low + high) // 2
        if xs[mid] == x and not x is None:
            return mid
        elif xs[mid] < x:
            low = mid + 1
            continue
        else:
            high = mid - 1
    total = 0
    for i in range(3):
        total += i
        if total:
            break
    return -1
"""
ELSEWHERE = """best = float("inf")
for x in [3, 1, 2]:
    if x < best:
        best = x
        continue
class A:
    size = 1 + 2
    def grow(self, by=2):
        self.size = self.size + by if by else 0
        return [y for y in range(by) if y % 2 == 0]
async def f(xs):
    async for x in xs:
        await x
    return xs[0] + 1
def g(k):
    def h():
        nonlocal k
        k += 1
    h()
    return k
"""


def texts(program: ProgramAnalysis, span: Span) -> Iterator[str]:
    """The segment under every rewrite of every operator, and under some that nobody would make."""
    for operator in (*MUTATIONS.values(), *REFACTORINGS.values()):
        for kind in operator.sites:
            for node in program.sites(span).get(kind, ()):
                for edits in operator.rewrite(node, program):
                    if within(span, edits):
                        yield splice(program.source, span, edits)
    text = program.source[span.start : span.end]
    yield from (text, f" {text}", text.replace("return", "break"), text.replace("continue", "return 1"))
    yield from (text.replace("(", ""), text.replace("    ", "  "), text.rstrip("\n") + ";\n")


def whole(source: str) -> object:
    try:
        return fingerprint(source)
    except (SyntaxError, ValueError):
        return None


@pytest.mark.parametrize("source", [SEARCH, SEARCH.replace("    ", "\t"), ELSEWHERE])
@pytest.mark.parametrize("mode", ["line", "block"])
def test_the_segment_alone_and_the_whole_program_agree(source: str, mode: Mode) -> None:
    program, checked = ProgramAnalysis(source), 0
    for part in segment(source, mode):
        if not part.is_step:
            continue
        span = Span(part.start, part.end)
        trial = CompileCheck(program, span)
        for text in texts(program, span):
            expected = whole(source[: span.start] + text + source[span.end :])
            try:
                code = trial.code(text)
            except (SyntaxError, ValueError):
                assert expected is None, text
                continue
            assert expected is not None, text
            assert trial.is_original(code) == (expected == program.fingerprint), text
            checked += 1
    assert checked > 50
