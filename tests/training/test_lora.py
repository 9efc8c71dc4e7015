"""Training with low-rank adapters: what is trained, what is saved, and how it is loaded again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.fixtures.serving import Serve
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig

from prlcoder.errors import InputError
from prlcoder.modeling.adapters import AdapterFolder, below_adapters
from prlcoder.modeling.checkpoints import load
from prlcoder.modeling.lora_targets import check_target_modules, target_modules
from prlcoder.modeling.model_check import check_model
from prlcoder.policy.serving.service import PolicyService
from prlcoder.policy.serving.settings import PolicySettings
from prlcoder.policy.transformers_engine import TransformersEngine
from prlcoder.prm.scoring import LocalStepScorer
from prlcoder.prm.serving.service import PrmService
from prlcoder.prm.serving.settings import PrmSettings
from prlcoder.problems.prompts import render
from prlcoder.segmenter import segment
from prlcoder.spec import Control, Peft, Policy, Reward, Sft
from prlcoder.stages.context import StageContext
from prlcoder.stages.remote_engine import RemoteEngine
from prlcoder.stages.remote_scorer import RemoteScorer
from prlcoder.training.loop.lora import with_lora
from prlcoder.training.stages import policy as policy_stage
from prlcoder.training.stages import reward, sft

pytestmark = pytest.mark.needs_torch

QUICK: dict[str, Any] = {"learning_rate": 5e-3, "epochs": 3, "batch_size": 4, "warmup_ratio": 0.0, "logging_steps": 1}
CONTROLS = tuple(Control(kind=kind, **{**QUICK, "epochs": 1}) for kind in ("nll", "rft"))
STAGES: dict[str, tuple[Any, dict[str, Any]]] = {
    "sft": (sft.run, {"sft": Sft(**QUICK)}),
    "reward": (reward.run, {"reward": Reward(**QUICK)}),
    "policy": (policy_stage.run, {"policy": Policy(controls=CONTROLS, **{**QUICK, "epochs": 1})}),
}


def with_peft(context: StageContext, **settings: Any) -> StageContext:
    """The context with ``model.peft``."""
    model = context.spec.model.model_copy(update={"peft": Peft(**{"rank": 4, "alpha": 8, **settings})})
    return replace(context, spec=context.spec.model_copy(update={"model": model}))


@pytest.mark.parametrize("stage", list(STAGES))
def test_each_stage_trains_and_publishes_an_adapter(
    stage: str, make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    run, sections = STAGES[stage]
    context = with_peft(make_context(tmp_path, **sections))
    run(context)
    log = json.loads((context.output / "training_log.json").read_text())
    losses = [entry["loss"] for entry in log if "loss" in entry]
    assert min(losses) < losses[0]
    for folder in [context.output, *(context.output / "controls").glob("*")]:
        assert AdapterFolder.at(str(folder)) is not None
        assert below_adapters(str(folder)) == str(Path(context.base_model()).resolve())
        weights = load_file(folder / "adapter_model.safetensors")
        assert {weight.dtype for weight in weights.values()} == {torch.float32}
        assert any(weight.abs().max() > 0 for name, weight in weights.items() if "lora_B" in name)
        assert all(("lora_" in name) or ("score" in name and stage == "reward") for name in weights)
        assert "library_name: peft" in (folder / "README.md").read_text()
        assert "| peft.rank | 4 |" in (folder / "README.md").read_text()


def test_a_published_adapter_is_sampled_from_like_the_merged_model(
    make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    adapter, whole = (
        with_peft(make_context(tmp_path / name, **STAGES["sft"][1]), merge=name == "whole")
        for name in ("adapter", "whole")
    )
    sft.run(adapter)
    sft.run(whole)
    assert not (adapter.output / "config.json").exists()
    prompts = [render(problem, "nano").text for problem in adapter.train[:3]]
    texts = [
        TransformersEngine(str(context.output), max_new_tokens=16).generate(prompts, samples=1, temperature=0.0, seed=0)
        for context in (adapter, whole)
    ]
    assert texts[0] == texts[1]
    ids = torch.tensor([[5, 6, 7, 8]])
    merged = AutoModelForCausalLM.from_pretrained(whole.output)
    unmerged = AutoModelForCausalLM.from_pretrained(adapter.output)  # transformers finds the base by its name
    torch.testing.assert_close(unmerged(ids).logits, merged(ids).logits, atol=1e-4, rtol=0)
    for (name, one), (_, other) in zip(
        load(str(adapter.output)).model.cpu().named_parameters(), merged.named_parameters(), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0, msg=name)


def test_a_reward_model_s_adapter_scores_like_the_merged_model(
    make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    scores = []
    for merge in (False, True):
        context = with_peft(make_context(tmp_path / str(merge), **STAGES["reward"][1]), merge=merge)
        reward.run(context)
        problem = context.train[0]
        item = (render(problem, "nano"), problem.canonical, segment(problem.canonical, "line"))
        scores.append([score.logit for score in LocalStepScorer(str(context.output)).score([item])[0]])
    assert scores[0] == pytest.approx(scores[1], abs=1e-4)
    labels = tmp_path / "False" / "output" / "labels.json"
    assert json.loads(labels.read_text()) == {"0": "rejected", "1": "chosen"}
    labels.unlink()
    with pytest.raises(InputError, match=r"labels\.json: is missing"):
        LocalStepScorer(str(labels.parent))


def test_stages_start_from_an_adapter(make_context: Callable[..., StageContext], tmp_path: Path) -> None:
    first = with_peft(make_context(tmp_path / "first", **STAGES["sft"][1]))
    sft.run(first)
    given = {"pretrain": first.output}
    whole = make_context(tmp_path / "whole", policy=Policy(**{**QUICK, "epochs": 1}))
    whole = replace(whole, artifacts={**whole.artifacts, **given})
    policy_stage.run(whole)  # all weights, on top of the merged adapter
    assert (whole.output / "model.safetensors").exists()
    chained = with_peft(make_context(tmp_path / "chained", policy=Policy(**{**QUICK, "epochs": 1})))
    chained = replace(chained, artifacts={**chained.artifacts, **given})
    policy_stage.run(chained)  # an adapter on top of an adapter
    link = AdapterFolder.at(str(chained.output))
    assert link is not None
    assert link.base == str(first.output.resolve())
    load(str(chained.output))
    scorer = make_context(tmp_path / "scorer", reward=Reward(**{**QUICK, "epochs": 1}))
    reward.run(replace(scorer, artifacts={**scorer.artifacts, **given}))
    trunk = load_file(scorer.output / "model.safetensors")
    assert trunk["score.weight"].shape[0] == 2
    LocalStepScorer(str(scorer.output))


def test_a_reward_model_on_an_adapter_has_the_merged_backbone(
    make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    first = with_peft(make_context(tmp_path, **STAGES["sft"][1]))
    sft.run(first)
    classifier = reward.step_classifier(str(first.output), seed=0)
    merged = load(str(first.output)).model.cpu().model.state_dict()
    assert merged.keys() == classifier.model.state_dict().keys()
    for name, weight in classifier.model.state_dict().items():
        torch.testing.assert_close(weight, merged[name], atol=0, rtol=0)
    assert classifier.config.id2label == {0: "rejected", 1: "chosen"}


def test_the_untrained_adapter_changes_nothing_and_is_the_same_for_the_same_seed(nano_folder: Path) -> None:
    ids = torch.tensor([[5, 6, 7, 8]])
    settings = Peft(rank=4)
    base = AutoModelForCausalLM.from_pretrained(nano_folder)
    expected = base(ids).logits
    wrapped = [
        with_lora(
            AutoModelForCausalLM.from_pretrained(nano_folder), settings, base=str(nano_folder), task="CAUSAL_LM", seed=3
        )
        for _ in range(2)
    ]
    torch.testing.assert_close(wrapped[0](input_ids=ids).logits, expected, atol=0, rtol=0)
    one, other = (dict(model.named_parameters()) for model in wrapped)
    assert all(torch.equal(one[name], other[name]) for name in one)
    trained = {name for name, weight in one.items() if weight.requires_grad}
    assert trained == {name for name in one if "lora_" in name}


def test_a_frozen_base_may_be_smaller_and_the_adapter_is_float32(
    make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    for stage, run in (("sft", sft.run), ("reward", reward.run)):
        context = with_peft(make_context(tmp_path / stage, **STAGES[stage][1]))
        model = context.spec.model.model_copy(update={"dtype": "bfloat16"})
        context = replace(context, spec=context.spec.model_copy(update={"model": model}))
        run(context)
        weights = load_file(context.output / "adapter_model.safetensors")
        assert {weight.dtype for weight in weights.values()} == {torch.float32}


def test_unknown_target_modules_are_refused_before_the_first_step(
    make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    context = with_peft(make_context(tmp_path, **STAGES["sft"][1]), target_modules=("q_proj", "c_attn"))
    with pytest.raises(InputError, match=r"model\.peft\.targetModules: c_attn: .* are down_proj, gate_proj, k_proj"):
        sft.run(context)
    assert not (context.work / "train" / "LATEST").exists()


def test_the_linear_layers_of_gpt2_are_found() -> None:
    config = GPT2Config(n_embd=8, n_layer=1, n_head=2, vocab_size=20)
    model = GPT2LMHeadModel(config)
    assert target_modules(model, None, "gpt2") == ["c_attn", "c_fc", "c_proj"]
    wrapped = with_lora(model, Peft(rank=2), base="gpt2", task="CAUSAL_LM", seed=0)
    assert wrapped(input_ids=torch.tensor([[1, 2, 3]])).logits.shape == (1, 3, 20)


def test_target_modules_are_checked_before_any_stage(nano_folder: Path) -> None:
    check_model(str(nano_folder), target_modules=("q_proj",))
    with pytest.raises(InputError, match=r"model\.peft\.targetModules: c_attn: .* has no layer of this name"):
        check_model(str(nano_folder), target_modules=("c_attn",))


def test_target_modules_are_checked_from_the_configuration_alone() -> None:
    config = LlamaConfig(hidden_size=4096, intermediate_size=11008, num_hidden_layers=32)  # 7 billion weights
    check_target_modules(config, ("q_proj", "self_attn.v_proj"), "llama")
    with pytest.raises(InputError, match=r"targetModules: c_attn: llama has no layer of this name"):
        check_target_modules(config, ("q_proj", "c_attn"), "llama")


def test_an_adapter_whose_base_is_missing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "/nowhere/base"}))
    with pytest.raises(InputError, match=r"adapter_config\.json: base_model_name_or_path: .*not on this machine"):
        load(str(tmp_path))
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match=r"base_model_name_or_path: is missing"):
        load(str(tmp_path))


def test_both_services_serve_adapters(serve: Serve, make_context: Callable[..., StageContext], tmp_path: Path) -> None:
    policy, scorer = (with_peft(make_context(tmp_path / name, **STAGES[name][1])) for name in ("sft", "reward"))
    sft.run(policy)
    reward.run(scorer)
    prompts = [render(problem, "nano") for problem in policy.train[:2]]
    settings = PolicySettings(str(policy.output), engine="transformers", max_new_tokens=8)
    server = serve(lambda limits, registry: PolicyService(limits, settings, registry))
    local = TransformersEngine(str(policy.output), max_new_tokens=8)
    # The second argument makes the server load the folder again, as a run does.
    with RemoteEngine(f"127.0.0.1:{server.port}", str(policy.output), max_new_tokens=8) as far:
        texts = [prompt.text for prompt in prompts]
        expected = local.generate(texts, samples=1, temperature=0.0, seed=0)
        assert far.generate(texts, samples=1, temperature=0.0, seed=0) == expected
    server = serve(lambda limits, registry: PrmService(limits, PrmSettings(str(scorer.output)), registry))
    programs = [problem.canonical for problem in policy.train[:2]]
    items = [(prompt, text, segment(text, "line")) for prompt, text in zip(prompts, programs, strict=True)]
    with RemoteScorer(f"127.0.0.1:{server.port}", str(scorer.output)) as far_scorer:
        found = far_scorer.score(items)
    for one, other in zip(found, LocalStepScorer(str(scorer.output)).score(items), strict=True):
        assert [score.logit for score in one] == pytest.approx([score.logit for score in other], abs=1e-4)
