"""Which servers a cluster starts beside the trainer of reinforcement learning. Pure."""

from __future__ import annotations

from typing import Final, Literal

from prlcoder.spec.cluster import Resources, ServerContainer, StagesPods
from prlcoder.spec.trainingrun import Spec

RlServerName = Literal["prm", "policy"]
GPU_RESOURCES: Final = ("nvidia.com/gpu", "amd.com/gpu")


def needed_servers(spec: Spec) -> tuple[RlServerName, ...]:
    """The servers of the stage `policy`, in the order in which they start.

    A reward model that is trained on (`rewardModel.refreshEvery`) stays in the trainer's process. A service that the
    spec names by its address takes the place of a server.
    """
    policy = spec.policy
    rl = None if policy is None or policy.from_ is not None else policy.rl
    if rl is None:
        return ()
    scored = (rl.scores_steps or rl.scores_programs) and rl.reward_model.refresh_every is None
    needed: list[RlServerName] = []
    if scored and spec.services.prm is None:
        needed.append("prm")
    if rl.engine.kind == "vllm" and spec.services.policy is None:
        needed.append("policy")
    return tuple(needed)


def server_container(stages: StagesPods, name: RlServerName) -> ServerContainer:
    """What the spec says about the container of a server."""
    if stages.policy is None:
        return ServerContainer()
    return stages.policy.servers.prm if name == "prm" else stages.policy.servers.policy


def gpus(resources: Resources) -> int:
    """The GPUs of a container, by its limits."""
    given = (str(resources.limits.get(name, 0)) for name in GPU_RESOURCES)
    return sum(int(amount) for amount in given if amount.isdecimal())
