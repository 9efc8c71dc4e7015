"""The reward model's metrics."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry

from prlcoder.prm.serving.batching import Batch
from prlcoder.telemetry.metrics import CounterMetric, HistogramMetric

STEPS: Final = CounterMetric(
    name="prlcoder_prm_steps_scored",
    help="Steps that the model scored.",
    unit="steps",
)
SCORE: Final = HistogramMetric(
    name="prlcoder_prm_score",
    help="Probability that the model gave a step of being right.",
    unit="probability, 0 to 1",
    buckets=[tenth / 10 for tenth in range(1, 11)],
)
BATCH_TOKENS: Final = HistogramMetric(
    name="prlcoder_prm_batch_tokens",
    help="Tokens that one pass over the model read, padding included.",
    unit="tokens",
    buckets=[2.0**power for power in range(5, 18)],
)


class PrmMetrics:
    """Counts the passes over a server's model."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._steps = STEPS.register(registry)
        self._scores = SCORE.register(registry)
        self._tokens = BATCH_TOKENS.register(registry)

    def note(self, batch: Batch) -> None:
        """Count one pass."""
        self._tokens.observe(batch.tokens)
        self._steps.inc(len(batch.probabilities))
        for probability in batch.probabilities:
            self._scores.observe(probability)
