"""Programs are scored while others are still being sampled elsewhere, and get the same scores as afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.training.rl_cases import rl_collector

from prlcoder.errors import WorkError
from prlcoder.executor import Executor
from prlcoder.policy.serving.live import SampleEvent
from prlcoder.prm.protocol import StepScorer
from prlcoder.problems.model import Problem
from prlcoder.training.rl import early_scores
from prlcoder.training.rl.early_scores import EarlyScores
from prlcoder.training.rl.engines import LocalEngine, RolloutEngine
from prlcoder.training.rl.scoring import ProgramKey
from prlcoder.training.rollouts import Rollout

pytestmark = [pytest.mark.needs_torch, pytest.mark.needs_sandbox]

SCORED = {"rewards": [{"kind": "process"}], "credit": {"rule": "mean"}}
PATIENCE_S = 120.0


class Elsewhere(LocalEngine):
    """An engine that counts as one outside of this process. It gives its last sample only after ``scored`` is set."""

    def __init__(self, engine: RolloutEngine, scored: threading.Event) -> None:
        self._inner, self._scored = engine, scored

    tokenizer = property(lambda self: self._inner.tokenizer)
    elsewhere = True

    def use(self, version: int) -> float:
        """See ``RolloutEngine``."""
        return self._inner.use(version)

    def stream(self, prompts: Any, sampling: Any) -> Iterator[SampleEvent]:
        """See ``RolloutEngine``."""
        *first, last = self._inner.stream(prompts, sampling)
        yield from first
        assert self._scored.wait(PATIENCE_S)
        yield last


class Noted:
    """A reward model that tells when it has scored something, and how often."""

    def __init__(self, scorer: StepScorer, scored: threading.Event) -> None:
        self._scorer, self._scored = scorer, scored
        self.tokenizer = scorer.tokenizer
        self.programs: list[str] = []

    def score(self, items: Sequence[Any]) -> Any:
        """See ``StepScorer``."""
        found = self._scorer.score(items)
        self.programs += [program for _, program, _ in items]
        self._scored.set()
        return found


def test_a_program_is_scored_once_and_before_the_last_one_is_sampled(
    suite: tuple[Problem, ...],
    taught_policy: Path,
    reward_models: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(early_scores, "PROGRAMS_TOGETHER", 2)
    with Executor(workers=1) as executor:
        here = rl_collector(suite[:4], taught_policy, executor, scorer=reward_models["first"], **SCORED)
        expected = here.collect(0, 0).rollouts
        scored = threading.Event()
        assert here.scorer is not None
        noted = Noted(here.scorer._scorer, scored)
        monkeypatch.setattr(here.scorer, "_scorer", noted)
        found = replace(here, engine=Elsewhere(here.engine, scored)).collect(0, 0).rollouts
    assert len(noted.programs) == len({(one.problem_id, one.program) for one in found if one.step_scores})
    assert [unscored(one) for one in found] == [unscored(one) for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.step_scores == pytest.approx(other.step_scores, abs=1e-5)


def unscored(rollout: Rollout) -> Rollout:
    """The rollout without the scores, whose last bits depend on the reward model's batches."""
    return replace(rollout, step_scores=None)


def test_an_error_of_the_reward_model_is_raised_where_scores_are_asked_for() -> None:
    def fail(keys: Sequence[ProgramKey]) -> dict[ProgramKey, float]:
        raise WorkError("not finite")

    with EarlyScores(fail) as early:
        early.add(("p", "x = 1\n"))
        with pytest.raises(WorkError, match="not finite"):
            early.all()
