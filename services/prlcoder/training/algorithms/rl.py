"""Reinforcement learning from the policy's own rollouts: ``ppo``, ``rloo`` and ``grpo`` (paper, Algorithm 1).

An update samples programs with the weights in training, executes and scores them, gives each token a reward by the
credit rule, turns rewards into advantages, and makes optimiser steps. Nothing is drawn from a random generator with
state, so that a training that is killed and run again ends with the same weights.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

from transformers import AutoModelForCausalLM
from transformers.utils import logging

from prlcoder.errors import InputError, WorkError
from prlcoder.modeling.adapters import load_model
from prlcoder.modeling.checkpoints import Checkpoint
from prlcoder.modeling.cpu import settle_cpu
from prlcoder.policy.transformers_engine import TransformersEngine
from prlcoder.spec import Rl, RlValue
from prlcoder.stages.models import open_scorer
from prlcoder.stages.services import address, segmenter
from prlcoder.telemetry.progress import Progress
from prlcoder.training.loop.model_card import model_card
from prlcoder.training.loop.publishing import write_model_folder
from prlcoder.training.loop.starting_model import loading_dtype, starting_policy
from prlcoder.training.loop.stop_on_signal import StopOnSignal
from prlcoder.training.rl.collecting import RolloutCollector, RolloutTask, has_tests
from prlcoder.training.rl.learner import Learner
from prlcoder.training.rl.scoring import RolloutScorer
from prlcoder.training.rl.shown_rollouts import ROLLOUTS_FILE
from prlcoder.training.rl.state import load_state, save_state
from prlcoder.training.rl.update_log import UPDATES_FILE, UpdateLog
from prlcoder.training.rl.updates import Updates
from prlcoder.training.rl.value_model import ValueModel, value_model_of_policy, value_model_of_reward
from prlcoder.training.rl.watch import watched

if TYPE_CHECKING:
    from prlcoder.executor import ProgramRunner
    from prlcoder.stages.context import Metrics
    from prlcoder.training.algorithms.start import PolicyStart
    from prlcoder.training.loop.job import Job

MAX_ROWS: Final = 256  # programs that are sampled together
LAST_UPDATES: Final = 10  # whose mean the stage's metrics are; a single update has few programs


def train(job: Job, start: PolicyStart, *, title: str) -> Metrics:
    """Train the policy by the spec's algorithm and publish it into ``job.output``."""
    rl = start.section.rl or Rl()
    _check(start, rl)
    settle_cpu()
    logging.disable_progress_bar()
    learner = _learner(job, start, rl)
    with start.context.executor() as executor:
        collector = _collector(start, rl, learner, executor)
        rows = _run(job, start, learner, collector)
    return _publish(job, start, learner, rows, title=title)


def _check(start: PolicyStart, rl: Rl) -> None:
    """``InputError`` for what only shows once the run's problems and machine are known."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError(
            f"policy.algorithm: {start.section.algorithm} trains in one process; start it without torchrun"
        )
    if address(start.context.spec.services, "policy") is not None:
        raise InputError("policy.rl: samples in the trainer's process; unset PRLCODER_POLICY and services.policy")
    untested = [problem.id for problem in start.context.train if not has_tests(problem)]
    if untested:
        raise InputError(
            f"policy.rl: {len(untested)} of {len(start.context.train)} training problems have no tests "
            f"({untested[0]}); their programs have no verdict to learn from; leave them out"
        )
    unsolved = [problem.id for problem in start.context.train if not problem.solutions]
    if unsolved and _needs_solutions(rl):
        raise InputError(
            f"policy.rl: {len(unsolved)} of {len(start.context.train)} training problems have no canonical solution "
            f"({unsolved[0]}), which this reward or credit compares with; leave them out"
        )
    if rl.top_p < 1:
        print(f"policy: topP {rl.top_p:g} changes the sampled distribution, and no correction is made", file=sys.stderr)


def _needs_solutions(rl: Rl) -> bool:
    compares = any(term.kind in ("ast-match", "data-flow-match") for term in rl.rewards)
    return compares or (rl.credit.rule == "first-error" and rl.credit.by == "execution")


def _learner(job: Job, start: PolicyStart, rl: Rl) -> Learner:
    """The policy in float32, the frozen reference and the value model, all from their starting weights."""
    policy = starting_policy(job, start.init)
    reference = None
    if rl.kl.coefficient and job.peft is None:
        reference, _ = load_model(AutoModelForCausalLM, start.init, dtype=loading_dtype(job))
    return Learner(job, rl, policy, reference, _value_model(start, rl), start.tokenizer.pad_token_id or 0)


def _value_model(start: PolicyStart, rl: Rl) -> ValueModel | None:
    if start.section.algorithm != "ppo":
        return None
    if (rl.value or RlValue()).init == "reward":
        return value_model_of_reward(str(start.context.artifacts["reward"]), start.tokenizer)
    return value_model_of_policy(start.init)


def _collector(start: PolicyStart, rl: Rl, learner: Learner, executor: ProgramRunner) -> RolloutCollector:
    """Samples with the learner's own weights."""
    context = start.context
    checkpoint = Checkpoint.of(learner.policy.model, start.tokenizer)
    scorer = None
    if rl.scores_steps:
        model = open_scorer(context.spec.services, str(context.artifacts["reward"]))
        scorer = RolloutScorer(model, context.train, context.template)
    closings = {prompt.closing for prompt in start.prompts.values() if prompt.closing}
    return RolloutCollector(
        engine=TransformersEngine(checkpoint, batch_size=MAX_ROWS, max_new_tokens=rl.max_new_tokens),
        executor=executor,
        segmenter=segmenter(context.spec.services),
        scorer=scorer,
        tasks=[RolloutTask.of(problem, start.prompts[problem.id], start.tokenizer) for problem in context.train],
        template=context.template,
        mode=context.spec.segmentation,
        settings=rl,
        stop=tuple(sorted({*closings, *(context.spec.evaluation.stop if context.spec.evaluation else ())})),
        seed=context.spec.seed,
        max_length=start.max_length,
    )


def _run(job: Job, start: PolicyStart, learner: Learner, collector: RolloutCollector) -> list[dict[str, Any]]:
    """All updates from the last checkpoint on. Returns the rows of the log.

    After SIGTERM or SIGINT a checkpoint is saved and the signal is raised again for the previous handler; ``WorkError``
    if that handler does not end the process.
    """
    updates = Updates(start.section, collector, learner)
    finished = _restore(job, learner)
    log, stop, monitors = UpdateLog(job, finished), StopOnSignal(), (start.section.rl or Rl()).monitors
    with stop.listening(), Progress(job.name, total=updates.total, unit="updates", done=finished) as progress:
        while finished < updates.total and stop.received is None:
            steps = learner.steps
            row = watched(updates.make(finished), log.rows, monitors)
            finished += 1
            log.add(row, updates.shown)
            progress.advance(note=f"pass rate {row['pass_rate']:.3f}", tokens=row["tokens"])
            due = learner.steps // job.section.save_steps > steps // job.section.save_steps
            if due or finished == updates.total or stop.received is not None:
                save_state(job.work, finished, {**learner.state(), "update": finished})
    log.close()
    if stop.received is not None:
        signal.raise_signal(stop.received)
        raise WorkError(f"{job.name}: stopped by {stop.received.name} after update {finished}; run again to go on")
    return log.rows


def _restore(job: Job, learner: Learner) -> int:
    """Go on from the last complete checkpoint, if there is one. Returns the number of finished updates."""
    state = load_state(job.work)
    if state is None:
        return 0
    learner.restore(state)
    return int(state["update"])


def _publish(job: Job, start: PolicyStart, learner: Learner, rows: list[dict[str, Any]], *, title: str) -> Metrics:
    """Write the model folder and the log of all updates. Returns what the report shows."""
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
