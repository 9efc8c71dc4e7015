"""Stage `sft`: supervised fine-tuning of the base policy on canonical solutions. The prompt has no loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prlcoder.modeling.spans import check_template
from prlcoder.modeling.tokenizer_loading import load_tokenizer
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import render
from prlcoder.spec import Sft
from prlcoder.supervision.store import read_rows
from prlcoder.training.examples.programs import program_dataset
from prlcoder.training.loop.job import Job
from prlcoder.training.loop.language_modeling import fine_tune

if TYPE_CHECKING:
    from prlcoder.stages.context import Metrics, StageContext


def run(context: StageContext) -> Metrics:
    """Fine-tune and publish a model folder."""
    base, model = context.base_model(), context.spec.model
    job = Job.of(context, "sft", context.spec.sft or Sft())
    tokenizer = load_tokenizer(base)
    solved = list(solutions(context))
    prompts = [render(problem, context.template, tokenizer) for problem, _ in solved]
    programs = [program for _, program in solved]
    check_template(tokenizer, model.prompt_template, prompts, programs)
    examples, dropped = program_dataset(
        tokenizer, zip(prompts, programs, strict=True), max_length=model.max_length, on_prompt=False
    )
    metrics = fine_tune(job, base, tokenizer, examples, title="A policy fine-tuned on canonical solutions")
    return {**metrics, "dropped": dropped}


def solutions(context: StageContext) -> Iterator[tuple[Problem, str]]:
    """Training problems with their canonical solution. If the run has a supervision, only solutions that passed their
    tests; otherwise all of them."""
    if "supervise" not in context.artifacts:
        yield from ((problem, problem.canonical) for problem in context.train if problem.solutions)
        return
    problems = {problem.id: problem for problem in context.train}
    for row in read_rows(context.artifacts["supervise"], "programs"):
        if row["origin"] == "canonical" and row["label"] == "chosen" and row["problem_id"] in problems:
            yield problems[row["problem_id"]], row["program"]
