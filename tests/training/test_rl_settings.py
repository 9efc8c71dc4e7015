"""Settings of ``policy.rl`` end to end: curriculum, outcome model, located errors, refresh, mask, error location."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.training.rl_cases import NANO, rl_collector, rl_context, rl_policy, trained

from prlcoder.executor import Executor
from prlcoder.prm.scoring import LocalStepScorer
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import render
from prlcoder.segmenter import Segment, segment_each
from prlcoder.spec import Rl
from prlcoder.stages.context import StageContext
from prlcoder.training.curricula import CompletionStage, completion_starts
from prlcoder.training.rl.curriculum import Curriculum
from prlcoder.training.rl.rewarding import rewarded
from prlcoder.training.rl.scoring import RolloutScorer
from prlcoder.training.rl.token_batch import completion_mask

pytestmark = [pytest.mark.needs_torch, pytest.mark.needs_sandbox]


def with_last_line(problem: Problem, line: str) -> str:
    """The canonical solution with another last line."""
    *lines, _ = problem.canonical.splitlines(keepends=True)
    return "".join([*lines, f"    {line}\n"])


# -- curriculum -------------------------------------------------------------------------------------------------------


def test_completions_begin_where_the_curriculum_says(suite: tuple[Problem, ...], taught_policy: Path) -> None:
    problems = suite[:4]
    with Executor(workers=1) as executor:
        sampler = rl_collector(problems, taught_policy, executor, curriculum="cccs")
        rollouts = sampler.collect(0, 0).rollouts
    for problem in problems:
        (parts,) = segment_each([problem.canonical], "line")
        given = problem.canonical[: CompletionStage(completion_starts(problem, parts)).start]
        own = [one for one in rollouts if one.problem_id == problem.id]
        assert own
        for one in own:
            assert one.program.startswith(given)
            # What the curriculum gives is no step of the policy, so that it gets no reward and no gradient.
            assert all(one.segments[step].end > len(given) for step in one.written_steps)


def test_a_problem_moves_on_when_most_of_its_programs_pass(suite: tuple[Problem, ...], taught_policy: Path) -> None:
    problems = suite[:4]
    curriculum = Curriculum(problems, segment_each, "line")
    several = [name for name, stage in curriculum.state().items() if stage == 0]
    with Executor(workers=1) as executor:
        right = rl_collector(problems, taught_policy, executor, writes=lambda one: one.canonical)
        wrong = rl_collector(problems, taught_policy, executor, writes=lambda one: with_last_line(one, "return None"))
        before = curriculum.figures()
        curriculum.learn(wrong.collect(0, 0).rollouts)
        assert curriculum.figures() == before
        for _ in range(10):
            curriculum.learn(right.collect(0, 0).rollouts)
    assert several
    assert before["finished"] < 1
    assert curriculum.figures() == {"finished": 1.0, "progress": 1.0}
    other = Curriculum(problems, segment_each, "line")
    other.restore(curriculum.state())
    assert other.figures() == curriculum.figures()
    assert all(other.problem(problem) is problem for problem in problems)


def test_the_curriculum_is_in_the_log(
    make_context: Callable[..., StageContext], taught_policy: Path, tmp_path: Path
) -> None:
    section = rl_policy(rl={"rewards": [{"kind": "verdict"}], "credit": {"rule": "outcome"}, "curriculum": "cccs"})
    rows = trained(rl_context(make_context, tmp_path, section, model=taught_policy))
    progress = [row["curriculum"]["progress"] for row in rows]
    assert progress == sorted(progress)
    assert 0 <= progress[0] < 1


# -- reward terms -----------------------------------------------------------------------------------------------------


def test_an_outcome_model_scores_whole_programs(
    suite: tuple[Problem, ...], taught_policy: Path, reward_models: dict[str, Path]
) -> None:
    problems = {problem.id: problem for problem in suite[:4]}
    rewards = [{"kind": "outcome-model", "weight": 0.5}]
    with Executor(workers=1) as executor:
        sampler = rl_collector(suite[:4], taught_policy, executor, scorer=reward_models["first"], rewards=rewards)
        rollouts = sampler.collect(0, 0).rollouts
    scorer = LocalStepScorer(str(reward_models["first"]))
    found = rewarded(rollouts, sampler.settings, problems)
    for one, rewards_of_tokens in zip(rollouts, found.rewards, strict=True):
        prompt = render(problems[one.problem_id], NANO, scorer.tokenizer)
        whole = Segment(0, len(one.program), "program", one.program)
        ((expected,),) = scorer.score([(prompt, one.program, [whole])])
        assert one.outcome_score == pytest.approx(expected.probability, abs=1e-5)
        assert rewards_of_tokens[-1] == pytest.approx(0.5 * (2 * expected.probability - 1), abs=1e-5)
        assert not any(rewards_of_tokens[:-1])


def test_an_empty_program_is_wrong_to_an_outcome_model(
    suite: tuple[Problem, ...], reward_models: dict[str, Path]
) -> None:
    bare = replace(suite[0], prompt="", solutions=())
    scorer = RolloutScorer(LocalStepScorer(str(reward_models["first"])), [bare], NANO)
    scores = scorer.score_programs([(bare.id, ""), (bare.id, "x = 1\n")])
    assert scores[bare.id, ""] == 0.0
    assert scores[bare.id, "x = 1\n"] not in (None, 0.0)


def test_the_line_of_an_error_is_punished_and_unexecuted_lines_are_not_trained(
    suite: tuple[Problem, ...], taught_policy: Path
) -> None:
    """The program ends with an exception in its last but one line, so the last one is never executed."""
    problem = suite[1]
    rl = {
        "rewards": [{"kind": "verdict"}, {"kind": "error-location", "weight": 0.3}],
        "credit": {"rule": "sum"},
        "mask": "executed",
    }

    def failing(one: Problem) -> str:
        return with_last_line(one, "v9 = v1 // 0\n    return v9")

    with Executor(workers=1) as executor:
        sampler = rl_collector([problem], taught_policy, executor, writes=failing, prompts=1, samples=2, **rl)
        rollouts = sampler.collect(0, 0).rollouts
    found = rewarded(rollouts, Rl.model_validate(rl), {problem.id: problem})
    one, tokens, parts = found.rollouts[0], found.rewards[0], found.components[0]
    error, last = len(one.segments) - 2, len(one.segments) - 1
    assert one.outcome.verdict == "runtime_error"
    end = one.segment_ends[error]
    assert end is not None
    assert {place: reward for place, reward in enumerate(tokens) if reward} == {
        end: pytest.approx(-0.3),
        len(tokens) - 1: pytest.approx(-0.6),
    }
    assert parts == {"verdict": pytest.approx(-0.6), "error-location": pytest.approx(-0.3)}
    mask = completion_mask(rollouts, executed=True)[0].tolist()
    line = one.program[: one.segments[last].end].count("\n")
    kept = {
        number: {stays for stays, own in zip(mask, one.token_lines, strict=True) if own == number}
        for number in (line - 1, line)
    }
    assert kept == {line - 1: {True}, line: {False}}


def test_a_training_with_both_logs_the_share_that_was_executed(
    make_context: Callable[..., StageContext], taught_policy: Path, tmp_path: Path
) -> None:
    rewards = [{"kind": "verdict"}, {"kind": "error-location", "weight": 0.3}]
    section = rl_policy("ppo", {"rewards": rewards, "credit": {"rule": "sum"}, "mask": "executed", "value": {}})
    rows = trained(rl_context(make_context, tmp_path, section, model=taught_policy))
    for row in rows[-2:]:
        assert 0 < row["executed_share"] <= 1
        assert row["rewards"]["total"] == pytest.approx(row["rewards"]["verdict"] + row["rewards"]["error-location"])


def test_the_rewards_of_two_terms_for_steps_add_up(
    suite: tuple[Problem, ...], taught_policy: Path, reward_models: dict[str, Path]
) -> None:
    rl = {"rewards": [{"kind": "process"}, {"kind": "verdict"}, {"kind": "error-location"}], "credit": {"rule": "mean"}}
    problems = {problem.id: problem for problem in suite[:4]}
    with Executor(workers=1) as executor:
        sampler = rl_collector(suite[:4], taught_policy, executor, scorer=reward_models["first"], **rl)
        found = rewarded(sampler.collect(0, 0).rollouts, sampler.settings, problems)
    for total, parts in zip(found.totals(), found.components, strict=True):
        assert sum(parts.values()) == pytest.approx(total)
        assert parts.keys() == {"process", "verdict", "error-location"}


# -- first wrong steps ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("locate", ["splice", "rollout"])
def test_the_first_wrong_step_is_located_for_the_credit(
    suite: tuple[Problem, ...], taught_policy: Path, locate: str
) -> None:
    """The taught policy's error is its last line; completions of the prefix before it pass half of the time."""
    credit = {"rule": "first-error", "by": "execution", "locate": locate, "rollouts": 8}
    rewards = [{"kind": "process"}, {"kind": "verdict"}]
    with Executor(workers=1) as executor:
        sampler = rl_collector(suite[:4], taught_policy, executor, credit=credit, rewards=rewards)
        rollouts = sampler.collect(0, 0).rollouts
    ends = [one for one in rollouts if one.program.endswith("return None\n")]
    assert ends
    assert all(one.first_wrong_step == len(one.segments) - 1 for one in ends)
    assert all(one.first_wrong_step is None for one in rollouts if one.outcome.passed)


# -- refresh ----------------------------------------------------------------------------------------------------------


def test_the_reward_model_is_trained_again_on_the_newest_programs(
    make_context: Callable[..., StageContext],
    taught_policy: Path,
    reward_models: dict[str, Path],
    tmp_path: Path,
) -> None:
    reward_model = {"refreshEvery": 2, "epochs": 2, "learningRate": 1e-3}
    section = rl_policy(rl={"updates": 4, "rewardModel": reward_model})
    context = rl_context(make_context, tmp_path, section, model=taught_policy, reward=reward_models["first"])
    before = (reward_models["first"] / "model.safetensors").read_bytes()
    rows = trained(context)
    assert ["refresh" in row for row in rows] == [False, True, False, True]
    first, second = rows[1]["refresh"], rows[3]["refresh"]
    assert first["steps"] > 0
    assert 0 < first["chosen"] < 1
    # The model has random weights; after its first training it tells the policy's wrong steps from the right ones.
    assert second["auroc"] > first["auroc"]
    assert (reward_models["first"] / "model.safetensors").read_bytes() == before
    assert not list((context.work / "train").glob("refresh-*"))
