"""The sandbox and the reward model reward TRL's completions, by themselves and in a real training step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from prlcoder.adapters.trl import StepReward, VerdictReward, rows
from prlcoder.errors import InputError
from prlcoder.executor import Executor
from prlcoder.prm.scoring import LocalStepScorer
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import render
from prlcoder.segmenter import segment

pytestmark = [pytest.mark.needs_sandbox, pytest.mark.needs_torch]


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    """One real sandbox."""
    with Executor(workers=1) as running:
        yield running


@pytest.fixture(scope="module")
def scorer(reward_models: dict[str, Path]) -> LocalStepScorer:
    """The reward model ``first``."""
    return LocalStepScorer(str(reward_models["first"]))


def completions(problem: Problem) -> list[str]:
    """The right one, a wrong one, one that does not parse."""
    right = problem.canonical[len(problem.prompt) :]
    return [right, "\n    return None\n", "\n    return (\n"]


def test_the_reward_of_a_completion_is_the_signal_of_its_verdict(
    training_problems: tuple[Problem, ...], executor: Executor
) -> None:
    reward = VerdictReward(training_problems, executor, template="plain")
    texts = completions(training_problems[0])
    assert reward(prompts=[""] * 3, completions=texts, problem_id=[training_problems[0].id] * 3) == [1.0, -0.3, -1.0]
    messages = [[{"role": "assistant", "content": text}] for text in texts]
    assert reward(completions=messages, problem_id=[training_problems[0].id] * 3, trainer_state=None) == [
        1.0,
        -0.3,
        -1.0,
    ]
    with pytest.raises(InputError, match="'elsewhere' is not one of the 12 problems given"):
        reward(completions=texts[:1], problem_id=["elsewhere"])


def test_the_reward_of_steps_is_the_aggregate_of_their_probabilities(
    training_problems: tuple[Problem, ...], scorer: LocalStepScorer
) -> None:
    problem = training_problems[0]
    own = [part for part in segment(problem.canonical, "line") if part.is_step and part.end > len(problem.prompt)]
    ((*scores,),) = scorer.score([(render(problem, "plain"), problem.canonical, own)])
    chances = [score.probability for score in scores]
    for aggregate, expected in (("mean", sum(chances) / len(chances)), ("min", min(chances)), ("last", chances[-1])):
        reward = StepReward(training_problems, scorer, template="plain", mode="line", aggregate=aggregate)
        right, _, unparsed = reward(completions=completions(problem), problem_id=[problem.id] * 3)
        assert right == pytest.approx(expected, abs=1e-5)
        assert unparsed == 0.0


def test_a_grpo_step_trains_on_both(
    training_problems: tuple[Problem, ...],
    executor: Executor,
    scorer: LocalStepScorer,
    policies: dict[str, Path],
    tmp_path: Path,
) -> None:
    from datasets import Dataset
    from transformers import AutoModelForCausalLM
    from trl import GRPOConfig, GRPOTrainer

    settings = GRPOConfig(
        output_dir=str(tmp_path),
        per_device_train_batch_size=4,
        num_generations=4,
        max_completion_length=12,
        max_steps=1,
        learning_rate=1e-2,
        logging_steps=1,
        report_to=[],
        save_strategy="no",
        seed=0,
        bf16=False,
    )
    model = AutoModelForCausalLM.from_pretrained(policies["first"])
    trainer = GRPOTrainer(
        model,
        [
            VerdictReward(training_problems, executor, template="nano"),
            StepReward(training_problems, scorer, template="nano", mode="line"),
        ],
        settings,
        train_dataset=Dataset.from_list(rows(training_problems[:2], "nano", scorer.tokenizer)),
        processing_class=_tokenizer(policies["first"]),
    )
    trainer.train()
    logged = trainer.state.log_history[0]
    assert -1 <= logged["rewards/verdict/mean"] <= 0  # what a random model writes does not pass
    assert 0 <= logged["rewards/steps/mean"] <= 1
    assert logged["reward"] == pytest.approx(logged["rewards/verdict/mean"] + logged["rewards/steps/mean"], abs=1e-4)
    assert trainer.state.global_step == 1


def _tokenizer(folder: Path) -> object:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)
