"""Small trainings by reinforcement learning, and policies that write what a test says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from prlcoder.executor import ExecutionRequest, ExecutionResult, ProgramRunner
from prlcoder.modeling.checkpoints import load
from prlcoder.modeling.spans import encode
from prlcoder.policy.sampling import Piece
from prlcoder.policy.transformers_engine import TransformersEngine
from prlcoder.prm.scoring import LocalStepScorer
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import PromptTemplate, render
from prlcoder.segmenter import segment_each
from prlcoder.spec import Evaluation, Policy, Reward, Rl
from prlcoder.stages.context import StageContext
from prlcoder.training.rl.collecting import RolloutCollector, RolloutTask
from prlcoder.training.rl.curriculum import Curriculum
from prlcoder.training.rl.engines import LocalEngine, RolloutEngine
from prlcoder.training.rl.scoring import RolloutScorer
from prlcoder.training.stages import policy as policy_stage

NANO = PromptTemplate("nano")
SAMPLING: dict[str, Any] = {"updates": 2, "prompts": 4, "samples": 4, "temperature": 0.7, "maxNewTokens": 160}
VERDICT: dict[str, Any] = {"rewards": [{"kind": "verdict"}], "credit": {"rule": "outcome"}}


def rl_policy(algorithm: str = "rloo", rl: dict[str, Any] | None = None, **fields: Any) -> Policy:
    """A section that trains for a few updates."""
    values = {"learningRate": 1e-3, "batchSize": 8, "lrScheduler": "constant", "warmupRatio": 0.0, **fields}
    return Policy.model_validate({"algorithm": algorithm, **values, "rl": {**SAMPLING, **(rl or {})}})


def rl_context(
    make_context: Callable[..., StageContext],
    folder: Path,
    section: Policy,
    *,
    model: Path,
    reward: Path | None = None,
    stop: tuple[str, ...] = (),
    **sections: Any,
) -> StageContext:
    """The stage on the first four training problems, started from ``model``, with the reward model ``reward``."""
    context = make_context(folder, policy=section, reward=Reward(), evaluation=Evaluation(stop=stop), **sections)
    artifacts = {"pretrain": model, **({"reward": reward} if reward is not None else {})}
    return replace(context, artifacts=artifacts, train=context.train[:4])


def trained(context: StageContext) -> list[dict[str, Any]]:
    """The rows of the log after the training."""
    policy_stage.run(context)
    return [json.loads(line) for line in (context.output / "updates.jsonl").read_text().splitlines()]


def rl_collector(
    problems: Sequence[Problem],
    folder: Path,
    executor: ProgramRunner,
    *,
    scorer: Path | None = None,
    writes: Callable[[Problem], str] | None = None,
    **rl: Any,
) -> RolloutCollector:
    """A collector with the model at ``folder``; with ``writes``, of a policy that writes these programs."""
    checkpoint = load(str(folder))
    settings = Rl.model_validate({**SAMPLING, **VERDICT, **rl})
    tasks = [RolloutTask.of(one, render(one, NANO, checkpoint.tokenizer), checkpoint.tokenizer) for one in problems]
    engine: RolloutEngine = LocalEngine(TransformersEngine(checkpoint, max_new_tokens=settings.max_new_tokens))
    return RolloutCollector(
        engine=engine if writes is None else LocalEngine(Writing(checkpoint.tokenizer, tasks, writes)),
        executor=executor,
        segmenter=segment_each,
        scorer=None if scorer is None else RolloutScorer(LocalStepScorer(str(scorer)), problems, NANO),
        tasks=tasks,
        template=NANO,
        mode="line",
        settings=settings,
        stop=(),
        seed=0,
        max_length=512,
        curriculum=Curriculum(problems, segment_each, "line") if settings.curriculum == "cccs" else None,
    )


class Writing:
    """An engine that writes one program per problem, whatever is asked of it."""

    def __init__(self, tokenizer: Any, tasks: Iterable[RolloutTask], writes: Callable[[Problem], str]) -> None:
        self.tokenizer = tokenizer
        self._programs = {
            task.prompt.question.text: writes(task.problem).removeprefix(task.problem.prompt) for task in tasks
        }

    def stream(self, prompts: Any, sampling: Any) -> Iterator[Piece]:
        """One finished piece per sample."""
        for number, prompt in enumerate(prompts):
            text = self._programs[prompt.text]
            known = len(encode(self.tokenizer, prompt).ids)
            ids = (*encode(self.tokenizer, prompt.text + text).ids[known:], self.tokenizer.eos_token_id)
            for sample in range(sampling.samples):
                yield Piece(number, sample, text, ids, (-0.5,) * len(ids), "stop")


class FailingSometimes:
    """Runs programs, and gives those for which ``fails`` is true no verdict."""

    def __init__(self, executor: ProgramRunner, fails: Callable[[int, ExecutionRequest], bool]) -> None:
        self._executor, self._fails = executor, fails
        self._count = 0

    def run(self, items: Iterable[ExecutionRequest]) -> Iterator[ExecutionResult]:
        """The results in order; ``fails`` is given the number of the run and the request."""
        asked = list(items)
        for request, result in zip(asked, self._executor.run(asked), strict=True):
            self._count += 1
            yield replace(result, verdict=None, reason="no cgroup") if self._fails(self._count, request) else result
