"""Puts the rewards of steps and of the outcome at their tokens."""

from __future__ import annotations

from collections.abc import Mapping

from prlcoder.training.rollouts import Rollout


def rewards_at(rollout: Rollout, steps: Mapping[int, float], outcome: float) -> tuple[float, ...]:
    """One reward per completion token, ``(T,)``.

    ``steps`` maps the index of a segment to the reward at its token T_p. ``outcome`` is the reward at the last token.
    Rewards at the same token are added. A segment that the policy did not write gets none.
    """
    rewards = [0.0] * len(rollout.completion_ids)
    for step, reward in steps.items():
        end = rollout.segment_ends[step]
        if end is not None:
            rewards[end] += reward
    if rewards:
        rewards[-1] += outcome
    return tuple(rewards)


def rewarded_steps(rollout: Rollout) -> dict[int, float]:
    """The reward of each step that the policy wrote and that is not neutral, by the index of its segment.

    Context (headers, docstrings) and segments without a reward are neutral. ``ValueError`` if the rollout has segments
    and no reward term rewards steps.
    """
    if rollout.step_rewards is None and rollout.segments:
        raise ValueError(f"{rollout.problem_id}: this credit rule needs a reward term for steps, such as `process`")
    rewards = rollout.step_rewards or ()
    return {step: reward for step in rollout.written_steps if (reward := rewards[step]) is not None}
