"""PPO with rollouts from the real vLLM on the CPU, behind the policy service."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.fixtures.vllm_server import ENVIRONMENT
from tests.training.policy_process import PolicyProcess
from tests.training.rl_cases import VERDICT, rl_context, rl_policy

from prlcoder.modeling.checkpoints import load
from prlcoder.modeling.spans import encode
from prlcoder.policy.sampling import Piece, Sampling
from prlcoder.rpc.address import Address
from prlcoder.spec import Services
from prlcoder.stages.context import StageContext
from prlcoder.training.losses.policy_gradient import token_logps
from prlcoder.training.rl.ranks import Ranks
from prlcoder.training.rl.service_engine import ServiceEngine
from prlcoder.training.rl.weights_folder import WeightsFolder
from prlcoder.training.stages import policy as policy_stage

pytestmark = [
    pytest.mark.needs_torch,
    pytest.mark.needs_sandbox,
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed (make setup-vllm)"),
]

OPTIONS = ("--dtype", "float32", "--eager", "--max-new-tokens", "64", "--max-adapter-rank", "8")
PROMPTS = ["# 1: x\ndef f(v0):", "# a longer statement than the first one\ndef f(v0):", "def"]
# The stop texts end the programs of a policy with random weights after a few tokens.
STOP = ("e", "o", "v", "1", "(")


@pytest.fixture(scope="module")
def vllm(policies: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[PolicyProcess]:
    """The policy ``first``, on vLLM."""
    folder = tmp_path_factory.mktemp("vllm-policy")
    with PolicyProcess(policies["first"], folder, *OPTIONS, engine="vllm", **ENVIRONMENT) as process:
        yield process


def test_vllm_and_the_trainer_agree_on_probabilities_and_a_wrong_temperature_shows(
    vllm: PolicyProcess, policies: dict[str, Path], tmp_path: Path
) -> None:
    """Also with weights that the trainer has changed since vLLM has started."""
    checkpoint = load(str(policies["first"]))
    with torch.no_grad():
        for weight in checkpoint.model.parameters():
            weight.mul_(1.05)
    weights = WeightsFolder(tmp_path, checkpoint.model, checkpoint.tokenizer, torch.float32)
    engine = ServiceEngine(Address(vllm.address), weights, str(policies["first"]), max_new_tokens=32, ranks=Ranks())
    engine.use(3)
    sampling = Sampling(samples=2, temperature=0.7, seed=1, max_tokens=32, log_probabilities=True, at_temperature=True)
    events = list(engine.stream(PROMPTS, sampling))
    engine.close()
    assert {one.weights_version for one in events} == {3}
    assert len({(one.event.prompt, getattr(one.event, "sample", None)) for one in events}) == len(events) == 6
    right, wrong = [], []
    for piece in (one.event for one in events):
        assert isinstance(piece, Piece)
        prompt = encode(checkpoint.tokenizer, PROMPTS[piece.prompt]).ids
        with torch.no_grad():
            logits = checkpoint.model(torch.tensor([[*prompt, *piece.ids]])).logits[0, len(prompt) - 1 : -1]
        for temperature, differences in ((0.7, right), (1.0, wrong)):
            own = token_logps(logits, torch.tensor(piece.ids), temperature)
            differences += (own - torch.tensor(piece.log_probabilities)).abs().tolist()
    assert max(right) < 1e-3
    assert sum(wrong) / len(wrong) > 0.05


def test_ppo_learns_from_programs_that_vllm_writes(
    make_context: Callable[..., StageContext], vllm: PolicyProcess, policies: dict[str, Path], tmp_path: Path
) -> None:
    rl: dict[str, Any] = {**VERDICT, "updates": 3, "value": {"pretrainUpdates": 1}, "maxNewTokens": 24}
    section = rl_policy("ppo", {**rl, "engine": {"kind": "vllm"}})
    services = Services(policy=vllm.address)
    context = rl_context(make_context, tmp_path, section, model=policies["first"], stop=STOP, services=services)
    metrics = policy_stage.run(context)
    rows = [json.loads(line) for line in (context.output / "updates.jsonl").read_text().splitlines()]
    assert metrics["updates"] == 3
    assert [row["sampled"] for row in rows] == [16] * 4
    assert [row["weights"] for row in rows] == [
        {"version": version, "age": 0.0, "refused": 0, "absences": 0} for version in (0, 0, 1, 2)
    ]
    learnt = [row for row in rows if row["phase"] == "policy" and "mean_abs_dlogp" in row]
    assert learnt
    assert all(row["mean_abs_dlogp"] < 1e-3 for row in learnt)  # of weights that change with every update
    before = load_file(policies["first"] / "model.safetensors")
    after = load_file(context.output / "model.safetensors")
    assert max(float((after[name] - weight).abs().max()) for name, weight in before.items()) > 1e-4
