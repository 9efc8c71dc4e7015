"""The policy's metrics."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry

from prlcoder.telemetry.metrics import CounterMetric, GaugeMetric

TOKENS: Final = CounterMetric(
    name="prlcoder_policy_tokens",
    help="Tokens that the policy generated, those that ended a sample included.",
    unit="tokens",
)
WEIGHTS_VERSION: Final = GaugeMetric(
    name="prlcoder_policy_weights_version",
    help="Version of the weights that new samples are generated with: 0 until the first UpdateWeights.",
    unit="version number",
)


class PolicyMetrics:
    """Counts what a server's engine generates."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.tokens = TOKENS.register(registry)
        self.weights_version = WEIGHTS_VERSION.register(registry)
