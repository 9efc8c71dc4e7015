"""The policy as its own teacher: sample whole programs, run them, and find the first wrong step of each failing one.

The pair is then the policy's own wrong step against a verified step at the same prefix. Rule mutations alone teach a
policy little that it does not know already; its own mistakes teach it more.

``locate: splice`` joins the sample's segments to the rest of the canonical solution (``first_wrong_step``).
``locate: rollout`` asks the policy to complete the program from its prefixes (``first_wrong_by_rollout``).

With ``labels: strict``, passing programs are also run on the generated tests. A sample that these refute is wrong
somewhere, so its steps get no labels. The same holds if they refute the program that shows the first steps to be right.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from prlcoder.executor import ExecutionResult, ProgramRunner, Verdict
from prlcoder.policy.protocol import Generator
from prlcoder.problems.completions import extract_program
from prlcoder.problems.prompts import Prompt, PromptTemplate
from prlcoder.segmenter import Segment, SegmentationError, segment
from prlcoder.segmenter.model import Mode
from prlcoder.spec import PolicyTeacher
from prlcoder.supervision.first_wrong_by_rollout import PrefixCompleter, search_by_rollout
from prlcoder.supervision.first_wrong_step import FailingProgram, WrongStep, first_difference, first_wrong_steps
from prlcoder.supervision.labelling import (
    Labelled,
    VerifiedProblem,
    execute,
    label_and_bucket,
    refuted_by_generated_tests,
    run_all,
)
from prlcoder.supervision.rows import Program, Step

TEACHER = "policy"


@dataclass
class Sample:
    """One distinct program that the policy wrote for a problem, and what is known about its steps."""

    verified: VerifiedProblem
    program: str
    result: ExecutionResult
    segments: list[Segment] | None = None  # None: it does not parse
    first_wrong: WrongStep | None = None
    refuted: bool = False  # it passes the given tests, but not the generated ones


@dataclass(frozen=True)
class PolicySource:
    """The policy, and all settings for sampling programs from it."""

    engine: Generator
    prompts: dict[str, Prompt]  # by problem id
    template: PromptTemplate
    stop: tuple[str, ...]
    settings: PolicyTeacher


def teach(
    labelled: Labelled, source: PolicySource, *, mode: Mode, executor: ProgramRunner, seed: int
) -> dict[str, int]:
    """Add the policy's steps and programs on the verified problems to ``labelled``; return counts."""
    samples = _sample(labelled, source, mode, executor, seed)
    failing = [sample for sample in samples if not sample.result.passed and sample.segments is not None]
    if source.settings.locate == "splice":
        _locate_by_splice(labelled, failing, executor)
    else:
        _locate_by_rollout(labelled, failing, source, mode, executor, seed)
    _refute(labelled, samples, executor)
    steps: dict[str, Step] = {}
    for sample in samples:
        verdict = sample.result.verdict
        assert verdict is not None  # otherwise run_all has raised
        outcome, bucket = label_and_bucket(TEACHER, sample.result.passed, sample.refuted, labelled.oracles is not None)
        labelled.programs.append(Program(sample.verified.problem.id, sample.program, outcome, verdict, TEACHER, bucket))
        for step in _steps(sample):
            # Two samples may label one step differently. If one of them passes, the step can be completed to a correct
            # program, so it is not wrong: `chosen` wins.
            if step.id not in steps or step.label == "chosen":
                steps[step.id] = step
    labelled.steps.extend(steps.values())
    return {
        "policy_samples": len(labelled.verified) * source.settings.samples,
        "policy_distinct": len(samples),
        "policy_passing": sum(sample.result.passed for sample in samples),
        "policy_failing": sum(not sample.result.passed for sample in samples),
        "policy_unparsable": sum(sample.segments is None for sample in samples),
        "policy_located": sum(sample.first_wrong is not None for sample in failing),
        "policy_refuted": sum(sample.refuted for sample in samples),
    }


def _refute(labelled: Labelled, samples: Sequence[Sample], executor: ProgramRunner) -> None:
    """Run the generated tests on passing samples and on repaired programs.

    A refuted sample is marked; a first wrong step is dropped if its repaired program is refuted.
    """
    asked: list[tuple[Sample, str]] = []
    for sample in samples:
        located = sample.first_wrong
        if sample.result.passed:
            asked.append((sample, sample.program))
        elif located is not None and located.repaired != sample.verified.problem.canonical:
            asked.append((sample, located.repaired))
    programs = [(sample.verified.problem, program) for sample, program in asked]
    for (sample, _), refuted in zip(asked, refuted_by_generated_tests(labelled, programs, executor), strict=True):
        sample.refuted = refuted and sample.result.passed
        if refuted:
            sample.first_wrong = None


def _sample(labelled: Labelled, source: PolicySource, mode: Mode, executor: ProgramRunner, seed: int) -> list[Sample]:
    problems = labelled.verified
    completions = source.engine.generate(
        [source.prompts[verified.problem.id].question for verified in problems],
        samples=source.settings.samples,
        temperature=source.settings.temperature,
        seed=seed,
        stop=source.stop,
    )
    distinct = [
        (verified, program)
        for verified, texts in zip(problems, completions, strict=True)
        for program in dict.fromkeys(
            extract_program(verified.problem, source.template, text, held=source.prompts[verified.problem.id].held)
            for text in texts
        )
    ]
    items = (execute(verified.problem, program, verified.limits) for verified, program in distinct)
    results = run_all(labelled, executor, items)
    samples = []
    for (verified, program), result in zip(distinct, results, strict=True):
        sample = Sample(verified, program, result)
        # A program that does not parse has no steps, but it is still a failing example as a whole.
        with suppress(SegmentationError):
            sample.segments = segment(program, mode)
        samples.append(sample)
    return samples


def _failing_programs(failing: Sequence[Sample]) -> list[FailingProgram]:
    return [
        FailingProgram(sample.verified.problem, sample.segments or [], sample.verified.segments, sample.verified.limits)
        for sample in failing
    ]


def _locate_by_splice(labelled: Labelled, failing: Sequence[Sample], executor: ProgramRunner) -> None:
    wrong_steps = first_wrong_steps(_failing_programs(failing), partial(run_all, labelled, executor))
    for sample, wrong in zip(failing, wrong_steps, strict=True):
        sample.first_wrong = wrong


def _locate_by_rollout(
    labelled: Labelled,
    failing: Sequence[Sample],
    source: PolicySource,
    mode: Mode,
    executor: ProgramRunner,
    seed: int,
) -> None:
    settings = source.settings
    complete = PrefixCompleter(
        source.engine, source.prompts, source.template, source.stop, settings.rollouts, settings.temperature
    )
    run = partial(run_all, labelled, executor)
    results = [sample.result for sample in failing]
    found = search_by_rollout(_failing_programs(failing), results, complete, run, mode=mode, seed=seed)
    for sample, wrong in zip(failing, found, strict=True):
        assert not isinstance(wrong, ExecutionResult)  # otherwise run_all has raised
        sample.first_wrong = wrong


def _steps(sample: Sample) -> list[Step]:
    """Return the sample's labelled steps.

    These are its steps up to the first wrong one (all steps, if it passes), and the verified step in the place of the
    wrong one. Nothing is known about later steps. A failing sample whose wrong step was not found has no labelled
    steps. Canonical steps at canonical prefixes are left out, because they are rows already.
    """
    located, segments = sample.first_wrong, sample.segments
    if segments is None or sample.refuted or (located is None and not sample.result.passed):
        return []
    given = len(sample.verified.problem.prompt)
    shared = first_difference(segments, sample.verified.segments)
    right = segments if located is None else segments[: located.index]
    completed = sample.program if located is None else located.repaired
    steps = [
        _step(sample, index, completed, part.text, None)
        for index, part in enumerate(right)
        if index >= shared and part.is_step and part.end > given
    ]
    if located is not None and segments[located.index].is_step and segments[located.index].end > given:
        steps.append(_step(sample, located.index, located.broken, segments[located.index].text, located.result))
        if located.instead and located.index > shared:
            steps.append(_step(sample, located.index, located.repaired, located.instead, None))
    return steps


def _step(sample: Sample, index: int, program: str, text: str, failure: ExecutionResult | None) -> Step:
    """Return the row for ``text`` in the place of the sample's segment ``index``; ``program`` is what was executed."""
    assert sample.segments is not None
    part = sample.segments[index]
    end = part.start + len(text)
    outcome = "chosen" if failure is None else "rejected"
    return Step(
        problem_id=sample.verified.problem.id,
        segment_index=index,
        start=part.start,
        end=end,
        prefix=program[: part.start],
        segment=text,
        rest=program[end:],
        label=outcome,
        bucket=outcome,
        origin="policy",
        teacher=TEACHER,
        operator="",
        verdict=str(Verdict.PASSED if failure is None else failure.verdict),
        reason="" if failure is None else failure.reason,
        segment_kind=part.kind,
    )
