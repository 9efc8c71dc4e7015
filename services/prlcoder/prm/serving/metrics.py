"""The reward model's metrics (contracts, section 7)."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from prlcoder.prm.serving.batching import Batch


class PrmMetrics:
    """What a server counts of every pass over its model."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._steps = Counter("prlcoder_prm_steps_scored", "Steps that were scored.", registry=registry)
        self._scores = Histogram(
            "prlcoder_prm_score",
            "Probability of a scored step, 0 to 1.",
            buckets=[tenth / 10 for tenth in range(1, 11)],
            registry=registry,
        )
        self._tokens = Histogram(
            "prlcoder_prm_batch_tokens",
            "Tokens of one pass over the model, padding included.",
            buckets=[2.0**power for power in range(5, 18)],
            registry=registry,
        )

    def note(self, batch: Batch) -> None:
        """Count one pass."""
        self._tokens.observe(batch.tokens)
        self._steps.inc(len(batch.probabilities))
        for probability in batch.probabilities:
            self._scores.observe(probability)
