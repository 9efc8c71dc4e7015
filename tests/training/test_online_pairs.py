"""Preference pairs from fresh rollouts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest
from tests.training.rollout_cases import PROGRAM, rollout

from prlcoder.executor import ExecutionRequest, ExecutionResult, Executor, Verdict
from prlcoder.problems.model import CallTest, CallTests, Problem
from prlcoder.segmenter import segment
from prlcoder.supervision.first_wrong_step import FailingProgram, WrongStep, first_wrong_steps, spliced
from prlcoder.training.examples.online_pairs import failing_program, online_pairs

GIVEN = "def f(v0):\n"
SOLUTION = f"{GIVEN}    v1 = []\n    for x in v0:\n        v1.append(-x)\n    return v1\n"
PROBLEM = Problem("p", "Negate.", CallTests("f", (CallTest(([1, 2],), {}, [-1, -2]),)), (SOLUTION,), prompt=GIVEN)
CANONICAL = tuple(segment(SOLUTION, "line"))


def failing(program: str = PROGRAM) -> FailingProgram:
    one = replace(rollout(), program=program, segments=tuple(segment(program, "line")), segment_ends=(None, 1, 4, 6, 8))
    found = failing_program(one, PROBLEM, CANONICAL)
    assert found is not None
    return found


def wrong(program: FailingProgram, index: int) -> WrongStep:
    repaired = spliced(program, index)
    return WrongStep(index, repaired, PROGRAM, ExecutionResult(Verdict.WRONG_ANSWER), program.canonical[index].text)


def test_the_wrong_step_is_rejected_and_the_canonical_one_in_its_place_chosen() -> None:
    program = failing()
    (pair,), dropped = online_pairs([program], [wrong(program, 3)])
    assert not dropped
    assert (pair.chosen, pair.rejected) == ("        v1.append(-x)\n", "        v1.append(x)\n")
    assert pair.prefix + pair.chosen + pair.rest == SOLUTION
    assert (pair.problem_id, pair.segment_index, pair.chosen_origin, pair.rejected_origin) == (
        "p",
        3,
        "canonical",
        "policy",
    )


def test_equal_pairs_of_several_rollouts_are_one() -> None:
    program = failing()
    pairs, dropped = online_pairs([program] * 3, [wrong(program, 3)] * 3)
    assert (len(pairs), dropped) == (1, {"repeated": 2})


def test_what_is_not_located_context_or_given_makes_no_pair() -> None:
    program = failing()
    assert online_pairs([program], [None]) == ([], {"not_located": 1})
    assert online_pairs([program], [wrong(program, 0)]) == ([], {"no_step": 1})  # the header
    assert online_pairs([program], [wrong(program, 1)]) == ([], {"no_step": 1})  # the same text on both sides
    assert online_pairs([program], [ExecutionResult(None, "no cgroup")]) == ([], {"sandbox_error": 1})


def test_the_policys_own_verified_step_is_the_chosen_one_after_rollouts() -> None:
    """The completion has another number of lines than the canonical solution."""
    program = failing()
    repaired = PROGRAM.replace("        v1.append(x)\n", "        y = -x\n        v1.append(y)\n")
    found = WrongStep(3, repaired, PROGRAM, ExecutionResult(Verdict.WRONG_ANSWER), "        y = -x\n")
    (pair,), _ = online_pairs([program], [found], chosen_origin="policy")
    assert pair.prefix + pair.chosen + pair.rest == repaired
    assert (pair.chosen, pair.rejected, pair.chosen_origin) == ("        y = -x\n", "        v1.append(x)\n", "policy")


def test_rollouts_that_pass_or_have_no_steps_are_not_searched() -> None:
    assert failing_program(rollout(verdict=Verdict.PASSED), PROBLEM, CANONICAL) is None
    without = replace(rollout(), segments=(), segment_ends=())
    assert failing_program(without, PROBLEM, CANONICAL) is None


@pytest.mark.needs_sandbox
def test_the_first_wrong_step_is_located_by_execution() -> None:
    with Executor(workers=1) as executor:

        def run(items: Iterable[ExecutionRequest]) -> Iterator[ExecutionResult]:
            return executor.run(items)

        programs = [failing(), failing(PROGRAM.replace("[]", "[9]"))]
        found = first_wrong_steps(programs, run)
        made, _ = online_pairs(programs, found)
        texts = [(pair.rejected.strip(), pair.chosen.strip()) for pair in made]
        assert texts == [("v1.append(x)", "v1.append(-x)"), ("v1 = [9]", "v1 = []")]
        for pair in made:
            right, broken = (pair.prefix + side + pair.rest for side in (pair.chosen, pair.rejected))
            verdicts = [executor.execute(ExecutionRequest(one, PROBLEM.tests)).passed for one in (right, broken)]
            assert verdicts == [True, False]
