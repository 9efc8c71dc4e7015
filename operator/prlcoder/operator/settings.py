"""How the operator itself is set up: images, storage and addresses that its chart gives it through the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class OperatorSettings:
    """What every stage's pod gets unless the run says otherwise.

    ``image`` runs training stages and evaluation, ``policy_image`` the policy server of reinforcement learning (empty:
    the same), ``claim`` is the PersistentVolumeClaim of the runs' storage (empty
    where runs name an object store), ``services`` are the addresses of the chart's services by name, and
    ``service_account`` is an account without rights.
    """

    image: str = "prlcoder/trainer:latest"
    policy_image: str = ""  # with vLLM, which the trainer's image lacks
    claim: str = "prlcoder-runs"
    service_account: str = "prlcoder-run"
    namespace: str | None = None  # None watches every namespace
    services: Mapping[str, str] = field(default_factory=dict)
    resync_s: float = 300.0
    workers: int = 8
    probe_port: int = 8080
    metrics_port: int = 0  # of the operator's metrics; 0 serves none
    progress_port: int = 9400  # on which a stage's pod answers about its progress
    credentials: str = ""  # a Secret in each namespace of runs for TLS and tokens of services
    credential_keys: tuple[str, ...] = ()  # of CREDENTIAL_VARIABLES, those that the Secret has

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> OperatorSettings:
        """The settings in ``PRLCODER_OPERATOR_*`` and the services in ``PRLCODER_<SERVICE>``."""
        names = ("segmenter", "mutator", "executor", "prm", "policy")
        default = cls()

        def given(name: str, otherwise: str) -> str:
            return environment.get(f"PRLCODER_OPERATOR_{name}", otherwise)

        return cls(
            image=given("IMAGE", default.image),
            policy_image=given("POLICY_IMAGE", default.policy_image),
            claim=given("CLAIM", default.claim),
            service_account=given("SERVICE_ACCOUNT", default.service_account),
            namespace=environment.get("PRLCODER_OPERATOR_NAMESPACE") or None,
            services={name: address for name in names if (address := environment.get(f"PRLCODER_{name.upper()}"))},
            resync_s=float(given("RESYNC_S", str(default.resync_s))),
            workers=int(given("WORKERS", str(default.workers))),
            probe_port=int(given("PROBE_PORT", str(default.probe_port))),
            metrics_port=int(given("METRICS_PORT", str(default.metrics_port))),
            progress_port=int(given("PROGRESS_PORT", str(default.progress_port))),
            credentials=given("CREDENTIALS", default.credentials),
            credential_keys=tuple(given("CREDENTIAL_KEYS", "").split()),
        )
