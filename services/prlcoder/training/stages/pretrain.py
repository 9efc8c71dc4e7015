"""Stage `pretrain`: trains a language model from scratch on the nano stream or on the training problems' solutions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from prlcoder.errors import WorkError
from prlcoder.modeling.scratch_models import build
from prlcoder.modeling.scratch_tokenizers import nano_tokenizer, small_tokenizer
from prlcoder.modeling.spans import check_template
from prlcoder.problems.model import CallTests, Problem
from prlcoder.problems.nano.stream import stream
from prlcoder.problems.nano.task import ENTRY_POINT, PROMPT
from prlcoder.problems.prompts import render
from prlcoder.spec import Pretrain
from prlcoder.training.examples.programs import program_dataset
from prlcoder.training.loop.job import Job
from prlcoder.training.loop.language_modeling import train_from_scratch

if TYPE_CHECKING:
    from prlcoder.stages.context import Metrics, StageContext

TOKENIZER_PROGRAMS = 4000  # the first ones of the nano stream hold every piece of the programs many times


def run(context: StageContext) -> Metrics:
    """Train tokenizer and model on the same texts and publish both as one model folder."""
    model = context.spec.model
    assert model.scratch is not None  # the engine runs this stage only for a model from scratch
    job = Job.of(context, "pretrain", context.spec.pretrain or Pretrain())
    problems = list(source(context))
    if not problems:
        raise WorkError("pretrain: no training problem has a solution to learn from")
    tokenizer = train_tokenizer(problems, nano=model.scratch.preset == "nano", template=model.prompt_template)
    prompts = [render(problem, context.template, tokenizer) for problem in problems]
    programs = [problem.canonical for problem in problems]
    check_template(tokenizer, model.prompt_template, prompts, programs)
    examples, dropped = program_dataset(
        tokenizer, zip(prompts, programs, strict=True), max_length=model.max_length, on_prompt=True
    )
    network = build(model.scratch.preset, tokenizer, seed=context.spec.seed, max_length=model.max_length)
    parameters = network.num_parameters()
    return {**train_from_scratch(job, network, tokenizer, examples), "dropped": dropped, "parameters": parameters}


def source(context: StageContext) -> Iterator[Problem]:
    """The problems to learn from: the nano stream without the run's own problems, or the training problems that have a
    solution."""
    if context.spec.problems.source != "nano":
        yield from (problem for problem in context.train if problem.solutions)
        return
    section = context.spec.pretrain or Pretrain()
    excluded = (*context.train, *context.validation, *context.test)
    programs = stream(section.programs, seed=context.spec.seed, exclude=excluded, noisy=section.noisy)
    for number, item in enumerate(programs):
        yield Problem(
            id=f"stream/{number}",
            statement=item.statement,
            tests=CallTests(ENTRY_POINT, ()),
            solutions=(item.program,),
            prompt=PROMPT,
        )


def train_tokenizer(problems: list[Problem], *, nano: bool, template: str) -> Any:
    """The preset's tokenizer, trained on whole rendered programs.

    Rendering the chat template needs a tokenizer, which does not exist yet, so the texts are rendered as `plain`.
    """
    shown = "plain" if template == "chat" else template
    texts = [render(problem, shown).whole(problem.canonical) for problem in problems[:TOKENIZER_PROGRAMS]]
    return nano_tokenizer(texts) if nano else small_tokenizer(texts)
