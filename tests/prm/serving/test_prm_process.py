"""The model's process: what it owes is answered when it dies, once; what kills it twice is given back."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.fixtures.serving import parent

from prlcoder.errors import InputError, WorkError
from prlcoder.prm.items import ProgramScores, ProgramToScore, StepSpan
from prlcoder.prm.scoring import LocalStepScorer
from prlcoder.prm.serving.batching import Batch
from prlcoder.prm.serving.process import ModelProcess
from prlcoder.prm.serving.settings import PrmSettings
from prlcoder.problems.model import CallTests, Problem
from prlcoder.problems.prompts import Prompt, render
from prlcoder.rpc.errors import CallError
from prlcoder.segmenter import segment

pytestmark = pytest.mark.needs_torch

NO_PROMPT = Prompt("", "", "")
PROGRAM = "a = 1\nb = a\n"
STEPS = (StepSpan(0, 6), StepSpan(6, 12))
ITEM = ProgramToScore(NO_PROMPT, PROGRAM, STEPS)


@dataclass(frozen=True)
class Fatal:
    """Ends the process that reads it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (7,)


def served(folder: Path, work: Callable[[ModelProcess], Awaitable[None]]) -> list[Batch]:
    """Run ``work`` with a model's process; the batches that it noted."""
    batches: list[Batch] = []

    async def run() -> None:
        model = ModelProcess(PrmSettings(str(folder)), batches.append)
        try:
            await model.start()
            await work(model)
        finally:
            await model.close()

    asyncio.run(run())
    return batches


def pid_of(model: ModelProcess) -> int:
    process = model._process
    assert process is not None
    assert process.pid is not None
    return process.pid


async def begun(model: ModelProcess) -> asyncio.Task[None]:
    """A start that has come as far as a process."""
    starting = asyncio.create_task(model.start())
    while model._process is None:
        await asyncio.sleep(0)
    return starting


async def sent() -> None:
    """Let what was asked be written."""
    for _ in range(3):
        await asyncio.sleep(0)


def logits(folder: Path) -> list[float]:
    """Of PROGRAM, by the scorer that the pipeline uses."""
    (steps,) = LocalStepScorer(str(folder)).score([(NO_PROMPT, PROGRAM, segment(PROGRAM, "line"))])
    return [step.logit for step in steps]


@pytest.mark.parametrize("gpu", [False, True])
def test_what_a_killed_process_owes_is_answered_by_the_next_with_the_same_weights(
    reward_models: dict[str, Path], gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if gpu:  # no fork server then
        monkeypatch.setattr("prlcoder.prm.serving.process.GPU_DEVICES", ("/dev/null",))

    async def work(model: ModelProcess) -> None:
        await model.update(3, str(reward_models["second"]))
        first = pid_of(model)
        os.kill(first, signal.SIGSTOP)  # it reads nothing more
        owed = [asyncio.create_task(model.score([ITEM])) for _ in range(5)]
        await sent()
        os.kill(first, signal.SIGKILL)
        for outcome in await asyncio.gather(*owed):
            (scored,) = outcome
            assert isinstance(scored, ProgramScores)
            assert scored.weights_version == 3
            assert [step.logit for step in scored.steps] == pytest.approx(logits(reward_models["second"]), abs=2e-4)
        assert pid_of(model) != first
        assert model.healthy
        assert (model.model.version, model.model.path) == (3, str(reward_models["second"]))

    served(reward_models["first"], work)


def test_a_process_that_dies_while_it_loads_again_is_followed_by_another(
    reward_models: dict[str, Path], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("prlcoder"), "propagate", True)

    async def work(model: ModelProcess) -> None:
        first = pid_of(model)
        os.kill(first, signal.SIGKILL)
        while pid_of(model) == first:
            await asyncio.sleep(0)
        os.kill(pid_of(model), signal.SIGKILL)
        (scored,) = await model.score([ITEM])
        assert isinstance(scored, ProgramScores)

    served(reward_models["first"], work)
    assert [(row.levelname, getattr(row, "exit", None)) for row in caplog.records] == [
        ("WARNING", -signal.SIGKILL),
        ("WARNING", None),
    ]
    assert "ended with -9 while it loaded" in caplog.records[1].__dict__["cause"]


def test_the_model_serves_on_when_what_starts_its_processes_dies(reward_models: dict[str, Path]) -> None:
    async def work(model: ModelProcess) -> None:
        first = pid_of(model)
        os.kill(parent(first), signal.SIGKILL)
        while pid_of(model) == first:
            await asyncio.sleep(0)
        (scored,) = await model.score([ITEM])
        assert isinstance(scored, ProgramScores)

    served(reward_models["first"], work)


def test_a_first_start_that_dies_is_a_message(reward_models: dict[str, Path]) -> None:
    async def work() -> None:
        model = ModelProcess(PrmSettings(str(reward_models["first"])))
        starting = await begun(model)
        os.kill(pid_of(model), signal.SIGKILL)
        with pytest.raises(WorkError, match=r"first.*: its process ended with -9 while it loaded; is there memory"):
            await starting
        await model.close()

    asyncio.run(work())


def test_what_ends_the_process_twice_is_given_back_and_the_model_serves_on(reward_models: dict[str, Path]) -> None:
    async def work(model: ModelProcess) -> None:
        fatal: Any = Fatal()
        with pytest.raises(CallError, match="ended twice") as lost:
            await model.score([fatal])
        assert (lost.value.code, lost.value.reason) == (grpc.StatusCode.UNAVAILABLE, "MODEL_LOST")
        (scored,) = await model.score([ITEM])
        assert isinstance(scored, ProgramScores)

    served(reward_models["first"], work)


def test_a_change_over_that_a_dying_process_owed_is_made_by_the_next(reward_models: dict[str, Path]) -> None:
    async def work(model: ModelProcess) -> None:
        os.kill(pid_of(model), signal.SIGSTOP)
        update = asyncio.create_task(model.update(1, str(reward_models["second"])))
        await sent()
        os.kill(pid_of(model), signal.SIGKILL)
        assert await update >= 0
        assert (model.model.version, model.model.path) == (1, str(reward_models["second"]))

    served(reward_models["first"], work)


def test_a_checkpoint_whose_loading_ends_the_process_leaves_the_old_one_serving(
    reward_models: dict[str, Path],
) -> None:
    async def work(model: ModelProcess) -> None:
        fatal: Any = Fatal()
        with pytest.raises(InputError, match=r"the process that loaded it ended, twice; .*first.* serves on"):
            await model.update(1, fatal)
        ((scored,), again) = await asyncio.gather(model.score([ITEM]), model.update(1, str(reward_models["second"])))
        assert isinstance(scored, ProgramScores)
        assert (again >= 0, model.model.version) == (True, 1)

    served(reward_models["first"], work)


def test_a_change_over_is_known_when_its_caller_has_gone(reward_models: dict[str, Path]) -> None:
    async def work(model: ModelProcess) -> None:
        update = asyncio.create_task(model.update(1, str(reward_models["second"])))
        await sent()
        model._asked.clear()
        while model.model.version != 1:
            await asyncio.sleep(0)
        assert model.model.path == str(reward_models["second"])
        update.cancel()

    served(reward_models["first"], work)


def test_what_is_cancelled_before_its_turn_is_not_read(reward_models: dict[str, Path]) -> None:
    async def work(model: ModelProcess) -> None:
        os.kill(pid_of(model), signal.SIGSTOP)
        given_up = asyncio.create_task(model.score([ProgramToScore(NO_PROMPT, "c = 3\n" * 9, (StepSpan(0, 6),))]))
        await sent()
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        os.kill(pid_of(model), signal.SIGCONT)
        await model.score([ITEM])

    (batch,) = served(reward_models["first"], work)
    assert len(batch.probabilities) == len(STEPS)


def test_a_start_that_is_broken_off_leaves_no_process(reward_models: dict[str, Path]) -> None:
    async def work() -> ModelProcess:
        model = ModelProcess(PrmSettings(str(reward_models["first"])))
        starting = await begun(model)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await model.close()
        return model

    process = asyncio.run(work())._process
    assert process is not None
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


def test_a_start_that_takes_long_holds_up_nothing_else(reward_models: dict[str, Path]) -> None:
    async def work(model: ModelProcess) -> None:
        slow, broken_off = (ModelProcess(PrmSettings(str(reward_models["second"]))) for _ in range(2))
        starter = parent(pid_of(model))
        os.kill(starter, signal.SIGSTOP)
        try:
            starting = [asyncio.create_task(one.start()) for one in (slow, broken_off)]
            (scored,) = await model.score([ITEM])
            assert isinstance(scored, ProgramScores)
            starting[1].cancel()
            await sent()
        finally:
            os.kill(starter, signal.SIGCONT)
        await asyncio.gather(*starting, return_exceptions=True)
        assert (starting[0].exception(), starting[1].cancelled()) == (None, True)
        for one in (slow, broken_off):
            await one.close()
            process = one._process
            assert process is not None
            process.join()

    served(reward_models["first"], work)


def test_a_chat_prompt_is_the_model_own_tokenizers(
    reward_models: dict[str, Path], tokenizer: Any, tmp_path: Path
) -> None:
    problem = Problem(id="p", statement="Add one.", tests=CallTests("f", ()))

    async def refused(model: ModelProcess) -> None:
        with pytest.raises(InputError, match="chat needs a tokenizer with a chat template"):
            await model.render(problem, "chat")
        assert await model.render(problem, "plain") == render(problem, "plain")

    async def rendered(model: ModelProcess) -> None:
        talks = type(tokenizer).from_pretrained(str(folder))
        assert await model.render(problem, "chat") == render(problem, "chat", talks)

    served(reward_models["first"], refused)
    folder = tmp_path / "talks"
    folder.mkdir()
    for path in reward_models["first"].iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "prompt_template.json").unlink(missing_ok=True)
    talking = type(tokenizer).from_pretrained(str(folder))
    talking.chat_template = "{% for one in messages %}<{{ one.role }}>{{ one.content }}{% endfor %}<assistant>"
    talking.save_pretrained(folder)
    served(folder, rendered)
