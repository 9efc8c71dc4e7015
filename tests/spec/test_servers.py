"""The servers of reinforcement learning in a spec: which ones there are, and what must be said about their GPUs."""

from __future__ import annotations

from typing import Any

import pytest

from prlcoder.errors import InputError
from prlcoder.spec import TrainingRun, manifest
from prlcoder.spec.servers import needed_servers

GPU: dict[str, Any] = {"resources": {"limits": {"nvidia.com/gpu": 1}}}


def document(**changes: Any) -> dict[str, Any]:
    """A run of PPO with these fields of the spec."""
    spec: dict[str, Any] = {
        "model": {"path": "org/coder"},
        "problems": {"source": "apps.jsonl"},
        "reward": {"from": "/models/prm"},
        "policy": {"algorithm": "ppo"},
    }
    metadata = {"name": "example"}
    return {
        "apiVersion": "prlcoder.dev/v1alpha1",
        "kind": "TrainingRun",
        "metadata": metadata,
        "spec": {**spec, **changes},
    }


def test_a_trainer_with_gpus_asks_for_a_word_about_those_of_its_servers() -> None:
    with pytest.raises(
        InputError, match=r"spec\.stages\.policy\.servers\.prm\.resources: missing; the trainer has GPUs"
    ):
        manifest.from_object(document(stages={"policy": GPU}))
    for given in (GPU, {"resources": {"requests": {"cpu": 8}}}):
        manifest.from_object(document(stages={"policy": {**GPU, "servers": {"prm": given}}}))
    manifest.from_object(document(stages={"policy": GPU}, services={"prm": "prm:8104"}))
    manifest.from_object(document(stages={"policy": {"resources": {"requests": {"cpu": 8}}}}))


def test_servers_start_in_this_order() -> None:
    policy = {"algorithm": "grpo", "rl": {"engine": {"kind": "vllm"}}}
    assert needed_servers(TrainingRun.model_validate(document(policy=policy)).spec) == ("prm", "policy")
    assert needed_servers(TrainingRun.model_validate(document(policy={"algorithm": "dpo"})).spec) == ()


def test_a_variable_of_a_server_is_given_once() -> None:
    twice = [{"name": "OMP_NUM_THREADS", "value": "1"}] * 2
    with pytest.raises(InputError, match="`OMP_NUM_THREADS` is given 2 times"):
        manifest.from_object(document(stages={"policy": {"servers": {"prm": {"env": twice}}}}))
