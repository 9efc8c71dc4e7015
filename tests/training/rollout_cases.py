"""Small rollouts whose credit and rewards can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

from prlcoder.executor.verdicts import Verdict
from prlcoder.segmenter import segment
from prlcoder.training.rollouts import Rollout, RolloutOutcome

PROGRAM = "def f(v0):\n    v1 = []\n    for x in v0:\n        v1.append(x)\n    return v1\n"
ENDS = (None, 1, 4, 6, 8)  # T_p: the prompt gives the header; EOS is token 9
TOKENS = 10
TOKEN_LINES = (2, 2, 3, 3, 3, 4, 4, 5, 5, None)


def rollout(
    *,
    verdict: Verdict = Verdict.WRONG_ANSWER,
    step_rewards: Sequence[float | None] | None = None,
    step_scores: Sequence[float | None] | None = None,
    outcome_reward: float = 0.0,
    outcome_score: float | None = None,
    first_wrong_step: int | None = None,
    outcome: RolloutOutcome | None = None,
    group: int = 0,
) -> Rollout:
    """The program in line mode: a header and four steps, which end at the tokens 1, 4, 6 and 8."""
    return Rollout(
        problem_id="p",
        group=group,
        prompt_ids=(1, 2),
        completion_ids=tuple(range(TOKENS)),
        finished=True,
        sampling_logps=(-0.5,) * TOKENS,
        weights_version=3,
        program=PROGRAM,
        segments=tuple(segment(PROGRAM, "line")),
        segment_ends=ENDS,
        outcome=outcome or RolloutOutcome(verdict),
        token_lines=TOKEN_LINES,
        step_scores=None if step_scores is None else tuple(step_scores),
        outcome_score=outcome_score,
        first_wrong_step=first_wrong_step,
        step_rewards=None if step_rewards is None else tuple(step_rewards),
        outcome_reward=outcome_reward,
    )
