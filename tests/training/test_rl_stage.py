"""Reinforcement learning end to end: what is sampled, executed, scored, rewarded, dropped and learnt."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from prlcoder.errors import InputError, WorkError
from prlcoder.executor import ExecutionRequest, ExecutionResult, Executor
from prlcoder.modeling.checkpoints import Checkpoint, load
from prlcoder.modeling.spans import encode
from prlcoder.policy.transformers_engine import TransformersEngine
from prlcoder.prm.scoring import LocalStepScorer
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import PromptTemplate, render
from prlcoder.segmenter import segment, segment_each
from prlcoder.spec import Evaluation, Policy, Rl
from prlcoder.stages.context import StageContext
from prlcoder.training.rl.collecting import RolloutCollector, RolloutTask
from prlcoder.training.rl.engines import LocalEngine
from prlcoder.training.rl.scoring import RolloutScorer
from prlcoder.training.rl.token_batch import TokenBatch, completion_logps
from prlcoder.training.stages import policy as policy_stage

pytestmark = [pytest.mark.needs_torch, pytest.mark.needs_sandbox]

NANO = PromptTemplate("nano")
# A policy with random weights writes no EOS for a long time; these letters end its programs after a few tokens.
STOP = ("e", "o", "v", "1", "(")
SMALL: dict[str, Any] = {"updates": 3, "prompts": 4, "samples": 2, "maxNewTokens": 24}
VERDICT: dict[str, Any] = {"rewards": [{"kind": "verdict"}], "credit": {"rule": "outcome"}}


def policy(algorithm: str = "ppo", rl: dict[str, Any] | None = None, **fields: Any) -> Policy:
    """A section that trains for a few updates, by verdicts alone."""
    return Policy.model_validate(
        {
            "algorithm": algorithm,
            "learningRate": 1e-3,
            "batchSize": 4,
            "lrScheduler": "constant",
            "warmupRatio": 0.0,
            **fields,
            "rl": {**SMALL, **VERDICT, **(rl or {})},
        }
    )


def run(make_context: Callable[..., StageContext], folder: Path, section: Policy) -> tuple[StageContext, Any]:
    """The stage's context and its metrics."""
    context = make_context(folder, policy=section, evaluation=Evaluation(stop=STOP))
    return context, policy_stage.run(context)


def updates(context: StageContext) -> list[dict[str, Any]]:
    """The rows of the published log."""
    return [json.loads(line) for line in (context.output / "updates.jsonl").read_text().splitlines()]


def collector(
    suite: Iterable[Problem], folder: Path, executor: Any, *, scorer: Path | None = None, **rl: Any
) -> RolloutCollector:
    """A collector for the training problems with the model at ``folder``."""
    checkpoint = load(str(folder))
    problems = [problem for problem in suite if problem.split == "train"]
    tasks = [
        RolloutTask.of(problem, render(problem, NANO, checkpoint.tokenizer), checkpoint.tokenizer)
        for problem in problems
    ]
    settings = Rl.model_validate({**SMALL, **rl})
    return RolloutCollector(
        engine=LocalEngine(TransformersEngine(checkpoint, max_new_tokens=settings.max_new_tokens)),
        executor=executor,
        segmenter=segment_each,
        scorer=None if scorer is None else RolloutScorer(LocalStepScorer(str(scorer)), problems, NANO),
        tasks=tasks,
        template=NANO,
        mode="line",
        settings=settings,
        stop=STOP,
        seed=0,
        max_length=512,
    )


@pytest.mark.parametrize("algorithm", ["ppo", "rloo", "grpo"])
def test_a_policy_is_trained_published_and_logged(
    make_context: Callable[..., StageContext], tmp_path: Path, algorithm: str
) -> None:
    pretraining = {"value": {"pretrainUpdates": 1, "learningRate": 1e-3}} if algorithm == "ppo" else {}
    context, metrics = run(make_context, tmp_path, policy(algorithm, pretraining))
    rows = updates(context)
    assert metrics["updates"] == 3
    assert [row["phase"] for row in rows] == (["value"] if pretraining else []) + ["policy"] * 3
    assert all(row["sampled"] == 8 for row in rows)
    for row in rows:
        assert row["rewards"]["verdict"] == row["rewards"]["total"]
        assert {"pass_rate", "length", "seconds", "dropped", "verdicts"} <= row.keys()
    AutoModelForCausalLM.from_pretrained(context.output)
    card = (context.output / "README.md").read_text()
    assert f"# A policy improved by {algorithm.upper()}" in card


def test_a_learning_rate_of_almost_zero_leaves_the_weights(
    make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    section = policy("ppo", {"correction": {"kind": "none"}, "value": {"pretrainUpdates": 0}}, learningRate=1e-30)
    context, _ = run(make_context, tmp_path, section)
    before = load_file(Path(context.base_model()) / "model.safetensors")
    after = load_file(context.output / "model.safetensors")
    for name, weight in before.items():  # a weight of exactly 0 moves by the learning rate
        torch.testing.assert_close(after[name], weight, atol=1e-20, rtol=0)
    assert updates(context)[-1]["kl"] == pytest.approx(0.0, abs=1e-6)
    moved, _ = run(make_context, tmp_path / "moved", policy("ppo", {"value": {"pretrainUpdates": 0}}))
    other = load_file(moved.output / "model.safetensors")
    assert not all(torch.equal(other[name], weight) for name, weight in before.items())


def test_the_same_update_gives_the_same_rollouts_and_another_update_others(
    suite: tuple[Problem, ...], nano_folder: Path
) -> None:
    with Executor(workers=1) as executor:
        first, again = (collector(suite, nano_folder, executor, **VERDICT).collect(5, 0).rollouts for _ in range(2))
        other = collector(suite, nano_folder, executor, **VERDICT).collect(6, 0).rollouts
    assert first == again
    assert [one.completion_ids for one in other] != [one.completion_ids for one in first]


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_the_engine_and_the_trainer_agree_on_probabilities(
    suite: tuple[Problem, ...], nano_folder: Path, temperature: float
) -> None:
    """At the sampling temperature both give the same; a trainer at another temperature would show at once."""
    with Executor(workers=1) as executor:
        rollouts = collector(suite, nano_folder, executor, temperature=temperature, **VERDICT).collect(0, 0).rollouts
    model = load(str(nano_folder)).model
    batch = TokenBatch.of(rollouts, 0, together=True)
    apart = TokenBatch.of(rollouts, 0, together=False)
    sampling = torch.tensor([value for one in rollouts for value in one.sampling_logps])
    with torch.no_grad():
        torch.testing.assert_close(
            completion_logps(model, batch, temperature)[0], completion_logps(model, apart, temperature)[0]
        )
        found = flat(completion_logps(model, batch, temperature)[0], batch.lengths)
        wrong = flat(completion_logps(model, batch, temperature + 0.3)[0], batch.lengths)
    torch.testing.assert_close(found, sampling, atol=1e-4, rtol=0)
    assert (wrong - sampling).abs().mean() > 0.01


def flat(rows: torch.Tensor, lengths: Iterable[int]) -> torch.Tensor:
    """The values of the completion tokens, rollout after rollout."""
    return torch.cat([row[:length] for row, length in zip(rows, lengths, strict=True)])


def test_scores_of_a_reward_model_with_another_tokenizer_lie_at_the_policys_tokens(
    suite: tuple[Problem, ...], nano_folder: Path, reward_models: dict[str, Path]
) -> None:
    problems = {problem.id: problem for problem in suite}
    with Executor(workers=1) as executor:
        sampler = collector(suite, nano_folder, executor, scorer=reward_models["first"])
        sampler = replace(sampler, engine=LocalEngine(Canonical(sampler)))
        rollouts = sampler.collect(0, 0).rollouts
    scorer = LocalStepScorer(str(reward_models["first"]))
    policy_tokenizer = load(str(nano_folder)).tokenizer
    assert len(scorer.tokenizer) != len(policy_tokenizer)
    assert len(rollouts) == SMALL["prompts"] * SMALL["samples"]
    for one in rollouts:
        problem = problems[one.problem_id]
        assert one.outcome.passed
        steps = [part for part in segment(one.program, "line") if part.is_step]
        (expected,) = scorer.score([(render(problem, NANO, scorer.tokenizer), one.program, steps)])
        assert one.step_scores is not None
        scores = [score for score in one.step_scores if score is not None]
        assert scores == pytest.approx([score.probability for score in expected], abs=1e-5)
        for part, end, score in zip(one.segments, one.segment_ends, one.step_scores, strict=True):
            assert (score is None) == (not part.is_step)
            if score is not None:
                assert end is not None
                written = policy_tokenizer.decode(one.completion_ids[: end + 1])
                assert (problem.prompt + written).rstrip() == one.program[: part.end].rstrip()


class Canonical:
    """An engine that writes the canonical solutions: a policy that knows them."""

    def __init__(self, sampler: RolloutCollector) -> None:
        self.tokenizer = sampler.engine.tokenizer
        self._solutions = {
            task.prompt.question.text: task.problem.canonical.removeprefix(task.problem.prompt)
            for task in sampler.tasks
        }

    def stream(self, prompts: Any, sampling: Any) -> Iterator[Any]:
        """One finished piece per sample."""
        from prlcoder.policy.sampling import Piece

        for number, prompt in enumerate(prompts):
            text = self._solutions[prompt.text]
            known = len(encode(self.tokenizer, prompt).ids)
            ids = (*encode(self.tokenizer, prompt.text + text).ids[known:], self.tokenizer.eos_token_id)
            for sample in range(sampling.samples):
                yield Piece(number, sample, text, ids, (-0.5,) * len(ids), "stop")


class FailingSandbox:
    """Runs programs, and gives every third one no verdict."""

    def __init__(self, executor: Executor, reason: str) -> None:
        self._executor, self._reason = executor, reason

    def run(self, items: Iterable[ExecutionRequest]) -> Iterator[ExecutionResult]:
        """The results, some of them replaced."""
        for number, result in enumerate(self._executor.run(items)):
            yield replace(result, verdict=None, reason=self._reason) if number % 3 == 0 else result


@pytest.mark.parametrize(
    ("reason", "name"), [("no cgroup", "sandbox_error"), ("test_error: line 1: typo", "test_error")]
)
def test_a_rollout_without_a_verdict_is_dropped_and_counted(
    suite: tuple[Problem, ...], nano_folder: Path, reason: str, name: str
) -> None:
    with Executor(workers=1) as executor:
        found = collector(suite, nano_folder, FailingSandbox(executor, reason), **VERDICT).collect(0, 0)
    assert found.dropped[name] > 0
    assert len(found.rollouts) + found.dropped.total() == found.sampled == 8


def test_an_update_without_any_verdict_ends_the_training(suite: tuple[Problem, ...], nano_folder: Path) -> None:
    class Dead:
        def run(self, items: Iterable[ExecutionRequest]) -> Iterator[ExecutionResult]:
            return (ExecutionResult(None, "no cgroup") for _ in items)

    with pytest.raises(WorkError, match=r"update 2: no rollout of 8 is left \(8 sandbox_error\)"):
        collector(suite, nano_folder, Dead(), **VERDICT).collect(2, 0)


def test_a_completion_that_is_cut_off_is_counted_and_not_trained_on(
    make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    section = policy("ppo", {"maxNewTokens": 2, "value": {"pretrainUpdates": 0}})
    context = make_context(tmp_path, policy=section)  # nothing ends a program before its second token
    policy_stage.run(context)
    assert all(row["dropped"] == {"truncated": 8} and row["trained"] == 0 for row in updates(context))
    before = load_file(Path(context.base_model()) / "model.safetensors")
    after = load_file(context.output / "model.safetensors")
    assert all(torch.equal(after[name], weight) for name, weight in before.items())


def test_groups_whose_programs_have_the_same_reward_are_counted(
    make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    context, _ = run(make_context, tmp_path, policy("rloo"))
    dropped: Counter[str] = Counter()
    for row in updates(context):
        dropped.update(row["dropped"])
        assert row["trained"] + row["dropped"].get("group_without_variance", 0) == row["sampled"]
    assert dropped["group_without_variance"] > 0


def test_problems_without_tests_are_refused_before_the_first_update(
    make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    context = make_context(tmp_path, policy=policy("rloo"))
    tests = replace(context.train[0].tests, cases=())
    context = replace(context, train=(replace(context.train[0], tests=tests), *context.train[1:]))
    with pytest.raises(InputError, match=r"policy\.rl: 1 of 12 training problems have no tests"):
        policy_stage.run(context)


def test_the_engine_samples_with_the_weights_in_training(nano_folder: Path) -> None:
    checkpoint = load(str(nano_folder))
    engine = TransformersEngine(Checkpoint.of(checkpoint.model, checkpoint.tokenizer), max_new_tokens=8)
    before = engine.generate(["# 1: return the sum\n"], samples=1, temperature=0.0, seed=0)
    with torch.no_grad():
        for weight in checkpoint.model.parameters():
            weight.add_(0.5 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)))
    assert engine.generate(["# 1: return the sum\n"], samples=1, temperature=0.0, seed=0) != before
