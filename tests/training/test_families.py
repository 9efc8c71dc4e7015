"""Tiny models of the families in ``docs/models.md`` go through all trainings, generation, scoring and services."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tests.fixtures.serving import Serve

from prlcoder.evaluation.candidates import generate
from prlcoder.modeling.model_check import check_model
from prlcoder.policy.serving.service import PolicyService
from prlcoder.policy.serving.settings import PolicySettings
from prlcoder.policy.transformers_engine import TransformersEngine
from prlcoder.prm.scoring import LocalStepScorer
from prlcoder.prm.serving.service import PrmService
from prlcoder.prm.serving.settings import PrmSettings
from prlcoder.problems.prompts import PromptTemplate, render
from prlcoder.segmenter import segment
from prlcoder.spec import Benchmark, Policy, Reward, Sft
from prlcoder.stages.context import StageContext
from prlcoder.stages.remote_engine import RemoteEngine
from prlcoder.stages.remote_scorer import RemoteScorer
from prlcoder.training.stages import policy as policy_stage
from prlcoder.training.stages import reward, sft

pytestmark = pytest.mark.needs_torch

SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.2,
}
WINDOWS = {"sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"]}
GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512, "initializer_range": 0.2}
DEEPSEEK = {
    **SHAPE,
    "num_key_value_heads": 4,
    "q_lora_rank": None,
    "kv_lora_rank": 8,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 8,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
    "first_k_dense_replace": 1,
    "topk_group": 1,
    "n_group": 1,
    "topk_method": "greedy",
}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
# Name -> class of the configuration, its arguments, newline family of the tokenizer, whose head a reward model gets.
FAMILIES: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "llama": ("LlamaConfig", SHAPE, "before", "transformers"),
    "qwen2": ("Qwen2Config", SHAPE, "before", "transformers"),
    "qwen3": ("Qwen3Config", {**SHAPE, "head_dim": 8}, "before", "transformers"),
    "mistral": ("MistralConfig", {**SHAPE, "sliding_window": 16}, "before", "transformers"),
    "gemma3": ("Gemma3TextConfig", {**SHAPE, **WINDOWS, "head_dim": 8}, "before", "PRLCoder"),
    "gpt2": ("GPT2Config", GPT2, "after", "transformers"),
    "starcoder2": ("Starcoder2Config", {**SHAPE, "sliding_window": 16}, "after", "transformers"),
    "deepseek-v2": ("DeepseekV2Config", DEEPSEEK, "before", "PRLCoder"),
    "qwen3-moe": ("Qwen3MoeConfig", {**SHAPE, **EXPERTS, "head_dim": 8}, "before", "transformers"),
    "olmo2": ("Olmo2Config", SHAPE, "before", "PRLCoder"),
    "cohere": ("CohereConfig", SHAPE, "before", "PRLCoder"),
}
QUICK: dict[str, Any] = {"learning_rate": 1e-3, "epochs": 1, "batch_size": 8, "warmup_ratio": 0.0}


@pytest.fixture(scope="module", params=list(FAMILIES))
def family(request: pytest.FixtureRequest, tokenizers: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Name and folder of a tiny model with random weights."""
    name: str = request.param
    config_class, shape, newlines, _ = FAMILIES[name]
    tokenizer = tokenizers[newlines]
    ids = {"eos_token_id": tokenizer.eos_token_id, "bos_token_id": None, "pad_token_id": tokenizer.pad_token_id}
    config = getattr(transformers, config_class)(vocab_size=len(tokenizer), **ids, **shape)
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp(name)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return name, folder


@pytest.fixture(scope="module")
def trained(
    family: tuple[str, Path], make_context: Callable[..., StageContext], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, StageContext]:
    """The context of each training after it has run on the family's base."""
    name, base = family
    done = {}
    for stage, run, section in (
        ("sft", sft.run, {"sft": Sft(**QUICK)}),
        ("reward", reward.run, {"reward": Reward(**QUICK)}),
        ("policy", policy_stage.run, {"policy": Policy(**QUICK)}),
    ):
        context = make_context(tmp_path_factory.mktemp(f"{name}-{stage}"), **section)
        context = replace(context, artifacts={**context.artifacts, "pretrain": base})
        metrics = run(context)
        assert metrics["dropped"] == 0
        done[stage] = context
    return done


def test_the_check_accepts_the_family_and_names_its_head(
    family: tuple[str, Path], make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    name, base = family
    train = make_context(tmp_path).train
    facts = check_model(
        str(base), template=PromptTemplate("nano"), problem_sets={"problems": train}, sft=True, reward=True
    )
    assert facts.head.endswith(FAMILIES[name][3])
    assert facts.context == 512


def test_greedy_programs_are_those_of_transformers(family: tuple[str, Path], trained: dict[str, StageContext]) -> None:
    context = trained["policy"]
    engine = TransformersEngine(str(context.output), batch_size=2, max_new_tokens=20)
    problems = context.train[:3]
    written = generate(engine, problems, context.template, Benchmark(samples=0), seed=0)
    model = transformers.AutoModelForCausalLM.from_pretrained(context.output)
    for problem, sample in zip(problems, written, strict=True):
        prompt = render(problem, "nano", engine.tokenizer)
        ids = torch.tensor([engine.tokenizer(prompt.question.text)["input_ids"]])
        with torch.inference_mode():
            output = model.generate(ids, do_sample=False, max_new_tokens=20)[0, ids.shape[1] :].tolist()
        text = engine.tokenizer.decode(output[:-1] if output[-1] == engine.tokenizer.eos_token_id else output)
        assert sample.program == problem.prompt.removesuffix(prompt.held) + text


def test_one_pass_scores_equal_a_pass_per_prefix(trained: dict[str, StageContext]) -> None:
    context = trained["reward"]
    scorer = LocalStepScorer(str(context.output))
    prompt, program = render(context.train[0], "nano", scorer.tokenizer), context.train[0].canonical
    parts = segment(program, "line")
    (whole,) = scorer.score([(prompt, program, parts)])
    for end, part in enumerate(parts, start=1):
        if part.end >= len(prompt.given):
            (prefix,) = scorer.score([(prompt, program[: part.end], parts[:end])])
            assert prefix[-1].logit == pytest.approx(whole[end - 1].logit, abs=1e-3)


def test_both_services_answer_as_in_process(serve: Serve, trained: dict[str, StageContext]) -> None:
    policy, scorer = str(trained["sft"].output), str(trained["reward"].output)
    local, problems = TransformersEngine(policy, max_new_tokens=8), trained["sft"].train[:2]
    prompts = [render(problem, "nano", local.tokenizer) for problem in problems]
    settings = PolicySettings(policy, engine="transformers", max_new_tokens=8)
    server = serve(lambda limits, registry: PolicyService(limits, settings, registry))
    questions = [prompt.question for prompt in prompts]
    with RemoteEngine(f"127.0.0.1:{server.port}", max_new_tokens=8) as far:
        assert far.generate(questions, samples=1, temperature=0.0, seed=0) == local.generate(
            questions, samples=1, temperature=0.0, seed=0
        )
    server = serve(lambda limits, registry: PrmService(limits, PrmSettings(scorer), registry))
    items = [
        (one, task.canonical, segment(task.canonical, "line")) for one, task in zip(prompts, problems, strict=True)
    ]
    with RemoteScorer(f"127.0.0.1:{server.port}") as far_scorer:
        found = far_scorer.score(items)
    for ours, theirs in zip(found, LocalStepScorer(scorer).score(items), strict=True):
        assert [score.logit for score in ours] == pytest.approx([score.logit for score in theirs], abs=1e-3)
