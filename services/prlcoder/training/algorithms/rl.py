"""Reinforcement learning from the policy's own rollouts: ``ppo``, ``rloo`` and ``grpo`` (paper, Algorithm 1).

An update samples programs with the weights in training, executes and scores them, gives each token a reward by the
credit rule, turns rewards into advantages, and makes optimiser steps. Nothing is drawn from a random generator with
state, so that a training that is killed and run again ends with the same weights.
"""

from __future__ import annotations

import io
import shutil
import signal
import sys
from contextlib import AbstractContextManager, closing
from typing import TYPE_CHECKING, Any, Final

from transformers import AutoModelForCausalLM
from transformers.utils import logging

from prlcoder.errors import InputError, WorkError
from prlcoder.modeling.adapters import load_model
from prlcoder.modeling.cpu import settle_cpu
from prlcoder.modeling.reward_record import require_kind
from prlcoder.prm.protocol import StepScorer
from prlcoder.prm.scoring import LocalStepScorer
from prlcoder.spec import Reward, Rl, RlValue
from prlcoder.stages.models import open_scorer
from prlcoder.telemetry.progress import Progress
from prlcoder.training.loop.model_card import model_card
from prlcoder.training.loop.publishing import write_model_folder
from prlcoder.training.loop.starting_model import loading_dtype, starting_policy
from prlcoder.training.loop.stop_on_signal import StopOnSignal
from prlcoder.training.rl.learner import Learner
from prlcoder.training.rl.opening import check_one_process, check_rollouts, open_collector, open_engine
from prlcoder.training.rl.ranks import Ranks
from prlcoder.training.rl.refreshing import RewardModelRefresh
from prlcoder.training.rl.scoring import RolloutScorer
from prlcoder.training.rl.shown_rollouts import ROLLOUTS_FILE
from prlcoder.training.rl.state import load_state, save_state
from prlcoder.training.rl.update_log import UPDATES_FILE, UpdateLog
from prlcoder.training.rl.updates import Updates
from prlcoder.training.rl.value_model import ValueModel, value_model_of_policy, value_model_of_reward
from prlcoder.training.rl.watch import watched

if TYPE_CHECKING:
    from prlcoder.stages.context import Metrics
    from prlcoder.training.algorithms.start import PolicyStart
    from prlcoder.training.loop.job import Job

LAST_UPDATES: Final = 10  # whose mean the stage's metrics are; a single update has few programs


def train(job: Job, start: PolicyStart, *, title: str) -> Metrics:
    """Train the policy by the spec's algorithm and publish it into ``job.output``."""
    rl = start.section.rl or Rl()
    _check(start, rl)
    settle_cpu()
    logging.disable_progress_bar()
    ranks = Ranks.started()
    learner = _learner(job, start, rl, ranks)
    with start.context.executor() as executor:
        model = _reward_model(start, rl)
        scorer = None if model is None else RolloutScorer(model, start.context.train, start.context.template)
        refresh = _refresh(start, job, rl, model)
        with closing(open_engine(start, job, rl, learner.policy.model, ranks)) as engine:
            collector = open_collector(start, rl, engine, executor, scorer, ranks)
            rows = _run(job, Updates(start.section, collector, learner, refresh), learner)
    return _publish(job, start, learner, rows, title=title)


def _check(start: PolicyStart, rl: Rl) -> None:
    """``InputError`` for what only shows once the run's problems and machine are known."""
    if rl.reward_model.refresh_every is not None:
        check_one_process("policy.rl.rewardModel.refreshEvery")
    check_rollouts(start, "policy.rl", needs_solutions=_needs_solutions(rl))
    if rl.top_p < 1:
        print(f"policy: topP {rl.top_p:g} changes the sampled distribution, and no correction is made", file=sys.stderr)


def _needs_solutions(rl: Rl) -> bool:
    compares = any(term.kind in ("ast-match", "data-flow-match") for term in rl.rewards)
    locates = rl.reward_model.refresh_every is not None or (
        rl.credit.rule == "first-error" and rl.credit.by == "execution"
    )
    return compares or locates or rl.curriculum == "cccs"


def _learner(job: Job, start: PolicyStart, rl: Rl, ranks: Ranks) -> Learner:
    """The policy in float32, the frozen reference and the value model, all from their starting weights."""
    policy = starting_policy(job, start.init)
    reference = None
    if rl.kl.coefficient and job.peft is None:
        reference, _ = load_model(AutoModelForCausalLM, start.init, dtype=loading_dtype(job))
    return Learner(job, rl, policy, reference, _value_model(start, rl), start.tokenizer.pad_token_id or 0, ranks)


def _value_model(start: PolicyStart, rl: Rl) -> ValueModel | None:
    if start.section.algorithm != "ppo":
        return None
    if (rl.value or RlValue()).init == "reward":
        return value_model_of_reward(str(start.context.artifacts["reward"]), start.tokenizer)
    return value_model_of_policy(start.init)


def _reward_model(start: PolicyStart, rl: Rl) -> StepScorer | None:
    """The reward model that scores the rollouts, if one does. ``InputError`` if it is of the wrong kind."""
    if not rl.scores_steps and not rl.scores_programs:
        return None
    folder = str(start.context.artifacts["reward"])
    require_kind(folder, "prm" if rl.scores_steps else "orm", "policy.rl.rewards")
    return open_scorer(start.context.spec.services, folder)


def _refresh(start: PolicyStart, job: Job, rl: Rl, model: StepScorer | None) -> RewardModelRefresh | None:
    """What trains the reward model again. ``InputError`` if it is not in this process."""
    if rl.reward_model.refresh_every is None or model is None:
        return None
    if not isinstance(model, LocalStepScorer):
        raise InputError(
            "policy.rl.rewardModel.refreshEvery: the reward model is behind a service, which this training cannot "
            "train; unset PRLCODER_PRM and services.prm"
        )
    section = start.context.spec.reward or Reward()
    return RewardModelRefresh(start, job, section, rl.reward_model, model)


def _run(job: Job, updates: Updates, learner: Learner) -> list[dict[str, Any]]:
    """All updates from the last checkpoint on. Returns the rows of the log.

    After SIGTERM or SIGINT in any process a checkpoint is saved and the signal is raised again for the previous
    handler; ``WorkError`` if that handler does not end the process. The first process writes log and checkpoints.
    """
    state, ranks = load_state(job.work), learner.ranks
    finished = 0 if state is None else updates.restore(state)
    stop = StopOnSignal()
    log = UpdateLog(job, finished) if ranks.rank == 0 else None
    rows: list[dict[str, Any]] = [] if log is None else log.rows
    stopped = False
    with stop.listening(), _progress(job, updates, finished, ranks) as progress:
        while finished < updates.total and not stopped:
            steps = learner.steps
            try:
                row = updates.make(finished)
            except WorkError:
                if stop.received is None:
                    raise
                break  # the signal has stopped a training of the reward model; the whole update is made again
            finished += 1
            if log is None:
                rows.append(row)
            else:
                row = watched(row, log.rows, updates.monitors)
                log.add(row, updates.shown)
            progress.advance(note=f"pass rate {row['pass_rate']:.3f}", tokens=row["tokens"])
            stopped = ranks.any(stop.received is not None)
            due = learner.steps // job.section.save_steps > steps // job.section.save_steps
            if ranks.rank == 0 and (due or finished == updates.total or stopped):
                save_state(job.work, finished, updates.state(finished))
    if log is not None:
        log.close()
    if stopped or stop.received is not None:
        received = stop.received or signal.SIGTERM
        signal.raise_signal(received)
        raise WorkError(f"{job.name}: stopped by {received.name} after update {finished}; run again to go on")
    return rows


def _progress(job: Job, updates: Updates, finished: int, ranks: Ranks) -> AbstractContextManager[Progress]:
    """The progress of the updates. Only the first process shows it."""
    stream = None if ranks.rank == 0 else io.StringIO()
    return Progress(job.name, total=updates.total, unit="updates", done=finished, stream=stream)


def _publish(job: Job, start: PolicyStart, learner: Learner, rows: list[dict[str, Any]], *, title: str) -> Metrics:
    """Write the model folder and the log of all updates, in the first process. Returns what the report shows."""
    if learner.ranks.rank > 0:
        return {}
    of_policy = [row for row in rows if row["phase"] == "policy"]
    last = of_policy[-LAST_UPDATES:]
    metrics: dict[str, float | int | str] = {
        "updates": len(of_policy),
        "sampled": sum(row["sampled"] for row in rows),
        "dropped": sum(count for row in rows for count in row["dropped"].values()),
        "steps": learner.steps,
        "alarms": len({(alarm["name"], alarm["since"]) for row in rows for alarm in row.get("alarms", ())}),
        **{name: sum(row[name] for row in last) / len(last) for name in ("pass_rate", "length")},
    }
    history = [{"step": row["step"], "loss": row["policy_loss"]} for row in of_policy if "policy_loss" in row]
    card = model_card(job, title=title, base=start.init, pipeline="text-generation", facts=metrics)
    write_model_folder(learner.policy.model, start.tokenizer, job, history, card)
    for name in (UPDATES_FILE, ROLLOUTS_FILE):
        shutil.copyfile(job.work / name, job.output / name)
    return metrics
