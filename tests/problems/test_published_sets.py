"""The real problem sets: counts, and programs that normalising leaves as they were."""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from pathlib import Path

import pytest

from prlcoder.problems.enumeration import enumeration
from prlcoder.problems.indentation import Style
from prlcoder.problems.reading import normalized, read

SETS = {
    "HumanEval.jsonl.gz": (164, {None: 164}, {"test": 164}),
    "mbpp.jsonl.gz": (974, {None: 974}, {"train": 384, "validation": 90, "test": 500}),
    "LeetCodeDataset-v0.3.0-test.jsonl.gz": (386, {"easy": 90, "medium": 188, "hard": 108}, {None: 386}),
    "LeetCodeDataset-v0.2.0-train.jsonl.gz": (1890, {"easy": 515, "medium": 1000, "hard": 375}, {None: 1890}),
}
ENUMERATIONS = {"HumanEval/81", "950", "unique-morse-code-words"}  # grades, zodiac signs, the Morse alphabet


def tree(source: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.dump(ast.parse(source))


@pytest.mark.parametrize("name", SETS)
def test_every_problem_is_read_and_normalising_changes_no_program(name: str, shared_data: Path) -> None:
    count, difficulties, splits = SETS[name]
    problems = list(read(str(shared_data / name), normalize_indent="keep"))
    assert len(problems) == count
    assert Counter(each.difficulty for each in problems) == difficulties
    assert Counter(each.split for each in problems) == splits
    assert {each.id for each in problems if enumeration(each.canonical)} == ENUMERATIONS & {p.id for p in problems}
    styles: tuple[Style, ...] = ("spaces4", "tab")
    for index, problem in enumerate(problems):
        assert problem.statement
        assert problem.starter_code or problem.source != "leetcode"
        before = tree(problem.canonical)
        for style in styles if count < 1000 else styles[index % 2 :][:1]:  # the largest set: one style each, by turns
            after = normalized(problem, style)
            assert tree(after.canonical) == before
            assert after.canonical.startswith(after.prompt)
            assert index % 8 or normalized(after, style) == after
