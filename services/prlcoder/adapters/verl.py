"""Reward functions for verl, by its ``custom_reward_function``:

    custom_reward_function.path=<this file> custom_reward_function.name=verdict_score
    +custom_reward_function.reward_kwargs.executor=127.0.0.1:8101

Each row's ``reward_model.ground_truth`` is ``ground_truth(problem)``. Without an address, programs run in a sandbox of
the calling process, and the reward model is loaded into it. verl has many workers, so services are the better choice.
verl's prompts are messages, so no code fence is open where an answer begins: the program is the last fenced block, or
the whole text if there is none.
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

_LOCAL_LOCK = threading.Lock()  # verl may call from several threads; a local sandbox or model serves one at a time
ATTEMPTS = 3
ANSWER_TEMPLATE = "plain"  # finds the program in an answer as described above


def ground_truth(problem: Problem) -> str:
    """The problem as JSON, without its solutions, for a row of verl's data set."""
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
    """The compiler signal of the program in ``solution_str``, -1 to 1, with verl's signature. ``executor`` is the
    address of an executor service. Raises ``WorkError`` if the sandbox fails ``ATTEMPTS`` times, because a failure of
    the sandbox must not become a reward."""
    problem = _problem(ground_truth)
    rewards = Rewards([problem], ANSWER_TEMPLATE)
    for _ in range(ATTEMPTS):
        with _exclusive_if_local(executor):
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
    """One number from 0 to 1 from the probabilities of the program's steps (``mean``, ``product``, ``min`` or
    ``last``), with verl's signature. ``prm`` is the address of a PRM service. Without it, ``model`` (a folder or hub
    id) is loaded into this process; ``template`` is the one that it was trained with."""
    problem = _problem(ground_truth)
    with _exclusive_if_local(prm):
        (score,) = Rewards([problem], template, answered=ANSWER_TEMPLATE).of_steps(
            _scorer(prm, model), [(problem.id, solution_str)], mode=mode, kind=aggregate
        )
    return score


compute_score = verdict_score  # the name that verl looks for by default


def _exclusive_if_local(address: str | None) -> AbstractContextManager[Any]:
    """A lock for local work; a service takes many calls at once and needs none."""
    return _LOCAL_LOCK if address is None else nullcontext()


@lru_cache(maxsize=4096)
def _problem(text: str) -> Problem:
    try:
        return own.parse(Record(json.loads(text)))
    except (FieldError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"reward_model.ground_truth: {error}; use what prlcoder.adapters.verl.ground_truth(problem) returns"
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
