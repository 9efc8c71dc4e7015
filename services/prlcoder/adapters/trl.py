"""Reward functions for TRL's ``GRPOTrainer`` and ``RLOOTrainer``: ``reward_funcs=[VerdictReward(...)]``.

The data set is that of ``rows``: a prompt, and the ``problem_id`` by which a reward finds the problem.

    with Executor() as executor:
        rewards = [VerdictReward(problems, executor), StepReward(problems, LocalStepScorer("runs/example/reward"))]
        GRPOTrainer(model, reward_funcs=rewards, train_dataset=Dataset.from_list(rows(problems, "chat", tokenizer)))

A problem's prompt may open the code fence, so prompts are plain text and not messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prlcoder.adapters.rewards import SIGNAL, Rewards
from prlcoder.executor import ProgramRunner, Verdict
from prlcoder.prm.protocol import StepScorer
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import render
from prlcoder.segmenter import Mode

Completions = Sequence[str | Sequence[Mapping[str, Any]]]


def rows(problems: Iterable[Problem], template: str, tokenizer: Any) -> list[dict[str, str]]:
    """A data set for the trainer: one prompt per problem."""
    return [
        {"prompt": render(problem, template, tokenizer).question.text, "problem_id": problem.id} for problem in problems
    ]


class VerdictReward:
    """The reward ``signal[verdict]`` of the whole program. It is None if the sandbox itself failed; TRL leaves out
    completions whose reward is None."""

    __name__ = "verdict"

    def __init__(
        self,
        problems: Iterable[Problem],
        runner: ProgramRunner,
        *,
        template: str = "chat",
        signal: Mapping[Verdict, float] = SIGNAL,
    ) -> None:
        self._rewards, self._runner, self._signal = Rewards(problems, template), runner, signal

    def __call__(self, *, completions: Completions, problem_id: Sequence[str], **columns: Any) -> list[float | None]:
        """One reward per completion, with TRL's signature."""
        return self._rewards.of_verdicts(self._runner, _items(completions, problem_id), self._signal)


class StepReward:
    """One number from 0 to 1 from the reward model's probabilities of the completion's steps: their ``mean``,
    ``product``, ``min`` or ``last``."""

    __name__ = "steps"

    def __init__(
        self,
        problems: Iterable[Problem],
        scorer: StepScorer,
        *,
        template: str = "chat",
        mode: Mode = "block",
        aggregate: str = "mean",
    ) -> None:
        self._rewards, self._scorer, self._mode, self._aggregate = Rewards(problems, template), scorer, mode, aggregate

    def __call__(self, *, completions: Completions, problem_id: Sequence[str], **columns: Any) -> list[float]:
        """One reward per completion, with TRL's signature."""
        items = _items(completions, problem_id)
        return self._rewards.of_steps(self._scorer, items, mode=self._mode, kind=self._aggregate)


def _items(completions: Completions, problem_ids: Sequence[str]) -> list[tuple[str, str]]:
    """(problem id, text) of each completion; the text of a conversation is its last message."""
    texts = [one if isinstance(one, str) else str(one[-1]["content"]) for one in completions]
    return list(zip(problem_ids, texts, strict=True))
