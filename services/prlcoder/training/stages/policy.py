"""Stage `policy`: the improved policy in the stage's folder, its controls in ``controls/<kind>`` below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prlcoder.errors import WorkError
from prlcoder.modeling.spans import check_template
from prlcoder.problems.prompts import Prompt, render
from prlcoder.spec import Control, Dpo, Policy
from prlcoder.supervision.store import read_rows
from prlcoder.training.algorithms.dpo import train_on_pairs
from prlcoder.training.examples import program_dataset
from prlcoder.training.loop.job import Job, initial_model
from prlcoder.training.loop.likelihood import fine_tune
from prlcoder.training.loop.trainer import load_tokenizer
from prlcoder.training.pair_examples import COLUMNS, pair_dataset

if TYPE_CHECKING:
    from prlcoder.stages.context import Metrics, StageContext


def run(context: StageContext) -> Metrics:
    """Train the policy by step-level DPO, then each control from the same start; publish all of them."""
    section = context.spec.policy or Policy()
    settings = section.dpo or Dpo()
    init = initial_model(context, section.init)
    tokenizer = load_tokenizer(init)
    prompts = training_prompts(context, tokenizer)
    pairs, dropped = pair_dataset(
        tokenizer,
        prompts,
        (row for row in read_rows(context.artifacts["supervise"], "pairs", COLUMNS) if row["problem_id"] in prompts),
        settings,
        max_length=context.spec.model.max_length,
    )
    job = Job.of(context, "policy", section)
    title = "A policy improved by step-level DPO"
    metrics = dict(train_on_pairs(job, init, tokenizer, pairs, settings, "dpo", title=title))
    metrics["dropped"] = dropped
    for control in section.controls:
        below = Job.of(context, f"policy-{control.kind}", control, below=f"controls/{control.kind}")
        if control.kind == "nll":
            title = "A control: likelihood of the chosen segments"
            found = train_on_pairs(below, init, tokenizer, pairs, settings, "nll", title=title)
        else:
            found = _rejection_fine_tuning(context, below, control, init, tokenizer, prompts)
        metrics |= {f"{control.kind}_{name}": value for name, value in found.items()}
    return metrics


def training_prompts(context: StageContext, tokenizer: Any) -> dict[str, Prompt]:
    """The prompt of every training problem by its id, checked to be tokenised alike with and without a solution."""
    template = context.spec.model.prompt_template
    prompts = {problem.id: render(problem, template, tokenizer) for problem in context.train}
    solved = [problem for problem in context.train if problem.solutions]
    check_template(tokenizer, template, [prompts[p.id] for p in solved], [p.canonical for p in solved])
    return prompts


def _rejection_fine_tuning(
    context: StageContext, job: Job, control: Control, init: str, tokenizer: Any, prompts: dict[str, Prompt]
) -> Metrics:
    """Likelihood of the policy's own whole programs that passed."""
    passing = [
        (prompts[row["problem_id"]], row["program"])
        for row in read_rows(context.artifacts["supervise"], "programs")
        if row["origin"] == "policy" and row["label"] == "chosen" and row["problem_id"] in prompts
    ]
    if not passing:
        raise WorkError(
            f"policy.controls: {control.kind}: the supervision holds no program of the policy that passed; "
            "add `{kind: policy}` to supervision.teachers, or leave this control out"
        )
    examples, dropped = program_dataset(tokenizer, passing, max_length=context.spec.model.max_length, on_prompt=False)
    title = "A control: the policy's own passing programs"
    return {**fine_tune(job, init, tokenizer, examples, title=title), "dropped": dropped}
