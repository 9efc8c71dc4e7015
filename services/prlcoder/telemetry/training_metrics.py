"""The metrics of a training stage's process. ``prlcoder.runs.stage_progress`` serves them beside the progress.

The names are API: ``docs/reference/contracts.md``, section 7. A pod runs one stage of one run, so that no metric has a
label for them: a PodMonitor adds those of the pod.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from prlcoder.telemetry.metrics import CounterMetric, GaugeMetric
from prlcoder.telemetry.training_figures import TrainingFigures

_RL: Final = "until the first update of `ppo`, `rloo` or `grpo`"
_SCORED: Final = f"{_RL}, and where no reward model scores steps"

STEPS: Final = CounterMetric(name="prlcoder_train_steps", help="Optimiser steps of this process.", unit="steps")
TOKENS: Final = CounterMetric(
    name="prlcoder_train_tokens",
    help="Tokens that this process has trained on without padding; with reinforcement learning, tokens sampled.",
    unit="tokens",
)
SAMPLES: Final = CounterMetric(
    name="prlcoder_train_samples",
    help="Examples in the batches of this process; with reinforcement learning, programs sampled.",
    unit="examples or programs",
)
PHASE_SECONDS: Final = CounterMetric(
    name="prlcoder_train_phase_seconds",
    help="Time that the process spent, by phase.",
    unit="seconds",
    labels={
        "phase": "`rollout` (sampling), `verdicts` (waiting for the sandbox after sampling), `scores` (the reward "
        "model), `logps` (probabilities before the update), `monitors`, `refresh` (the reward model learns), and "
        "`update` (optimiser steps), which alone occurs in other trainings"
    },
)
DROPPED: Final = CounterMetric(
    name="prlcoder_train_dropped",
    help="Sampled programs that were not trained on.",
    unit="programs",
    labels={"reason": "as in `policy/updates.jsonl`, such as `sandbox_error`, `group_without_variance`, `truncated`"},
)
ALARMS: Final = CounterMetric(
    name="prlcoder_train_alarms",
    help="Alarms that began.",
    unit="alarms",
    labels={"alarm": "one of the alarms in `docs/algorithms.md`, such as `reward-hacking`"},
)
ALARM: Final = GaugeMetric(
    name="prlcoder_train_alarm",
    help="Whether an alarm is active: 1 or 0.",
    unit="1 or 0",
    labels={"alarm": "as of `prlcoder_train_alarms_total`"},
    absent="until the alarm first begins",
)
REWARD: Final = GaugeMetric(
    name="prlcoder_train_reward",
    help="Reward of a program in the newest update.",
    unit="reward",
    labels={"component": "a kind of `policy.rl.rewards`, or `total`", "stat": "`mean` or `std` over programs"},
    absent=_RL,
)
CHECKPOINT_TIME: Final = GaugeMetric(
    name="prlcoder_train_last_checkpoint_timestamp_seconds",
    help="When the newest complete checkpoint was written by this process.",
    unit="Unix time",
    absent="until the first checkpoint",
)
LOSS: Final = GaugeMetric(
    name="prlcoder_train_loss",
    help="Loss of the newest step that was logged; with reinforcement learning, the policy's.",
    unit="the loss's own",
    absent="until the first logged step",
)
GRADIENT_NORM: Final = GaugeMetric(
    name="prlcoder_train_gradient_norm",
    help="Norm of the gradient before clipping, in the newest step that was logged.",
    unit="norm",
    absent="until the first logged step",
)
LEARNING_RATE: Final = GaugeMetric(
    name="prlcoder_train_learning_rate",
    help="Learning rate of the newest step that was logged.",
    unit="learning rate",
    absent="until the first logged step",
)
PASS_RATE: Final = GaugeMetric(
    name="prlcoder_train_pass_rate",
    help="Share of the newest update's programs that pass.",
    unit="share, 0 to 1",
    absent=_RL,
)
KL: Final = GaugeMetric(
    name="prlcoder_train_kl",
    help="Divergence from the initial policy in the newest update.",
    unit="nats per token",
    absent=f"{_RL}, and with `kl.coefficient: 0`",
)
ENTROPY: Final = GaugeMetric(
    name="prlcoder_train_entropy",
    help="Entropy of the distributions that the newest update's tokens were drawn from.",
    unit="nats per token",
    absent=_RL,
)
CLIP_FRACTION: Final = GaugeMetric(
    name="prlcoder_train_clip_fraction",
    help="Share of tokens whose probability ratio was clipped in the newest update.",
    unit="share, 0 to 1",
    absent=_RL,
)
EXPLAINED_VARIANCE: Final = GaugeMetric(
    name="prlcoder_train_explained_variance",
    help="Share of the returns' variance that the value model explains.",
    unit="share, at most 1",
    absent="except with `ppo`",
)
LENGTH: Final = GaugeMetric(
    name="prlcoder_train_length_tokens",
    help="Mean length of the newest update's completions.",
    unit="tokens",
    absent=_RL,
)
SEGMENTS: Final = GaugeMetric(
    name="prlcoder_train_segments",
    help="Mean number of segments of the newest update's programs.",
    unit="segments",
    absent=_RL,
)
COMMENT_RATIO: Final = GaugeMetric(
    name="prlcoder_train_comment_ratio",
    help="Mean share of a program's lines that are comments.",
    unit="share, 0 to 1",
    absent=_RL,
)
BLANK_RATIO: Final = GaugeMetric(
    name="prlcoder_train_blank_ratio",
    help="Mean share of a program's lines that are blank.",
    unit="share, 0 to 1",
    absent=_RL,
)
EMPTY: Final = GaugeMetric(
    name="prlcoder_train_empty_ratio",
    help="Share of programs without any step of the policy.",
    unit="share, 0 to 1",
    absent=_RL,
)
LOWEST_STEP_LAST: Final = GaugeMetric(
    name="prlcoder_train_lowest_step_last_ratio",
    help="Share of scored programs whose lowest step is the last.",
    unit="share, 0 to 1",
    absent=_RL,
)
PRM_SCORE: Final = GaugeMetric(
    name="prlcoder_train_prm_score",
    help="Mean probability that the reward model gives the steps of the newest update.",
    unit="probability, 0 to 1",
    absent=_SCORED,
)
PRM_AUROC: Final = GaugeMetric(
    name="prlcoder_train_prm_auroc",
    help="AUROC of the reward model on the policy's own steps, whose labels come from execution.",
    unit="0 to 1",
    absent=f"{_SCORED}, and while all labels are equal",
)
PRM_FALSE_POSITIVE_RATE: Final = GaugeMetric(
    name="prlcoder_train_prm_false_positive_rate",
    help="Share of the policy's wrong steps to which the reward model gives at least 0.5.",
    unit="share, 0 to 1",
    absent=f"{_SCORED}, and while no step is wrong",
)

VALUES: Final[Mapping[str, GaugeMetric]] = {
    "loss": LOSS,
    "gradient_norm": GRADIENT_NORM,
    "learning_rate": LEARNING_RATE,
    "pass_rate": PASS_RATE,
    "kl": KL,
    "entropy": ENTROPY,
    "clip_fraction": CLIP_FRACTION,
    "explained_variance": EXPLAINED_VARIANCE,
    "length": LENGTH,
    "segments": SEGMENTS,
    "comment_ratio": COMMENT_RATIO,
    "blank_ratio": BLANK_RATIO,
    "empty": EMPTY,
    "lowest_step_last": LOWEST_STEP_LAST,
    "prm_mean": PRM_SCORE,
    "prm_auroc": PRM_AUROC,
    "prm_false_positive_rate": PRM_FALSE_POSITIVE_RATE,
}
"""The gauges by the name of their value in ``TrainingFigures.values``."""


class TrainingMetrics:
    """The metrics of the training in this process. A gauge is registered with its first value."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._steps, self._tokens, self._samples = (one.register(registry) for one in (STEPS, TOKENS, SAMPLES))
        self._seconds, self._dropped = PHASE_SECONDS.register(registry), DROPPED.register(registry)
        self._alarms, self._alarm = ALARMS.register(registry), ALARM.register(registry)
        self._rewards = REWARD.register(registry)
        self._active: frozenset[str] = frozenset()
        self._gauges: dict[str, Gauge] = {}

    def note(self, figures: TrainingFigures) -> None:
        """Add what a training has told. Values without a metric are left out."""
        self._steps.inc(figures.steps)
        self._tokens.inc(figures.tokens)
        self._samples.inc(figures.samples)
        for phase, seconds in figures.seconds.items():
            self._seconds.labels(phase).inc(max(seconds, 0.0))
        for reason, count in figures.dropped.items():
            self._dropped.labels(reason).inc(count)
        for component, (mean, deviation) in figures.rewards.items():
            self._rewards.labels(component, "mean").set(mean)
            self._rewards.labels(component, "std").set(deviation)
        for name, value in figures.values.items():
            if name in VALUES:
                self._gauge(VALUES[name]).set(value)
        if figures.alarms is not None:
            self._note_alarms(frozenset(figures.alarms))

    def note_checkpoint(self, name: str) -> None:
        """A checkpoint is complete. Its ``name`` is in the progress."""
        self._gauge(CHECKPOINT_TIME).set(time.time())

    def _note_alarms(self, active: frozenset[str]) -> None:
        for name in sorted(active - self._active):
            self._alarms.labels(name).inc()
            self._alarm.labels(name).set(1)
        for name in sorted(self._active - active):
            self._alarm.labels(name).set(0)
        self._active = active

    def _gauge(self, metric: GaugeMetric) -> Gauge:
        if metric.name not in self._gauges:
            self._gauges[metric.name] = metric.register(self._registry)
        return self._gauges[metric.name]
