"""Credit rules: numbers worked out by hand, and what every rule has in common."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from tests.training.rollout_cases import ENDS, TOKENS, rollout

from prlcoder.executor.verdicts import Verdict
from prlcoder.spec.rl import CreditRuleName
from prlcoder.training.credit import CREDIT_RULES, CreditSettings
from prlcoder.training.credit.first_error import first_wrong_by_prm
from prlcoder.training.rollouts import Rollout, RolloutOutcome

REWARDS = (0.7, 0.8, 0.6, -0.4, 0.2)  # the header's reward is never given


def test_the_spec_names_every_rule() -> None:
    assert set(get_args(CreditRuleName)) == set(CREDIT_RULES)


def credit(rule: str, one: Rollout, settings: CreditSettings | None = None) -> dict[int, float]:
    """The rewards that are not 0, by token."""
    rewards = CREDIT_RULES[rule].credit(one, settings or CreditSettings())
    assert len(rewards) == len(one.completion_ids)
    return {token: pytest.approx(reward, abs=1e-12) for token, reward in enumerate(rewards) if reward}


def test_outcome_stands_at_the_last_token_alone() -> None:
    assert credit("outcome", rollout(step_rewards=REWARDS, outcome_reward=0.5)) == {9: 0.5}


def test_sum_puts_each_steps_reward_at_its_last_token() -> None:
    one = rollout(step_rewards=REWARDS, outcome_reward=0.5)
    assert credit("sum", one) == {1: 0.8, 4: 0.6, 6: -0.4, 8: 0.2, 9: 0.5}


def test_a_ramp_weights_the_steps_by_two_fifths_of_their_number() -> None:
    found = credit("sum", rollout(step_rewards=REWARDS), CreditSettings(final="ramp"))
    assert found == {1: 0.8 * 0.4, 4: 0.6 * 0.8, 6: -0.4 * 1.2, 8: 0.2 * 1.6}


def test_a_bonus_counts_the_last_step_twice() -> None:
    found = credit("sum", rollout(step_rewards=REWARDS), CreditSettings(final="bonus"))
    assert found == {1: 0.8, 4: 0.6, 6: -0.4, 8: 0.4}


def test_last_rewards_the_last_step_that_is_not_neutral() -> None:
    assert credit("last", rollout(step_rewards=REWARDS, outcome_reward=0.5)) == {8: 0.2, 9: 0.5}
    assert credit("last", rollout(step_rewards=(0.7, 0.8, 0.6, -0.4, None))) == {6: -0.4}


def test_mean_divides_by_the_steps_that_are_rewarded() -> None:
    assert credit("mean", rollout(step_rewards=REWARDS)) == {1: 0.2, 4: 0.15, 6: -0.1, 8: 0.05}
    neutral = (0.7, 0.8, None, -0.4, 0.2)
    assert credit("mean", rollout(step_rewards=neutral)) == {1: 0.8 / 3, 6: -0.4 / 3, 8: 0.2 / 3}


def test_min_is_nearly_the_lowest_step() -> None:
    found = CREDIT_RULES["min"].credit(rollout(step_rewards=REWARDS), CreditSettings())
    # exp(-12), exp(-10), 1 and exp(-6), over their sum
    weights = (6.1442e-06, 4.5400e-05, 1.0, 2.4788e-03)
    whole = sum(weights)
    expected = [reward * weight / whole for reward, weight in zip(REWARDS[1:], weights, strict=True)]
    assert [found[token] for token in (1, 4, 6, 8)] == pytest.approx(expected, rel=1e-4)
    assert sum(found) == pytest.approx(-0.4, abs=0.002)
    warm = CREDIT_RULES["min"].credit(rollout(step_rewards=REWARDS), CreditSettings(temperature=1e6))
    assert sum(warm) == pytest.approx(sum(REWARDS[1:]) / 4, abs=1e-5)


def test_gated_rewards_steps_of_passing_programs_only() -> None:
    passing = rollout(verdict=Verdict.PASSED, step_rewards=REWARDS, outcome_reward=1.0)
    assert credit("gated", passing) == {1: 0.2, 4: 0.15, 6: -0.1, 8: 0.05, 9: 1.0}
    assert credit("gated", rollout(step_rewards=REWARDS, outcome_reward=-0.3)) == {9: -0.3}


def test_first_error_rewards_the_steps_before_it_and_punishes_that_one() -> None:
    failing = rollout(first_wrong_step=3, outcome_reward=-0.3)
    assert credit("first-error", failing) == {1: 0.25, 4: 0.25, 6: -1.0, 9: -0.3}
    passing = rollout(verdict=Verdict.PASSED, first_wrong_step=3)
    assert credit("first-error", passing) == {1: 0.25, 4: 0.25, 6: 0.25, 8: 0.25}
    assert credit("first-error", rollout(first_wrong_step=1), CreditSettings(step_weight=0.5)) == {1: -0.5}
    assert credit("first-error", rollout(outcome_reward=-0.3)) == {9: -0.3}  # not located


def test_the_prms_first_wrong_step_is_the_first_written_one_that_is_no_likelier_right_than_wrong() -> None:
    assert first_wrong_by_prm(rollout(step_scores=(0.1, 0.9, None, 0.5, 0.2))) == 3
    assert first_wrong_by_prm(rollout(step_scores=(0.1, 0.9, 0.6, 0.6, 0.6))) is None
    assert first_wrong_by_prm(rollout()) is None


def test_filter_rewards_the_outcome_and_keeps_the_programs_on_which_prm_and_outcome_agree() -> None:
    assert credit("filter", rollout(step_rewards=REWARDS, outcome_reward=1.0)) == {9: 1.0}
    passing = [rollout(verdict=Verdict.PASSED, step_scores=(0.0, p, p, p, p)) for p in (0.9, 0.2, 0.7)]
    failing = [rollout(step_scores=(0.0, p, p, p, p)) for p in (0.8,)]
    select = CREDIT_RULES["filter"].select
    assert select is not None
    # Of four, two stay; both leave the larger side, the passing one with the lower process scores.
    assert select([*passing, *failing], CreditSettings()) == [True, False, False, True]
    many = [rollout(step_scores=(0.0, p, p, p, p), group=7) for p in (0.8, 0.1, 0.4)]
    kept = select([*passing, *failing, *many], CreditSettings(kept_share=0.6))
    assert kept == [True, False, True, True, False, True, True]  # one of each group leaves


@pytest.mark.parametrize("name", CREDIT_RULES)
def test_every_rule_adds_the_outcomes_reward_at_the_last_token(name: str) -> None:
    without = CREDIT_RULES[name].credit(rollout(step_rewards=REWARDS, first_wrong_step=2), CreditSettings())
    one = rollout(step_rewards=REWARDS, first_wrong_step=2, outcome_reward=2.0)
    found = CREDIT_RULES[name].credit(one, CreditSettings())
    assert found[:-1] == without[:-1]
    assert found[-1] == pytest.approx(without[-1] + 2.0)


@pytest.mark.parametrize("name", CREDIT_RULES)
def test_a_reward_one_token_off_its_step_is_caught(name: str) -> None:
    """Rewards stand at T_p of a step or at the last token, and nowhere else."""
    one = rollout(verdict=Verdict.PASSED, step_rewards=REWARDS, outcome_reward=1.0)
    places = {end for end in ENDS if end is not None} | {TOKENS - 1}
    found = CREDIT_RULES[name].credit(one, CreditSettings())
    assert {token for token, reward in enumerate(found) if reward} <= places
    moved = replace(one, segment_ends=tuple(None if end is None else end - 1 for end in ENDS))
    if any(found[:-1]):
        assert CREDIT_RULES[name].credit(moved, CreditSettings()) != found


@pytest.mark.parametrize("name", CREDIT_RULES)
def test_a_program_without_segments_gets_its_outcome(name: str) -> None:
    one = replace(
        rollout(outcome_reward=-1.0), segments=(), segment_ends=(), outcome=RolloutOutcome(Verdict.COMPILE_ERROR)
    )
    assert CREDIT_RULES[name].credit(one, CreditSettings()) == (0.0,) * 9 + (-1.0,)


@pytest.mark.parametrize("name", CREDIT_RULES)
def test_an_empty_completion_has_no_rewards(name: str) -> None:
    one = replace(
        rollout(outcome_reward=-1.0), segments=(), segment_ends=(), completion_ids=(), sampling_logps=(), token_lines=()
    )
    assert CREDIT_RULES[name].credit(one, CreditSettings()) == ()


@pytest.mark.parametrize("name", [name for name, rule in CREDIT_RULES.items() if rule.needs_step_rewards])
def test_a_rule_that_needs_step_rewards_refuses_a_rollout_without_them(name: str) -> None:
    with pytest.raises(ValueError, match="needs a reward term for steps"):
        CREDIT_RULES[name].credit(rollout(), CreditSettings())


def test_steps_that_end_in_the_same_token_add_their_rewards() -> None:
    one = replace(rollout(step_rewards=REWARDS), segment_ends=(None, 1, 4, 4, 8))
    assert credit("sum", one) == {1: 0.8, 4: 0.2, 8: 0.2}


def test_steps_that_the_prompt_gives_are_not_rewarded_and_not_counted() -> None:
    one = replace(rollout(step_rewards=REWARDS), segment_ends=(None, None, 4, 6, 8))
    assert credit("mean", one) == {4: 0.2, 6: -0.4 / 3, 8: 0.2 / 3}
