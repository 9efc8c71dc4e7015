"""What a training by reinforcement learning is watched by, computed by hand on small rollouts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.training.rollout_cases import PROGRAM, rollout

from prlcoder.executor.verdicts import Verdict
from prlcoder.segmenter import segment
from prlcoder.training.rl.monitors import deviations, labelled_scores, program_figures, step_figures
from prlcoder.training.rl.shown_rollouts import shown_group, step_parts
from prlcoder.training.rollouts import Rollout

LAST = (None, 0.9, 0.8, 0.7, 0.1)
FIRST = (None, 0.1, 0.8, 0.7, 0.9)


def with_program(text: str, first_line: int = 1) -> Rollout:
    """A rollout of another program, whose first written line is ``first_line``."""
    parts = tuple(segment(text, "line"))
    one = replace(rollout(), step_scores=None, step_rewards=None)
    return replace(
        one,
        program=text,
        segments=parts,
        segment_ends=(None,) * len(parts),
        token_lines=(None,) * 9 + (first_line,),
    )


def test_lengths_are_means_over_programs() -> None:
    figures = program_figures([rollout(), with_program("def f():\n    return 1\n")])
    assert figures["length"] == 10
    assert figures["segments"] == (5 + 2) / 2


def test_the_lowest_step_is_the_last_in_one_of_two_scored_programs() -> None:
    scored = [rollout(step_scores=LAST), rollout(step_scores=FIRST), rollout()]
    assert program_figures(scored)["lowest_step_last"] == 0.5


def test_comments_and_blank_lines_are_counted_from_the_first_written_line() -> None:
    text = "# given\ndef f():\n    # why\n\n    # what\n    return 1\n"
    figures = program_figures([with_program(text, first_line=2)])
    assert figures["comment_ratio"] == 2 / 5  # the first line is the prompt's
    assert figures["blank_ratio"] == 1 / 5


def test_a_program_without_a_step_of_the_policy_is_empty() -> None:
    nothing = replace(rollout(), segments=(), segment_ends=(), step_scores=None, step_rewards=None)
    assert program_figures([rollout(), nothing, rollout(), rollout()])["empty"] == 0.25


def test_figures_of_no_program_are_zero() -> None:
    assert set(program_figures([]).values()) == {0.0}


def test_labels_of_steps_come_from_execution() -> None:
    passing = rollout(verdict=Verdict.PASSED, step_scores=(None, 0.9, 0.8, 0.7, 0.6))
    failing = rollout(step_scores=(None, 0.5, 0.6, 0.2, 0.3), first_wrong_step=2)
    unknown = rollout(step_scores=(None, 0.1, 0.1, 0.1, 0.1))
    assert labelled_scores([passing]) == [(0.9, True), (0.8, True), (0.7, True), (0.6, True)]
    assert labelled_scores([failing]) == [(0.5, True), (0.6, False)]
    assert labelled_scores([unknown]) == []


def test_auroc_and_false_positive_rate_of_four_steps() -> None:
    # Of the four pairs of a right and a wrong step, three are in order: 0.9 > 0.6, 0.9 > 0.3, 0.5 > 0.3.
    assert step_figures([(0.9, True), (0.5, True), (0.6, False), (0.3, False)]) == {
        "steps": 4,
        "wrong": 2,
        "auroc": 0.75,
        "false_positive_rate": 0.5,
    }


def test_without_a_wrong_step_neither_is_defined() -> None:
    assert step_figures([(0.9, True)]) == {"steps": 1, "wrong": 0}


def test_deviations_of_two_programs() -> None:
    found = deviations([{"verdict": 1.0, "process": 0.5}, {"verdict": -1.0, "process": 0.5}])
    assert found == {"process": 0.0, "verdict": 1.0, "total": 1.0}


def test_rewards_and_advantages_go_to_the_step_that_their_token_belongs_to() -> None:
    # The steps end at the tokens 1, 4, 6 and 8; the prompt has given the header, and EOS is token 9.
    rewards = [0.0, 0.25, 0.0, 0.0, -0.5, 0.0, 0.125, 0.0, 0.0, 1.0]
    advantages = [1.0, 3.0, 0.0, 0.0, -6.0, 1.0, 1.0, 2.0, 4.0, 7.0]
    shown = step_parts(rollout(step_scores=LAST), rewards, advantages)
    assert [part["reward"] for part in shown["segments"]] == [None, 0.25, -0.5, 0.125, 0.0]
    assert [part["advantage"] for part in shown["segments"]] == [None, 2.0, -2.0, 1.0, 3.0]
    assert [part["probability"] for part in shown["segments"]] == list(LAST)
    assert shown["after"] == {"reward": 1.0, "advantage": 7.0}
    assert "".join(PROGRAM[part["start"] : part["end"]] for part in shown["segments"]) == PROGRAM


@pytest.mark.parametrize(
    ("totals", "shown"),
    [
        ([0.0, 0.1, 0.5, 0.5], [1, 0]),  # the second group has no spread
        ([0.0, 0.0, 1.0, 3.0], [3, 2]),
    ],
)
def test_the_group_with_the_widest_rewards_is_shown(totals: list[float], shown: list[int]) -> None:
    assert shown_group([0, 0, 1, 1], totals) == shown


def test_of_a_large_group_the_best_and_the_worst_are_shown() -> None:
    assert shown_group([0] * 6, [0.0, 5.0, 1.0, 4.0, 2.0, 3.0]) == [1, 3, 2, 0]


def test_without_a_rollout_nothing_is_shown() -> None:
    assert shown_group([], []) == []
