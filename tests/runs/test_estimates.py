"""What ``prlcoder plan`` estimates: sizes and bytes worked out by hand, and the tokens of recorded runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prlcoder.runs.estimates import memory, tokens
from prlcoder.runs.estimates.from_spec import estimates_from_spec
from prlcoder.runs.estimates.hardware import CPU_TRAINING_FLOPS, TRAINING_SHARE, hardware_of
from prlcoder.runs.estimates.shapes import ModelShape, ProblemSize
from prlcoder.runs.estimates.stages import RunFacts, StageEstimate, estimates
from prlcoder.runs.estimates.table import estimate_record, estimate_summary, estimate_text, saved_summaries
from prlcoder.spec import Policy, TrainingRun, manifest
from prlcoder.spec.cluster import StagePods
from prlcoder.spec.supervision import LlmTeacher

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NANO = ModelShape(3, 96, 264, 391, 4, 4, 24, tied=True)
SMOLLM2 = {
    "hidden_size": 576,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "head_dim": 64,
    "intermediate_size": 1536,
    "vocab_size": 49152,
    "tie_word_embeddings": True,
}
DEEPSEEK = {
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "intermediate_size": 11008,
    "vocab_size": 32256,
}
SIZE = ProblemSize(300, 300, 150, 300, prompt=40.0, solution=60.0, segments=6.0, stream=110.0)


def test_the_weights_of_published_models() -> None:
    assert ModelShape.of(SMOLLM2).parameters == 134_515_008  # as its safetensors file has
    assert ModelShape.of(DEEPSEEK).parameters == 6_740_512_768
    assert ModelShape.of(DEEPSEEK).head_parameters == 32256 * 4096


def test_a_family_that_names_its_sizes_otherwise_is_unknown() -> None:
    with pytest.raises(KeyError):
        ModelShape.of({"n_embd": 768})


def test_a_full_training_holds_sixteen_bytes_per_weight() -> None:
    weights = memory.trained_weights(NANO, rank=None, frozen_bytes=0)
    assert weights.in_memory == 16 * 376_896
    assert weights.in_checkpoint == 12 * 376_896
    assert weights.published == 4 * 376_896


def test_adapters_are_trained_on_frozen_weights() -> None:
    small = ModelShape(1, 8, 16, 100, 2, 1, 4, tied=True)
    # q and o: 8 -> 8 and back; k and v: 8 -> 4; gate, up and down between 8 and 16. Rank 2 has both factors of each.
    expected = 2 * ((8 + 8) * 2 + (8 + 4) * 2 + (8 + 16) * 3)
    weights = memory.trained_weights(small, rank=2, frozen_bytes=2)
    assert weights.trained == expected
    assert weights.frozen == 2 * small.parameters


def test_the_cache_grows_by_doubling() -> None:
    per_token = 2 * 3 * 4 * 24 * 4  # keys and values, 3 layers, 4 heads of 24, float32
    logits = 2 * 391 * 4
    assert memory.sampling_bytes(NANO, 2, 10, 50, value_bytes=4) == 2 * 64 * per_token + logits
    assert memory.sampling_bytes(NANO, 2, 10, 60, value_bytes=4) == 2 * 128 * per_token + logits


def test_checkpoints_beside_each_other() -> None:
    assert [memory.checkpoints(steps, 200, 2) for steps in (50, 200, 201, 1000)] == [1, 1, 2, 2]


def test_a_model_from_scratch_ends_its_programs() -> None:
    assert tokens.written_length(SIZE, 220, ends_itself=True) == 60
    assert tokens.written_length(SIZE, 50, ends_itself=True) == 50
    assert tokens.written_length(SIZE, 220, ends_itself=False) == 220


def test_ppo_counts_the_updates_of_its_value_model() -> None:
    policy = Policy.model_validate(
        {"algorithm": "ppo", "rl": {"updates": 40, "prompts": 32, "samples": 4, "value": {"pretrainUpdates": 3}}}
    )
    assert policy.rl is not None
    assert tokens.rollouts(policy.rl) == 43 * 32 * 4
    assert tokens.rollout_tokens(policy, policy.rl, 60.0).written == 43 * 32 * 4 * 60


def test_the_teachers_cost() -> None:
    teacher = LlmTeacher(
        kind="llm",
        base_url="http://localhost/v1",
        model="m",
        mutations=4,
        refactorings=1,
        price_per_million_prompt=1.0,
        price_per_million_completion=2.0,
    )
    asked = tokens.asked(teacher, SIZE)
    assert asked.requests == 300 * 6 * 2  # one per segment for mutations, one for refactorings
    assert asked.prompt == asked.requests * (700 + 100)
    assert asked.completion == 300 * 6 * 5 * (10 + 30)
    assert asked.cost == pytest.approx((asked.prompt + 2 * asked.completion) / 1e6)


def test_the_hardware_that_a_manifest_names() -> None:
    assert hardware_of(StagePods()).training_flops == CPU_TRAINING_FLOPS
    pods = {"resources": {"limits": {"nvidia.com/gpu": 8}}, "nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-A800"}}
    found = hardware_of(StagePods.model_validate(pods))
    assert (found.gpus, found.training_flops) == (8, TRAINING_SHARE * 312e12 * 8)
    unknown = hardware_of(StagePods.model_validate({"resources": pods["resources"]}))
    assert unknown.training_flops is None


def paper_estimates(name: str) -> dict[str, StageEstimate]:
    """The estimates of one of the paper's manifests, as if its files were here."""
    run = manifest.load(EXAMPLES / "paper" / f"{name}.yaml")
    size = ProblemSize(3706, 3706, 1853, 1853, prompt=500.0, solution=200.0, segments=20.0)
    facts = RunFacts(ModelShape.of(DEEPSEEK), size, (1853, 164, 500, 880), ends_itself=False, value_bytes=2)
    return {one.stage: one for one in estimates(run, facts, run.stages())}


def test_the_papers_sizes_need_more_than_a_gpu_of_80_gb() -> None:
    sft = paper_estimates("sft")["sft"]
    assert sft.gpu_memory_mib is not None
    assert sft.gpu_memory_mib > 16 * 6.74e9 / 2**20
    assert sft.gpus == "8 of 141 GB"
    assert sft.tokens_read == 3706 * 700 * 3
    assert sft.seconds is None  # the manifest names no product
    ppo = paper_estimates("prm-ppo")["policy"]
    assert ppo.gpus == "1 of none"  # a policy and a value model in training
    assert "value model in training" in ppo.how["memory"]


MEASURED_TOKENS: dict[str, dict[str, tuple[float | None, float]]] = {
    "quickstart": {
        "pretrain": (1_772_784, 0),
        "supervise": (0, 151_098),
        "sft": (303_440, 0),
        "reward": (840_012, 0),  # 420,006 in 6 epochs; now there are 12
        "policy": (129_417 + 2 * 134_538 + 58_644, 0),
        "evaluate": (None, 665_064),  # 835,999 on 300 problems; the first 240 have 79.6 % of the characters
    },
    "ppo": {"policy": (None, 350_305), "evaluate": (None, 338_092)},
    "rloo": {"policy": (None, 319_927), "evaluate": (None, 334_457)},
}
"""Tokens read and written in the logs of the three examples; 2 cores, commit fe95f86, seed 0."""


@pytest.mark.needs_torch
@pytest.mark.parametrize("example", MEASURED_TOKENS)
def test_tokens_are_within_a_tenth_of_what_the_runs_showed(example: str) -> None:
    from prlcoder.runs.estimates.facts import facts_of

    run = manifest.load(EXAMPLES / f"{example}.yaml")
    measured = MEASURED_TOKENS[example]
    for one in estimates(run, facts_of(run), measured):
        read, written = measured[one.stage]
        assert one.tokens_written == pytest.approx(written, rel=0.1), one.stage
        if read is not None:
            assert one.tokens_read == pytest.approx(read, rel=0.1), one.stage


def test_the_table_says_what_is_unknown_and_how_figures_were_obtained() -> None:
    text = estimate_text([*paper_estimates("sft").values()])
    assert "unknown" in text
    assert "memory of sft: libraries (measured), pages of the weights' file, and 6,740.5 M trained weights" in text
    record: dict[str, Any] = estimate_record(paper_estimates("sft")["sft"])
    assert record["tokens_read"] == 7_782_600.0


def test_a_spec_alone_tells_bounds_and_says_what_it_does_not_tell() -> None:
    run = manifest.load(EXAMPLES / "paper" / "prm-ppo.yaml")
    found = {one.stage: one for one in estimates_from_spec(run, run.stages())}
    assert run.spec.policy is not None
    assert run.spec.policy.rl is not None
    assert found["policy"].tokens_written == tokens.rollouts(run.spec.policy.rl) * 1024
    assert found["policy"].gpus == "2 requested"  # the trainer's and its reward model's
    assert (found["policy"].memory_mib, found["policy"].seconds) == (None, None)
    assert found["evaluate"].tokens_written is None  # nobody has counted the problems of the file
    assert found["evaluate"].how["tokens"] == "not known before the problems are read"
    assert found["reward"].tokens_written == 0
    summary = estimate_summary(found["policy"])
    assert summary["tokensWritten"] == f"{found['policy'].tokens_written:,.0f}"
    assert summary["memory"] == summary["time"] == "unknown"
    assert summary["how"][1] == "tokens: at most, written: updates x problems x programs x policy.rl.maxNewTokens"


def test_an_estimate_is_shown_as_it_was_saved(tmp_path: Path) -> None:
    path, one = tmp_path / "estimate.json", paper_estimates("sft")["sft"]
    path.write_text(json.dumps({"stages": {"sft": estimate_record(one)}}))
    (shown,) = saved_summaries(path)
    assert (shown["name"], shown["gpus"], shown["tokensRead"]) == ("sft", "8 of 141 GB", "7,782,600")
    assert shown["how"][0].startswith("memory: libraries (measured)")
    path.write_text("{")
    assert saved_summaries(path) == saved_summaries(tmp_path / "nowhere") == []


def test_a_run_without_stages_to_run_has_no_estimates() -> None:
    run: TrainingRun = manifest.load(EXAMPLES / "ppo.yaml")
    facts = RunFacts(NANO, SIZE, (300,), ends_itself=True, value_bytes=4)
    assert estimates(run, facts, []) == []
