"""The curriculum ``cccs``."""

from __future__ import annotations

from dataclasses import replace

from prlcoder.problems.model import CallTests, Problem
from prlcoder.problems.prompts import render
from prlcoder.segmenter import segment
from prlcoder.training.curricula import CompletionStage, completion_starts, next_stage, started_problem

HEADER = "def f(v0):\n"
LOOP = "    for x in v0:\n"
SOLUTION = f"{HEADER}    v1 = []\n{LOOP}        if x:\n            v1.append(x)\n    return v1\n"
PROBLEM = Problem("p", "Copy.", CallTests("f", ()), (SOLUTION,), prompt=HEADER)


def starts() -> tuple[int, ...]:
    return completion_starts(PROBLEM, segment(SOLUTION, "line"))


def test_completions_begin_at_branches_from_the_last_to_the_programs_own_beginning() -> None:
    assert [SOLUTION[at:].splitlines()[0].strip() for at in starts()] == ["if x:", "for x in v0:", "v1 = []"]


def test_a_solution_without_branches_has_its_own_beginning_only() -> None:
    plain = replace(PROBLEM, solutions=(f"{HEADER}    return v0\n",))
    assert completion_starts(plain, segment(plain.canonical, "line")) == (len(HEADER),)


def test_a_stage_that_is_learnt_is_followed_by_an_earlier_start() -> None:
    first = CompletionStage(starts())
    assert next_stage(first, passed=2, rollouts=4) == first  # half is not more than half
    second = next_stage(first, passed=3, rollouts=4)
    assert second.start < first.start
    last = next_stage(second, passed=4, rollouts=4)
    assert last.finished
    assert next_stage(last, passed=4, rollouts=4) == last
    assert next_stage(first, passed=0, rollouts=0) == first


def test_the_prompt_gives_the_solution_up_to_the_start() -> None:
    stage = CompletionStage(starts())
    given = render(started_problem(PROBLEM, stage), "nano")
    assert given.given == SOLUTION[: stage.start]
    assert given.text.endswith(f"{LOOP}")
    assert started_problem(PROBLEM, CompletionStage(starts(), 2)) == PROBLEM
