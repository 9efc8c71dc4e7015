"""The serving core: the same scores as offline, per-item errors, and checkpoints exchanged without a dropped item."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from prlcoder.errors import InputError
from prlcoder.prm.items import ItemError, ProgramScores, ProgramToScore, StepScore, StepSpan, TooLongError
from prlcoder.prm.scoring import LocalStepScorer
from prlcoder.prm.serving.live import Batch, LiveScorer
from prlcoder.prm.step_model import StepModel
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import Prompt, render
from prlcoder.segmenter import segment

pytestmark = pytest.mark.needs_torch

NO_PROMPT = Prompt(text="", given="", closing="")


def items(training_problems: Sequence[Problem]) -> list[ProgramToScore]:
    """The problems' solutions, all steps."""
    return [
        ProgramToScore(
            render(problem, "plain"),
            problem.canonical,
            tuple(StepSpan(part.start, part.end) for part in segment(problem.canonical, "line")),
        )
        for problem in training_problems
    ]


def offline(folder: Path, training_problems: Sequence[Problem]) -> list[list[StepScore]]:
    """The same by the scorer that the pipeline uses."""
    programs = [(render(one, "plain"), one.canonical, segment(one.canonical, "line")) for one in training_problems]
    return LocalStepScorer(str(folder)).score(programs)


def assert_equal(ours: Sequence[StepScore], theirs: Sequence[StepScore]) -> None:
    """Same steps, same scores."""
    assert [(one.start, one.end) for one in ours] == [(one.start, one.end) for one in theirs]
    assert [one.logit for one in ours] == pytest.approx([one.logit for one in theirs], abs=2e-4)
    assert [one.probability for one in ours] == pytest.approx([one.probability for one in theirs], abs=1e-4)


@pytest.mark.parametrize("kept_tokens", [0, 1000])
def test_scores_are_those_of_the_offline_scorer(
    reward_models: dict[str, Path], training_problems: tuple[Problem, ...], kept_tokens: int
) -> None:
    seen: list[Batch] = []

    async def work() -> list[list[ProgramScores | ItemError]]:
        model = StepModel.load(str(reward_models["first"]))
        async with LiveScorer(model, kept_tokens=kept_tokens, on_batch=seen.append) as live:
            return await asyncio.gather(
                live.score(items(training_problems)), *(live.score([one]) for one in items(training_problems))
            )

    together, *alone = asyncio.run(work())
    expected = offline(reward_models["first"], training_problems)
    for found in (together, [one for (one,) in alone]):
        for ours, theirs in zip(found, expected, strict=True):
            assert isinstance(ours, ProgramScores)
            assert ours.weights_version == 0
            assert_equal(ours.steps, theirs)
    assert sum(len(batch.probabilities) for batch in seen) == 2 * sum(map(len, expected))


def test_a_bad_item_is_its_own_error(reward_models: dict[str, Path], training_problems: tuple[Problem, ...]) -> None:
    good, long = items(training_problems)[0], "a = 1\n" * 600
    batch = [
        ProgramToScore(NO_PROMPT, long, (StepSpan(0, len(long)),)),
        good,
        ProgramToScore(NO_PROMPT, "a = 1\n", (StepSpan(0, 7),)),
        ProgramToScore(good.prompt, "x = 1\n", (StepSpan(0, 6),)),
        ProgramToScore(NO_PROMPT, "", ()),
    ]

    async def work() -> list[ProgramScores | ItemError]:
        async with LiveScorer(StepModel.load(str(reward_models["first"]))) as live:
            return await live.score(batch)

    too_long, scored, outside, other_beginning, empty = asyncio.run(work())
    assert isinstance(too_long, TooLongError)
    assert "longer than the model's 512" in str(too_long)
    assert isinstance(scored, ProgramScores)
    assert len(scored.steps) == len(good.steps)
    assert "steps[0]: [0, 7) is not a part of a program of 6 characters" in str(outside)
    assert "does not begin with the code that the problem gives" in str(other_beginning)
    assert empty == ProgramScores([], 0)


def test_a_checkpoint_is_exchanged_while_items_flow_and_none_is_lost(
    reward_models: dict[str, Path], training_problems: tuple[Problem, ...]
) -> None:
    expected = {
        0: offline(reward_models["first"], training_problems),
        1: offline(reward_models["second"], training_problems),
    }

    async def work() -> list[list[ProgramScores | ItemError]]:
        found: list[list[ProgramScores | ItemError]] = []
        async with LiveScorer(StepModel.load(str(reward_models["first"]))) as live:
            updated = asyncio.Event()

            async def client() -> None:
                after = 0
                while after < 2:
                    after += updated.is_set()
                    found.append(await live.score(items(training_problems)))

            clients = [asyncio.create_task(client()) for _ in range(4)]
            await live.update(1, str(reward_models["second"]))
            updated.set()
            await asyncio.gather(*clients)
            assert live.version == 1
        return found

    rounds = asyncio.run(work())
    versions = set()
    for found in rounds:
        for number, scored in enumerate(found):
            assert isinstance(scored, ProgramScores)
            versions.add(scored.weights_version)
            assert_equal(scored.steps, expected[scored.weights_version][number])
    assert versions == {0, 1}


def test_an_invalid_checkpoint_leaves_the_old_one_serving(
    reward_models: dict[str, Path], policies: dict[str, Path], training_problems: tuple[Problem, ...], tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in reward_models["first"].iterdir():
        content = file.read_bytes()
        (broken / file.name).write_bytes(content[: len(content) // 2] if file.suffix == ".safetensors" else content)

    async def work() -> None:
        async with LiveScorer(StepModel.load(str(reward_models["first"]))) as live:
            for uri, why in (
                (tmp_path / "absent", "cannot be loaded"),
                (broken, "cannot be loaded"),
                (policies["first"], "is not a reward model"),
            ):
                with pytest.raises(InputError, match=why):
                    await live.update(1, str(uri))
            with pytest.raises(InputError, match="not above the present 0"):
                await live.update(0, str(reward_models["second"]))
            (scored,) = await live.score(items(training_problems)[:1])
            assert isinstance(scored, ProgramScores)
            assert scored.weights_version == live.version == 0

    asyncio.run(work())
