"""Servers of reinforcement learning as native sidecars of the trainer's pod. Pure.

Each starts once the one before it has loaded its model, and the trainer starts last. They listen on loopback, so that
nobody else reaches them. The kubelet restarts one that ends, which the Job does not count, and stops all of them when
the trainer has ended.
"""

from __future__ import annotations

from collections.abc import Sequence

from prlcoder.operator.api_objects import NewObject
from prlcoder.operator.model_servers import ModelServer, add_addresses, server_container
from prlcoder.operator.settings import OperatorSettings
from prlcoder.operator.stage_options import StageOptions


def add_sidecars(
    template: NewObject, servers: Sequence[ModelServer], options: StageOptions, settings: OperatorSettings
) -> None:
    """Add ``servers`` to the pod template of a stage, after its preflight, which checks the storage that they read."""
    (trainer,) = template["spec"]["containers"]
    mounts = trainer["volumeMounts"]
    sidecars = [
        {**server_container(one, options, settings, mounts, security=("--host=127.0.0.1",)), "restartPolicy": "Always"}
        for one in servers
    ]
    template["spec"]["initContainers"] = [*template["spec"]["initContainers"], *sidecars]
    # Without `plaintext://` the certificates of the chart's services would ask for TLS.
    add_addresses(trainer, {one.name: f"plaintext://127.0.0.1:{one.port}" for one in servers})
