"""The policy's metrics (contracts, section 7)."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class PolicyMetrics:
    """What a server counts of what its engine writes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.tokens = Counter("prlcoder_policy_tokens", "Tokens that were written.", registry=registry)
        self.weights_version = Gauge(
            "prlcoder_policy_weights_version", "Version of the weights that write now.", registry=registry
        )
