"""Stage `reward`: a reward model, which is a two-class head on a causal backbone.

``kind: prm`` trains the process reward model R_P(d, w_<=i) (paper, section 3.2): the loss is cross-entropy at the last
visible token of every labelled step and nowhere else. ``kind: orm`` trains the outcome reward model (paper, section
4.2, "basic ORM"): the loss is cross-entropy at the last visible token of every labelled whole program, as if the
program were one step. The programs of a problem go through the model in one pass, as a trie of their tokens
(``docs/one-pass.md``). Labels of the validation problems choose the best epoch and calibrate the probabilities. The
stage `evaluate` measures the model on held-out problems.

TRL's ``RewardTrainer`` does not train the outcome model, for three reasons. It contrasts pairs of whole sequences, and
a program's verdict is a label of that program alone. Its head is a sequence classifier with one output, which the PRM
service does not load. It reads one row per program, and the variants of a solution share most of their tokens. With the
token head of the process reward model, both kinds have one trainer, one calibration, one scorer and one service, and
they differ in their labels alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import torch

from prlcoder.errors import InputError, WorkError
from prlcoder.modeling.adapters import STEP_LABELS, classifier_config, load_model
from prlcoder.modeling.reward_record import RewardRecord
from prlcoder.modeling.spans import check_template
from prlcoder.modeling.token_classifier import classifier_class
from prlcoder.modeling.tokenizer_loading import load_tokenizer
from prlcoder.prm.calibration import auroc, calibrated
from prlcoder.problems.prompts import render
from prlcoder.spec import Reward
from prlcoder.supervision.rows import training_buckets
from prlcoder.supervision.store import read_rows
from prlcoder.training.examples import outcomes, steps
from prlcoder.training.examples.length_limit import within_limit
from prlcoder.training.examples.outcomes import program_sequences
from prlcoder.training.examples.steps import StepSequence, labelled_once, step_sequences
from prlcoder.training.loop.finite import REMEDY
from prlcoder.training.loop.job import Job, initial_model
from prlcoder.training.loop.keep_best import KeepBest
from prlcoder.training.loop.language_modeling import final_loss
from prlcoder.training.loop.model_card import model_card
from prlcoder.training.loop.publishing import publish
from prlcoder.training.loop.reward_trainer import reads_step_tries, reward_trainer
from prlcoder.training.loop.starting_model import loading_dtype, prepared
from prlcoder.training.loop.step_validation import StepValidation, calibrate_head
from prlcoder.training.loop.trainer import fit
from prlcoder.training.stages.validation_steps import validation_programs, validation_rows

if TYPE_CHECKING:
    from prlcoder.problems.prompts import Prompt
    from prlcoder.stages.context import Metrics, StageContext

TITLES: Final = {"prm": "A process reward model", "orm": "An outcome reward model"}
LABELLED: Final = {"prm": "steps", "orm": "programs"}


def run(context: StageContext) -> Metrics:
    """Train the reward model and publish its folder."""
    section = context.spec.reward or Reward()
    job = Job.of(context, "reward", section)
    base = initial_model(context, section.model)
    tokenizer = load_tokenizer(base)
    prompts = _prompts(context, tokenizer)
    learnt, dropped = _within_limit(_learnt(context, tokenizer, prompts, section), context.spec.model.max_length)
    if not section.row_weights:
        learnt = labelled_once(learnt)
    model = step_classifier(base, seed=job.seed, dtype=loading_dtype(job))
    model = prepared(model, job, base=base, task="TOKEN_CLS")
    in_tries = reads_step_tries(model, learnt, job)
    trainer, tokens = reward_trainer(model, tokenizer, learnt, job, section, in_tries=in_tries)
    validation = _validation(context, tokenizer, prompts, section, in_tries=in_tries)
    best = KeepBest(job.work, lambda: validation.auroc(model))
    if section.keep_best and len(validation):
        trainer.add_callback(best)
    history = fit(trainer, job)
    calibrated_figures = _choose_and_calibrate(model, best, validation)
    metrics: dict[str, float | int | str] = {
        f"{LABELLED[section.kind]}_labelled": sum(len(item.positions) for item in learnt),
        "sequences": len(learnt),
        "dropped": dropped,
        "tokens": tokens,
        "token_ratio": sum(len(item.ids) for item in learnt) / tokens,
        "steps": trainer.state.global_step,
        "loss": final_loss(history),
        **calibrated_figures,
    }
    card = model_card(job, title=TITLES[section.kind], base=base, pipeline="token-classification", facts=metrics)
    publish(trainer, job, history, card)
    if trainer.is_world_process_zero():
        record = RewardRecord(section.kind, calibrated_figures.get("temperature"), calibrated_figures.get("offset"))
        record.write(job.output)
    return metrics


def _within_limit(sequences: Sequence[StepSequence], max_length: int) -> tuple[list[StepSequence], int]:
    """The sequences that fit the model, and the number of the others. ``WorkError`` if none fits."""
    kept = within_limit([len(item.ids) for item in sequences], max_length=max_length)
    return [sequences[number] for number in kept], len(sequences) - len(kept)


def _validation(
    context: StageContext, tokenizer: Any, prompts: Mapping[str, Prompt], section: Reward, *, in_tries: bool
) -> StepValidation:
    """The labels of the validation problems whose programs fit the model."""
    if section.kind == "orm":
        sequences = program_sequences(tokenizer, prompts, validation_programs(context))
    else:
        sequences = step_sequences(tokenizer, prompts, validation_rows(context))
    fitting = [item for item in labelled_once(sequences) if len(item.ids) <= context.spec.model.max_length]
    return StepValidation(fitting, pad=tokenizer.pad_token_id, budget=section.batch_tokens, in_tries=in_tries)


def _choose_and_calibrate(model: Any, best: KeepBest, validation: StepValidation) -> dict[str, float | int]:
    """Put the best epoch's weights into the model and fold the calibration into its head. Returns the figures."""
    if not len(validation):
        return {}
    best.restore(model)
    scored = validation.scored(model)
    if not all(math.isfinite(odds) for odds, _ in scored):  # finite weights may still give infinite scores
        raise WorkError(f"reward: the trained model's scores of the validation problems are not finite; {REMEDY}")
    found, calibration = auroc(scored), calibrated(scored)
    done = calibrate_head(model, calibration)
    return {
        "validation_steps": len(validation),
        **({"validation_auroc": found} if found is not None else {}),
        **({"best_epoch": best.best["epoch"]} if best.best is not None else {}),
        **({"temperature": calibration.temperature, "offset": calibration.offset} if done else {}),
    }


def _learnt(
    context: StageContext, tokenizer: Any, prompts: Mapping[str, Prompt], section: Reward
) -> list[StepSequence]:
    """The labelled steps, or the labelled programs, of the training problems as token sequences."""
    if section.kind == "prm":
        return step_sequences(tokenizer, prompts, _training_rows(context, "steps", steps.COLUMNS))
    rows = _training_rows(context, "programs", outcomes.COLUMNS)
    if len({row["label"] for row in rows}) < 2:
        found = f"only programs labelled {rows[0]['label']}" if rows else "no labelled program"
        raise InputError(
            f"spec.reward.kind: orm learns from right and wrong whole programs, and the supervision's table `programs` "
            f"holds {found} for the training problems; add a teacher, or use `kind: prm`"
        )
    return program_sequences(tokenizer, prompts, rows)


def _training_rows(context: StageContext, table: str, columns: Sequence[str]) -> list[Mapping[str, Any]]:
    """The labelled rows of the training problems. A supervision from elsewhere may hold other problems as well."""
    names = {problem.id for problem in context.train}
    buckets = training_buckets(bool(context.spec.supervision and context.spec.supervision.use_generated))
    return [
        row
        for row in read_rows(context.artifacts["supervise"], table, columns)
        if row["problem_id"] in names and row["bucket"] in buckets
    ]


def _prompts(context: StageContext, tokenizer: Any) -> dict[str, Prompt]:
    """The prompts of the training and validation problems. ``InputError`` if the template does not fit the model."""
    template = context.template
    problems = {problem.id: problem for problem in (*context.train, *context.validation)}
    prompts = {name: render(problem, template, tokenizer) for name, problem in problems.items()}
    solved = [name for name, problem in problems.items() if problem.solutions]
    check_template(
        tokenizer, template.name, [prompts[name] for name in solved], [problems[name].canonical for name in solved]
    )
    return prompts


def step_classifier(base: str, *, seed: int, dtype: torch.dtype = torch.float32) -> Any:
    """The backbone of ``base`` with a new two-class head, without dropout; the same head for the same seed."""
    torch.manual_seed(seed)
    config = classifier_config(base, STEP_LABELS)
    model, _ = load_model(classifier_class(config), base, dtype=dtype, config=config)
    return model
