"""One update: rollouts, rewards, advantages, optimiser steps, and the row of the log."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from prlcoder.spec import Policy, Rl, RlMonitors, RlValue
from prlcoder.training.rl.collecting import Collection, RolloutCollector
from prlcoder.training.rl.estimates import TokenSignals, estimated
from prlcoder.training.rl.learner import Learner
from prlcoder.training.rl.monitors import deviations, mean, program_figures
from prlcoder.training.rl.own_steps import OwnStepProbe
from prlcoder.training.rl.refreshing import RewardModelRefresh
from prlcoder.training.rl.rewarding import TRUNCATED, Rewarded, comparable, rewarded
from prlcoder.training.rl.schedule import learning_rate_share
from prlcoder.training.rl.shown_rollouts import is_watched, shown_rows
from prlcoder.training.rl.token_batch import completion_mask
from prlcoder.training.rollouts import Rollout


class Updates:
    """All updates of a training: first those of the value model alone, then those of the policy."""

    def __init__(
        self,
        section: Policy,
        collector: RolloutCollector,
        learner: Learner,
        refresh: RewardModelRefresh | None = None,
    ) -> None:
        """``refresh`` trains the reward model of ``collector`` again; None leaves it as it is."""
        self._section, self._rl = section, section.rl or Rl()
        self._collector, self._learner, self._refresh = collector, learner, refresh
        self._problems = {task.problem.id: task.problem for task in collector.tasks}
        self._value_only = 0
        if section.algorithm == "ppo":
            self._value_only = (self._rl.value or RlValue()).pretrain_updates
        self._probe = OwnStepProbe(
            self._problems, collector.executor, collector.segmenter, collector.mode, self._rl.monitors.programs
        )
        self.shown: list[dict[str, Any]] = []  # rollouts of the last update for the report, if it was watched

    @property
    def monitors(self) -> RlMonitors:
        """When an update is measured, and when an alarm is due."""
        return self._rl.monitors

    @property
    def total(self) -> int:
        """The number of all updates."""
        return self._value_only + self._rl.updates

    def make(self, update: int) -> dict[str, Any]:
        """Make the update of this number, from 0. Returns the row of the log."""
        of_policy = update - self._value_only
        share = 0.0 if of_policy < 0 else learning_rate_share(self._section, of_policy, self._rl.updates)
        version = max(0, of_policy)
        with self._learner.precision():
            found = self._collector.collect(update, version)
        every = rewarded(found.rollouts, self._rl, self._problems)
        kept = comparable(every, self._section.algorithm, self._rl, found.dropped)
        self.shown = []
        own_steps = self._own_steps(found, update)
        learnt: dict[str, float] = {}
        if kept.rollouts:
            learnt = self._learn(kept, update, share, found.seconds)
        further = {} if of_policy < 0 else self._after(found, update)
        return {
            "update": update + 1,
            "phase": "value" if of_policy < 0 else "policy",
            "step": self._learner.steps,
            "learning_rate": share * self._section.learning_rate,
            "trained": sum(one.finished for one in kept.rollouts),
            "weights": {**_of_weights(found.rollouts, version), **self._collector.engine.figures()},
            **_of_programs(found, every),
            **({"own_steps": own_steps} if own_steps else {}),
            **learnt,
            **further,
            "seconds": {name: round(seconds, 3) for name, seconds in found.seconds.items()},
        }

    def _own_steps(self, found: Collection, update: int) -> dict[str, float]:
        """The reward model's figures on the steps of this update, if it is watched."""
        if self._collector.scorer is None or not is_watched(update, self._rl.monitors.every, self.total):
            return {}
        with _timed(found.seconds, "monitors"):
            return self._probe.figures(found.rollouts)

    def _after(self, found: Collection, update: int) -> dict[str, Any]:
        """What the curriculum and the reward model learn from an update of the policy. Returns their figures."""
        figures: dict[str, Any] = {}
        if (curriculum := self._collector.curriculum) is not None:
            figures["curriculum"] = curriculum.figures()
            curriculum.learn(found.rollouts)
        if self._refresh is not None:
            with _timed(found.seconds, "refresh"):
                figures["refresh"] = self._refresh.learn(found.rollouts, update, self._collector.locator)
        return {name: values for name, values in figures.items() if values}

    def state(self, finished: int) -> dict[str, Any]:
        """What a checkpoint holds after ``finished`` updates."""
        curriculum = self._collector.curriculum
        return {
            **self._learner.state(),
            "update": finished,
            "curriculum": None if curriculum is None else curriculum.state(),
            "reward_model": None if self._refresh is None else self._refresh.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> int:
        """Go on from a checkpoint. Returns the number of finished updates."""
        self._learner.restore(state)
        if self._collector.curriculum is not None:
            self._collector.curriculum.restore(state["curriculum"])
        if self._refresh is not None:
            self._refresh.restore(state["reward_model"])
        return int(state["update"])

    def _learn(self, kept: Rewarded, update: int, share: float, seconds: dict[str, float]) -> dict[str, float]:
        """The optimiser steps on rollouts that can be compared. Returns their figures for the log."""
        learner, rollouts = self._learner, kept.rollouts
        with _timed(seconds, "logps"):
            old = learner.logps(rollouts)
            reference = learner.reference_logps(rollouts) if self._rl.kl.coefficient else None
            values = None if learner.value is None else learner.values(rollouts)
        executed = self._rl.mask == "executed"
        signals = TokenSignals.of(rollouts, kept.rewards, old, reference, values, executed=executed)
        targets, figures = estimated(signals, self._section.algorithm, self._rl)
        if executed:
            figures["executed_share"] = int(signals.mask.sum()) / max(1, int(completion_mask(rollouts).sum()))
        if is_watched(update, self._rl.monitors.every, self.total):
            advantages = [row[: len(own)] for row, own in zip(targets.advantages.tolist(), kept.rewards, strict=True)]
            self.shown = shown_rows(update + 1, rollouts, kept.rewards, advantages, kept.components, self._problems)
        with _timed(seconds, "update"):
            figures |= learner.update(rollouts, targets, update, policy_share=share)
        return {name: value for name, value in figures.items() if math.isfinite(value)}


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[part] = time.perf_counter() - started


def _of_weights(rollouts: Sequence[Rollout], version: int) -> dict[str, float]:
    """The number of updates that the trained weights have had, and by how many the weights that sampled are older."""
    return {"version": version, "age": mean([version - one.weights_version for one in rollouts])}


def _of_programs(found: Collection, every: Rewarded) -> dict[str, Any]:
    """Figures of all programs of an update that have a verdict, whether they are trained on or not."""
    rollouts = every.rollouts
    scores = [score for one in rollouts for score in one.step_scores or () if score is not None]
    cut = sum(not one.finished for one in rollouts)
    return {
        "sampled": found.sampled,
        "dropped": dict(found.dropped + Counter({TRUNCATED: cut})),
        "tokens": sum(len(one.completion_ids) for one in rollouts),
        "pass_rate": mean([one.outcome.passed for one in rollouts]),
        "verdicts": dict(Counter(one.outcome.verdict.value for one in rollouts)),
        "rewards": every.means(),
        "reward_std": deviations(every.components),
        **({"prm_mean": mean(scores)} if scores else {}),
        **program_figures(rollouts),
    }
