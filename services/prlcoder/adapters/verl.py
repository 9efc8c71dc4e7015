"""Reward functions for verl, by its ``custom_reward_function``:

    custom_reward_function.path=<this file> custom_reward_function.name=verdict_score
    +custom_reward_function.reward_kwargs.executor=127.0.0.1:8101

Each row's ``reward_model.ground_truth`` is ``ground_truth(problem)``. Without an address, programs run in a sandbox of
the calling process, and the reward model is loaded into it; verl's workers are many, so services are the better choice.
verl's prompts are messages, so that no code fence is open where an answer begins: its program is the last fenced block,
else the whole text.
"""

from __future__ import annotations

import json
import threading
from contextlib import AbstractContextManager, nullcontext
from functools import cache, lru_cache
from typing import Any

from prlcoder.adapters.rewards import Rewards
from prlcoder.errors import InputError, WorkError
from prlcoder.executor import ProgramRunner
from prlcoder.prm.protocol import StepScorer
from prlcoder.problems.formats import own
from prlcoder.problems.formats.record import FieldError, Record
from prlcoder.problems.model import Problem
from prlcoder.segmenter import Mode

_ONE_AT_A_TIME = threading.Lock()  # verl may call from several threads; a sandbox or a model in memory serves one
ATTEMPTS = 3
ANSWERED = "plain"  # the template whose answers are found as the docstring says


def ground_truth(problem: Problem) -> str:
    """What a row of verl's data set holds about its problem: all of it, as JSON, without its solutions."""
    return json.dumps({**own.encode(problem), "solutions": []}, ensure_ascii=False)


def verdict_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Any = None,
    *,
    executor: str | None = None,
    **others: Any,
) -> float:
    """The compiler signal of the program in ``solution_str``, -1 to 1; verl's signature. ``executor`` is the address of
    an executor service. ``WorkError`` if the sandbox fails again and again: that is nobody's reward."""
    problem = _problem(ground_truth)
    rewards = Rewards([problem], ANSWERED)
    for _ in range(ATTEMPTS):
        with _turn(executor):
            (score,) = rewards.of_verdicts(_runner(executor), [(problem.id, solution_str)])
        if score is not None:
            return score
    raise WorkError(f"{problem.id}: the sandbox failed {ATTEMPTS} times; `prlcoder doctor` says what it needs")


def step_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Any = None,
    *,
    prm: str | None = None,
    model: str | None = None,
    template: str = "chat",
    mode: Mode = "block",
    aggregate: str = "mean",
    **others: Any,
) -> float:
    """The probabilities of the program's steps in one number, 0 to 1 (``mean``, ``product``, ``min`` or ``last``);
    verl's signature. ``prm`` is the address of a reward model's service; without it, ``model`` (a folder or hub id) is
    loaded here; ``template`` is the one that it was trained with."""
    problem = _problem(ground_truth)
    with _turn(prm):
        (score,) = Rewards([problem], template, answered=ANSWERED).of_steps(
            _scorer(prm, model), [(problem.id, solution_str)], mode=mode, kind=aggregate
        )
    return score


compute_score = verdict_score  # verl's own name for it


def _turn(address: str | None) -> AbstractContextManager[Any]:
    """A service takes many calls at once."""
    return _ONE_AT_A_TIME if address is None else nullcontext()


@lru_cache(maxsize=4096)
def _problem(text: str) -> Problem:
    try:
        return own.parse(Record(json.loads(text)))
    except (FieldError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"reward_model.ground_truth: {error}; write what prlcoder.adapters.verl.ground_truth(problem) gives"
        ) from None


@cache
def _runner(address: str | None) -> ProgramRunner:
    if address is None:
        from prlcoder.executor import Executor

        return Executor()
    from prlcoder.executor.serving.blocking import BlockingExecutor
    from prlcoder.rpc.address import Address

    return BlockingExecutor(Address.of(address))


@cache
def _scorer(address: str | None, model: str | None) -> StepScorer:
    if address is not None:
        from prlcoder.rpc.address import Address
        from prlcoder.stages.remote_scorer import RemoteScorer

        return RemoteScorer(Address.of(address), model)
    if model is None:
        raise InputError("reward_kwargs: give prm (an address) or model (a folder or hub id)")
    from prlcoder.prm.scoring import LocalStepScorer

    return LocalStepScorer(model)
