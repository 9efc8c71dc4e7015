"""PPO with rollouts from the real vLLM on the CPU, behind the policy service."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.fixtures.serving import eventually
from tests.fixtures.vllm_server import ENVIRONMENT
from tests.training.policy_process import PolicyProcess
from tests.training.rl_cases import VERDICT, rl_context, rl_policy

from prlcoder.modeling.checkpoints import Checkpoint, load
from prlcoder.modeling.spans import encode
from prlcoder.policy.sampling import Piece, Sampling
from prlcoder.rpc.address import Address
from prlcoder.spec import Peft, Services
from prlcoder.stages.context import StageContext
from prlcoder.training.loop.lora import with_lora
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

OPTIONS = ("--dtype", "float32", "--eager", "--max-new-tokens", "64", "--max-adapter-rank", "4")
TOKENS_AT_A_TIME = 2048  # vLLM's default outside of its own servers
PROMPTS = ["# 1: x\ndef f(v0):", "# a longer statement than the first one\ndef f(v0):", "def"]
# The stop texts end the programs of a policy with random weights after a few tokens.
STOP = ("e", "o", "v", "1", "(")


@pytest.fixture(scope="module")
def vllm(policies: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[PolicyProcess]:
    """The policy ``first``, on vLLM."""
    folder = tmp_path_factory.mktemp("vllm-policy")
    with PolicyProcess(policies["first"], folder, *OPTIONS, engine="vllm", **ENVIRONMENT) as process:
        yield process


def changed_policy(folder: Path, *, adapted: bool) -> Checkpoint:
    """The policy with other weights: in all layers, or by an adapter whose rank vLLM does not accept as it is."""
    checkpoint = load(str(folder))
    torch.manual_seed(0)
    if not adapted:
        with torch.no_grad():
            for weight in checkpoint.model.parameters():
                weight.mul_(1.05)
        return checkpoint
    model = with_lora(checkpoint.model, Peft(rank=4), base=str(folder), task="CAUSAL_LM", seed=0)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.3)
    return replace(checkpoint, model=model.eval())


@pytest.mark.parametrize("adapted", [False, True], ids=["whole", "adapter"])
def test_vllm_and_the_trainer_agree_on_probabilities_and_a_wrong_temperature_shows(
    vllm: PolicyProcess, policies: dict[str, Path], tmp_path: Path, adapted: bool
) -> None:
    """Also with weights that the trainer has changed since vLLM has started."""
    checkpoint = changed_policy(policies["first"], adapted=adapted)
    weights = WeightsFolder(tmp_path, checkpoint.model, checkpoint.tokenizer, torch.float32)
    engine = ServiceEngine(Address(vllm.address), weights, str(policies["first"]), max_new_tokens=32, ranks=Ranks())
    engine.use(3)
    (folder,) = tmp_path.iterdir()
    assert (folder / "adapter_config.json").exists() == adapted
    sampling = Sampling(samples=2, temperature=0.7, seed=1, max_tokens=32, log_probabilities=True, at_temperature=True)
    events = list(engine.stream(PROMPTS, sampling))
    engine.close()
    assert {one.weights_version for one in events} == {3}
    assert len({(one.event.prompt, getattr(one.event, "sample", None)) for one in events}) == len(events) == 6
    right, wrong, before = [], [], []
    initial = load(str(policies["first"])).model
    for piece in (one.event for one in events):
        assert isinstance(piece, Piece)
        prompt = encode(checkpoint.tokenizer, PROMPTS[piece.prompt]).ids
        for model, temperature, differences in (
            (checkpoint.model, 0.7, right),
            (checkpoint.model, 1.0, wrong),
            (initial, 0.7, before),
        ):
            with torch.no_grad():
                logits = model(torch.tensor([[*prompt, *piece.ids]])).logits[0, len(prompt) - 1 : -1]
            own = token_logps(logits, torch.tensor(piece.ids), temperature)
            differences += (own - torch.tensor(piece.log_probabilities)).abs().tolist()
    assert max(right) < 1e-3
    assert min(sum(wrong), sum(before)) / len(wrong) > 0.05


def test_more_prompts_than_vllm_reads_at_a_time_lose_no_sample(
    vllm: PolicyProcess, policies: dict[str, Path], tmp_path: Path
) -> None:
    """A prompt that vLLM for CPUs reads in two parts would end it if the request has a seed, as here."""
    checkpoint = load(str(policies["first"]))
    weights = WeightsFolder(tmp_path, checkpoint.model, checkpoint.tokenizer, torch.float32)
    engine = ServiceEngine(Address(vllm.address), weights, str(policies["first"]), max_new_tokens=32, ranks=Ranks())
    engine.use(0)
    prompts = [f"# {number}\n{PROMPTS[1] * 6}" for number in range(40)]
    assert sum(len(encode(checkpoint.tokenizer, prompt).ids) for prompt in prompts) > TOKENS_AT_A_TIME
    sampling = Sampling(samples=2, temperature=1.0, seed=1, max_tokens=4)
    keys = [(one.event.prompt, getattr(one.event, "sample", None)) for one in engine.stream(prompts, sampling)]
    assert sorted(keys) == [(prompt, sample) for prompt in range(40) for sample in range(2)]
    assert engine.figures() == {"refused": 0, "absences": 0}
    engine.close()


def test_an_engine_that_dies_ends_its_server_and_a_new_one_goes_on(policies: dict[str, Path], tmp_path: Path) -> None:
    checkpoint = load(str(policies["second"]))
    weights = WeightsFolder(tmp_path / "w", checkpoint.model, checkpoint.tokenizer, torch.float32)
    sampling = Sampling(samples=2, temperature=1.0, seed=1, max_tokens=8)
    with PolicyProcess(policies["first"], tmp_path, *OPTIONS, engine="vllm", **ENVIRONMENT) as process:
        engine = ServiceEngine(
            Address(process.address), weights, str(policies["second"]), max_new_tokens=8, ranks=Ranks()
        )
        engine.use(0)
        before = {one.event for one in engine.stream(PROMPTS, sampling)}
        os.kill(process.engine(), signal.SIGKILL)
        assert process.exit_code() == 1
        process.start()  # as a kubelet does; it has the weights `first` again
        assert {one.event for one in engine.stream(PROMPTS, sampling)} == before
        assert engine.figures() == {"refused": 0, "absences": 1}
        engine.close()
        left = Path(f"/proc/{process.engine()}/cmdline")
        process.kill()  # without a word to its engine, which would keep its memory
        eventually(lambda: not left.exists() or "EngineCore" not in left.read_text())


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
