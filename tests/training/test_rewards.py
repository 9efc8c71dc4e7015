"""Reward terms: numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from tests.training.rollout_cases import PROGRAM, rollout

from prlcoder.errors import WorkError
from prlcoder.executor.verdicts import Verdict
from prlcoder.spec.rl import RewardTermKind
from prlcoder.training.rewards import TERMS, RewardContext
from prlcoder.training.rewards.error_location import ErrorPlace, error_place, segment_at_line
from prlcoder.training.rewards.weighting import WeightedTerm, rewarded
from prlcoder.training.rollouts import Rollout, RolloutOutcome

SCORES = (0.9, 0.9, 0.8, 0.3, 0.6)
LAST_LINE = 5


def test_the_spec_names_every_term() -> None:
    assert set(get_args(RewardTermKind)) == set(TERMS)


def outcome(kind: str, one: Rollout, *solutions: str, adaptive: bool = False) -> float:
    term = TERMS[kind].outcome
    assert term is not None
    return term(one, RewardContext(solutions, adaptive))


def steps(kind: str, one: Rollout) -> tuple[float | None, ...]:
    term = TERMS[kind].steps
    assert term is not None
    return term(one, RewardContext())


def with_program(program: str) -> Rollout:
    return replace(rollout(), program=program, segments=(), segment_ends=())


def test_process_is_the_probability_of_right_minus_that_of_wrong_and_leaves_out_context() -> None:
    assert steps("process", rollout(step_scores=SCORES)) == (None, *map(pytest.approx, (0.8, 0.6, -0.4, 0.2)))
    assert steps("process", rollout(step_scores=(0.9, None, 0.5, 1.0, 0.0))) == (None, None, 0.0, 1.0, -1.0)


def test_process_needs_scores_unless_the_program_has_no_steps() -> None:
    with pytest.raises(ValueError, match="needs the scores of a reward model"):
        steps("process", rollout())
    assert steps("process", with_program("def f(:\n")) == ()


@pytest.mark.parametrize(
    ("verdict", "value"),
    [
        (Verdict.PASSED, 1.0),
        (Verdict.WRONG_ANSWER, -0.3),
        (Verdict.RUNTIME_ERROR, -0.6),
        (Verdict.TIMEOUT, -0.6),
        (Verdict.COMPILE_ERROR, -1.0),
    ],
)
def test_the_compiler_signal_has_four_values(verdict: Verdict, value: float) -> None:
    assert outcome("verdict", rollout(verdict=verdict)) == value
    assert outcome("verdict", rollout(verdict=verdict), adaptive=True) == value


def test_an_adaptive_wrong_answer_is_worth_its_share_of_tests() -> None:
    half = rollout(outcome=RolloutOutcome(Verdict.WRONG_ANSWER, tests_passed=2, tests_total=4))
    assert outcome("verdict", half, adaptive=True) == pytest.approx(-0.3 + 0.65)
    assert outcome("verdict", half) == -0.3


def test_the_outcome_model_is_signed_and_must_have_scored() -> None:
    assert outcome("outcome-model", rollout(outcome_score=0.9)) == pytest.approx(0.8)
    with pytest.raises(ValueError, match="needs the score of a reward model"):
        outcome("outcome-model", rollout())


def test_the_syntax_of_renamed_variables_and_other_constants_is_the_same() -> None:
    assert outcome("ast-match", with_program("y = b + 2"), "x = a + 1") == 1.0


def test_a_third_of_the_subtrees_is_found() -> None:
    # The solution has three: the assignment, the sum and the product within it. The program has the product only.
    assert outcome("ast-match", with_program("f(a * b)"), "x = a + b * c") == pytest.approx(1 / 3)


def test_the_best_solution_counts() -> None:
    assert outcome("ast-match", with_program("x = 1"), "while x: pass", "y = 2") == 1.0


def test_data_flow_knows_no_names_and_no_order_of_independent_lines() -> None:
    solution = "def f(a, b):\n    c = a + 1\n    d = b + c\n    return d\n"
    renamed = "def g(x, y):\n    z = x - 1\n    w = z * y\n    return w\n"
    assert outcome("data-flow-match", with_program(renamed), solution) == 1.0


def test_a_wrong_variable_loses_its_edge() -> None:
    # Edges of the solution: a -> c, b -> d, c -> d, d -> result. The program returns c, which is another edge.
    solution = "def f(a, b):\n    c = a + 1\n    d = b + c\n    return d\n"
    wrong = "def f(a, b):\n    c = a + 1\n    d = b + c\n    return c\n"
    assert outcome("data-flow-match", with_program(wrong), solution) == pytest.approx(3 / 4)


def test_data_flows_through_loops_conditions_comprehensions_and_effects() -> None:
    # v0 a, v1 found, v2 x: a -> x, x -> condition, x -> found, found -> result
    solution = (
        "def f(a):\n    found = []\n    for x in a:\n        if x:\n            found.append(x)\n    return found\n"
    )
    assert outcome("data-flow-match", with_program(solution), solution) == 1.0
    without = solution.replace("        if x:\n            found.append(x)\n", "        found.append(x)\n")
    assert outcome("data-flow-match", with_program(without), solution) == pytest.approx(3 / 4)


@pytest.mark.parametrize("kind", ["ast-match", "data-flow-match"])
@pytest.mark.parametrize(
    ("program", "solutions"),
    [("def f(:\n", ("x = 1",)), ("x = 1", ()), ("x = 1", ("def f(:",)), ("x = " + "-" * 5000 + "1", ("x = 1\ny = x",))],
)
def test_a_program_without_a_syntax_tree_or_a_solution_matches_nothing(
    kind: str, program: str, solutions: tuple[str, ...]
) -> None:
    assert outcome(kind, with_program(program), *solutions) == 0.0


@pytest.mark.parametrize(
    ("found", "place"),
    [
        (RolloutOutcome(Verdict.RUNTIME_ERROR, "IndexError", error_line=4), ErrorPlace.LINE),
        (RolloutOutcome(Verdict.RUNTIME_ERROR, "IndexError"), ErrorPlace.UNKNOWN),
        (RolloutOutcome(Verdict.RUNTIME_ERROR, "RuntimeError", error_line=4), ErrorPlace.UNKNOWN),
        (RolloutOutcome(Verdict.RUNTIME_ERROR, "RecursionError", error_line=4), ErrorPlace.GLOBAL),
        (RolloutOutcome(Verdict.TIMEOUT, "cpu"), ErrorPlace.GLOBAL),
        (RolloutOutcome(Verdict.COMPILE_ERROR, "SyntaxError", error_line=4), ErrorPlace.LINE),
        (RolloutOutcome(Verdict.COMPILE_ERROR, "SyntaxError", error_line=LAST_LINE), ErrorPlace.GLOBAL),
        (RolloutOutcome(Verdict.COMPILE_ERROR, "IndentationError", error_line=4), ErrorPlace.UNKNOWN),
        (RolloutOutcome(Verdict.WRONG_ANSWER, error_line=4), ErrorPlace.UNKNOWN),
        (RolloutOutcome(Verdict.PASSED), ErrorPlace.UNKNOWN),
    ],
)
def test_errors_are_of_three_classes(found: RolloutOutcome, place: ErrorPlace) -> None:
    assert error_place(found, LAST_LINE) is place


def test_the_penalty_of_an_error_stands_at_its_lines_step_or_is_spread_over_all() -> None:
    at_line = rollout(outcome=RolloutOutcome(Verdict.RUNTIME_ERROR, "IndexError", error_line=4))
    assert steps("error-location", at_line) == (None, None, None, -1.0, None)
    everywhere = rollout(outcome=RolloutOutcome(Verdict.TIMEOUT, "cpu"))
    assert steps("error-location", everywhere) == (None, -0.25, -0.25, -0.25, -0.25)
    assert steps("error-location", rollout()) == (None,) * 5


def test_every_line_of_a_program_has_its_segment() -> None:
    assert [segment_at_line(rollout(), line) for line in (None, 0, 1, 2, 3, 4, 5, 6)] == [
        None,
        None,
        0,
        1,
        2,
        3,
        4,
        None,
    ]
    assert PROGRAM.count("\n") == LAST_LINE


def test_terms_are_added_with_their_weights() -> None:
    one = rollout(step_scores=SCORES, outcome=RolloutOutcome(Verdict.RUNTIME_ERROR, "IndexError", error_line=4))
    terms = [WeightedTerm("process", 2.0), WeightedTerm("verdict", 0.5), WeightedTerm("error-location", 0.3)]
    found = rewarded(one, terms)
    assert found.rollout.step_rewards == (None, *map(pytest.approx, (1.6, 1.2, -0.8 - 0.3, 0.4)))
    assert found.rollout.outcome_reward == -0.3
    assert found.components == {"process": pytest.approx(0.3), "verdict": -0.6, "error-location": -1.0}


def test_without_a_term_for_steps_there_are_no_step_rewards() -> None:
    assert rewarded(rollout(step_scores=SCORES), [WeightedTerm("verdict")]).rollout.step_rewards is None


def test_a_reward_that_is_not_finite_stops_the_run() -> None:
    with pytest.raises(WorkError, match="p: the reward term process is not a finite number"):
        rewarded(rollout(step_scores=(0.9, float("nan"), 0.8, 0.3, 0.6)), [WeightedTerm("process")])
