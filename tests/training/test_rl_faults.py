"""Faults of what RL depends on: each is a clear error, or dropped and counted; nothing gets a reward of 0 instead."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.fixtures.serving import Serve
from tests.training.rl_cases import FailingSometimes, rl_collector, rl_context, rl_policy, trained

from prlcoder.errors import InputError, WorkError
from prlcoder.executor import ExecutionRequest, Executor
from prlcoder.modeling.reward_record import RewardRecord
from prlcoder.prm.serving.client import PrmClient
from prlcoder.prm.serving.service import PrmService
from prlcoder.prm.serving.settings import PrmSettings
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import render
from prlcoder.rpc.server import Server
from prlcoder.segmenter import segment
from prlcoder.spec import Rl, Services
from prlcoder.spec.rl import RlCredit
from prlcoder.stages.context import StageContext
from prlcoder.stages.remote_scorer import RemoteScorer
from prlcoder.training.stages import policy as policy_stage

pytestmark = [pytest.mark.needs_torch, pytest.mark.needs_sandbox]

PROCESS: dict[str, Any] = {"rewards": [{"kind": "process"}, {"kind": "verdict"}], "credit": {"rule": "mean"}}


def with_damaged_head(folder: Path, made: Path) -> Path:
    """A reward model whose scores are NaN."""
    from transformers import AutoModelForTokenClassification

    shutil.copytree(folder, made)
    model = AutoModelForTokenClassification.from_pretrained(folder)
    with torch.no_grad():
        model.score.bias.fill_(float("nan"))
    model.save_pretrained(made)
    return made


def test_a_reward_service_that_cannot_be_reached_ends_the_training_before_its_first_update(
    make_context: Callable[..., StageContext],
    taught_policy: Path,
    reward_models: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("prlcoder.stages.remote_model.INFO_TIMEOUT_S", 1.0)
    services = Services(prm="127.0.0.1:1")
    section, reward = rl_policy(rl=PROCESS), reward_models["first"]
    context = rl_context(make_context, tmp_path, section, model=taught_policy, reward=reward, services=services)
    with pytest.raises(WorkError, match=r"127\.0\.0\.1:1"):
        policy_stage.run(context)
    assert not (context.work / "train" / "updates.jsonl").exists()


@pytest.fixture(scope="module")
def server(serve: Serve, reward_models: dict[str, Path]) -> Server:
    """A service of the reward model ``first``."""
    return serve(lambda limits, registry: PrmService(limits, PrmSettings(str(reward_models["first"])), registry))


def test_a_reward_service_that_changes_its_model_is_an_error(
    server: Server, suite: tuple[Problem, ...], reward_models: dict[str, Path]
) -> None:
    address = f"127.0.0.1:{server.port}"
    problem = suite[0]
    item = (render(problem, "nano"), problem.canonical, segment(problem.canonical, "line"))

    async def change(name: str) -> None:
        async with PrmClient(address) as client:
            await client.update((await client.info()).weights_version + 1, str(reward_models[name]))

    with RemoteScorer(address, str(reward_models["first"])) as scorer:
        first = scorer.score([item])
        asyncio.run(change("first"))  # another version of the same model, as after a restart
        for ours, theirs in zip(scorer.score([item])[0], first[0], strict=True):
            assert ours.probability == pytest.approx(theirs.probability, abs=1e-5)
        asyncio.run(change("second"))
        with pytest.raises(WorkError, match=r"the reward model's service had version \d+ of its weights and has \d+"):
            scorer.score([item])


def test_scores_that_are_not_finite_end_the_training(
    suite: tuple[Problem, ...], taught_policy: Path, reward_models: dict[str, Path], tmp_path: Path
) -> None:
    damaged = with_damaged_head(reward_models["first"], tmp_path / "damaged")
    for rl in (PROCESS, {"rewards": [{"kind": "outcome-model"}], "credit": {"rule": "outcome"}}):
        with Executor(workers=1) as executor:
            sampler = rl_collector(suite[:4], taught_policy, executor, scorer=damaged, **rl)
            with pytest.raises(WorkError, match="the reward model's score of a step is not finite"):
                sampler.collect(0, 0)


def test_a_sandbox_that_fails_while_wrong_steps_are_located_drops_those_programs(
    suite: tuple[Problem, ...], taught_policy: Path
) -> None:
    """All sampled programs have their verdict. Of the spliced programs, those of one problem have none."""
    rl = {**PROCESS, "credit": {"rule": "first-error", "by": "execution"}}
    problems = suite[:4]
    written = {with_two_wrong_lines(problem) for problem in problems}

    def fails(number: int, request: ExecutionRequest) -> bool:
        return request.program not in written and request.tests == problems[0].tests

    with Executor(workers=1) as executor:
        runner = FailingSometimes(executor, fails)
        sampler = rl_collector(problems, taught_policy, runner, writes=with_two_wrong_lines, **rl)
        found = sampler.collect(0, 0)
    assert found.dropped == {"sandbox_error": 4}
    assert {one.problem_id for one in found.rollouts} == {problem.id for problem in problems[1:]}
    assert all(one.first_wrong_step is not None for one in found.rollouts)


def test_a_completion_without_a_verdict_is_not_a_failed_one(suite: tuple[Problem, ...], taught_policy: Path) -> None:
    """If no completion of a prefix passes and one has no verdict, nothing is known of the step before it."""
    credit = {"rule": "first-error", "by": "execution", "locate": "rollout", "rollouts": 2}
    problem = suite[1]
    program = with_two_wrong_lines(problem)

    def fails(number: int, request: ExecutionRequest) -> bool:
        return request.program != program

    with Executor(workers=1) as executor:
        runner = FailingSometimes(executor, fails)
        sampler = rl_collector([problem], taught_policy, runner, **{**PROCESS, "credit": credit, "prompts": 1})
        writing = rl_collector([problem], taught_policy, runner, writes=lambda _: program, prompts=1).engine
        rollouts = replace(sampler, engine=writing, settings=writing_settings(sampler.settings)).collect(0, 0).rollouts
        located = sampler.locator.locate(rollouts, seed=0)
    assert [getattr(one, "outcome", None) for one in located] == ["sandbox_error"] * 4


def writing_settings(settings: Rl) -> Rl:
    """The settings without a search, for a policy that cannot complete prefixes."""
    return settings.model_copy(update={"credit": RlCredit(rule="outcome")})


def with_two_wrong_lines(problem: Problem) -> str:
    """The canonical solution with two wrong last lines, so that a search has a prefix between them to try."""
    *lines, _ = problem.canonical.splitlines(keepends=True)
    return "".join([*lines, "    v1 = None\n", "    return v1\n"])


def test_a_policy_that_writes_nothing_is_seen_in_the_log_and_not_trained(
    make_context: Callable[..., StageContext], taught_policy: Path, tmp_path: Path
) -> None:
    """Every program ends before its first line, so all have the same reward."""
    section = rl_policy(rl={"rewards": [{"kind": "verdict"}], "credit": {"rule": "outcome"}})
    rows = trained(rl_context(make_context, tmp_path, section, model=taught_policy, stop=(" ",)))
    for row in rows:
        assert row["empty"] == 1.0
        assert row["verdicts"] == {"compile_error": 16}
        assert (row["trained"], row["dropped"]) == (0, {"group_without_variance": 16})


def test_a_reward_model_of_the_wrong_kind_is_refused(
    make_context: Callable[..., StageContext], taught_policy: Path, reward_models: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(reward_models["first"], tmp_path / "orm"))
    RewardRecord("orm", None, None).write(folder)
    context = rl_context(make_context, tmp_path, rl_policy(rl=PROCESS), model=taught_policy, reward=folder)
    with pytest.raises(InputError, match=r"policy\.rl\.rewards: .* of the kind orm, not prm"):
        policy_stage.run(context)
