"""The mask ``executed``, and the lines that belong to executed statements."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.training.rollout_cases import TOKEN_LINES, rollout

from prlcoder.executor.verdicts import Verdict
from prlcoder.training.masks import executed_mask
from prlcoder.training.masks.executed import executed_statement_lines
from prlcoder.training.rollouts import RolloutOutcome

BRANCHES = '''def f(x):
    """What it does,
    on two lines."""
    # why
    if x:
        y = [
            1,
        ]
    else:
        y = 2

    try:
        return y
    except ValueError:
        # never
        return None
    # below
'''


def test_the_tokens_of_executed_lines_and_those_of_no_line_are_trained() -> None:
    one = rollout(outcome=RolloutOutcome(Verdict.WRONG_ANSWER, executed_lines=(1, 2, 3, 5)))
    assert executed_mask(one) == tuple(line != 4 for line in TOKEN_LINES)


@pytest.mark.parametrize(
    "outcome",
    [
        RolloutOutcome(Verdict.WRONG_ANSWER),
        RolloutOutcome(Verdict.COMPILE_ERROR, "SyntaxError", executed_lines=()),
    ],
)
def test_everything_is_trained_where_no_execution_says_anything(outcome: RolloutOutcome) -> None:
    assert all(executed_mask(rollout(outcome=outcome)))
    unplaced = replace(rollout(outcome=RolloutOutcome(Verdict.TIMEOUT, executed_lines=(1,))), token_lines=())
    assert all(executed_mask(unplaced))


def test_a_branch_that_was_not_taken_is_not_executed() -> None:
    # The interpreter reports the lines 1, 5, 10, 13 of f(0); 12 is `try:`.
    assert executed_statement_lines(BRANCHES, (1, 5, 10, 13)) == {1, 2, 3, 4, 5, 9, 10, 11, 12, 13}


def test_lines_within_a_statement_stand_for_all_of_it() -> None:
    assert executed_statement_lines(BRANCHES, (1, 5, 7, 13)) == {1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13}


def test_the_execution_of_a_body_shows_that_of_its_header() -> None:
    assert executed_statement_lines("while True:\n    x = 1\n    y = 2\n", (2,)) == {1, 2}


def test_comments_below_the_last_statement_share_its_fate() -> None:
    assert executed_statement_lines("x = 1\n# end\n", (1,)) == {1, 2, 3}
    assert executed_statement_lines(BRANCHES, (1, 5, 10, 13, 14, 16)) >= {14, 15, 16, 17}


def test_a_program_that_does_not_parse_has_no_executed_statements() -> None:
    assert executed_statement_lines("def f(:\n", (1,)) == frozenset()
