"""From problems to labelled steps: verify, segment, propose, execute, label (paper, section 3.1).

The label of a step is the verdict of the whole program that contains it; ``labels: paper`` is exactly that. With
``labels: strict``, passing programs are also run on generated tests, which only demote. A mutation that passes all of
these is a survivor and has no label, because no test decides it. A refactoring that fails is not a rejected step but a
bug of the operator that made it; it is quarantined.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any, Literal

from prlcoder.errors import InputError, WorkError
from prlcoder.executor import ExecutionRequest, ExecutionResult, ProgramRunner, ResourceLimits, Verdict
from prlcoder.executor.verdicts import SANDBOX_ERROR, TEST_ERROR, missing_package, of_canonical
from prlcoder.mutator import RuleTeacher, Variant
from prlcoder.mutator.equivalence import DistinctPrograms
from prlcoder.mutator.model import BatchTeacher, RewriteSite, Teacher, propose_all
from prlcoder.mutator.solutions import SolutionTeacher
from prlcoder.problems.enumeration import enumeration
from prlcoder.problems.model import Problem
from prlcoder.segmenter import BatchSegmenter, Segment, SegmentationError, segment_each
from prlcoder.segmenter.model import Mode
from prlcoder.supervision import coverage
from prlcoder.supervision.differential import OracleComparison
from prlcoder.supervision.rows import GENERATED, Program, Step, training_buckets

Labels = Literal["paper", "strict"]

Unit = Literal["segment", "solution"]
"""What a teacher rewrites, and what gets a label."""


@dataclass
class Labelled:
    """The result of labelling a group of problems.

    ``dropped`` counts proposals that were not executed, by reason. ``oracles`` holds the generated tests (None with
    ``labels: paper``). ``teachers`` holds the counts that a teacher reports, by its name. ``stood_in`` lists, by
    teacher, the sites (problem id, segment index) for which another teacher had to propose. ``timings_s`` sums seconds
    by part of the work.
    """

    steps: list[Step] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)
    quarantine: list[dict[str, Any]] = field(default_factory=list)
    verified: list[VerifiedProblem] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    oracles: OracleComparison | None = None
    executions: int = 0
    teachers: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    stood_in: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    timings_s: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))


@dataclass(frozen=True)
class VerifiedProblem:
    """A problem whose canonical solution passes, with its segments and the limits for its variants."""

    problem: Problem
    segments: list[Segment]
    limits: ResourceLimits

    def steps(self) -> Iterator[tuple[int, Segment]]:
        """Yield index and segment of every step that the policy has to write (that the prompt does not contain)."""
        for index, part in enumerate(self.segments):
            if part.is_step and part.end > len(self.problem.prompt):
                yield index, part

    def rest(self, part: Segment) -> str:
        """Return the canonical program after ``part``."""
        return self.problem.canonical[part.end :]

    def program(self, part: Segment, text: str) -> str:
        """Return the canonical program with ``text`` in the place of ``part``."""
        return self.problem.canonical[: part.start] + text + self.rest(part)


def execute(problem: Problem, program: str, limits: ResourceLimits | None = None) -> ExecutionRequest:
    """Return the request to execute one program against its problem's tests."""
    return ExecutionRequest(program=program, tests=problem.tests, preamble=problem.preamble, limits=limits)


def run_all(
    labelled: Labelled, executor: ProgramRunner, items: Iterable[ExecutionRequest], *, faulty_tests: bool = False
) -> Iterator[ExecutionResult]:
    """Yield the results in order, and count and time them. Raises ``WorkError`` if the sandbox failed despite
    retries, and ``InputError`` if tests are at fault unless ``faulty_tests`` allows results without verdict."""
    for result in executor.run(items):
        if result.test_error and not faulty_tests:
            raise InputError(f"tests: {result.test_error}; a variant met this, but not the canonical solution")
        if result.outcome == SANDBOX_ERROR:
            raise WorkError(f"the sandbox failed ({result.reason}); finished work is kept, run again to go on")
        labelled.executions += 1
        for part, seconds in result.timings_s.items():
            labelled.timings_s[part] += seconds
        labelled.timings_s["program_cpu"] += result.cpu_s
        yield result


def variant_limits(problem: Problem, limits: ResourceLimits, canonical: ExecutionResult) -> ResourceLimits:
    """Return the limits of a problem's variants: five times the canonical solution's CPU time plus half a second.

    The run's own limit is the maximum. An endless loop then costs little, and a correct but slower variant still
    passes. The wall limit does not change: CPU time should decide, because it hardly depends on the machine's load.
    A limit per test is reduced in the same way, because the limits of the program grow with it.
    """
    cpu_s = 0.5 + 5.0 * canonical.cpu_s
    test_s = limits.test_s if limits.test_s is not None else getattr(problem.tests, "test_limit_s", None)
    return replace(limits, cpu_s=min(limits.cpu_s, cpu_s), test_s=min(test_s, cpu_s) if test_s else limits.test_s)


def verify(
    labelled: Labelled,
    problems: Sequence[Problem],
    mode: Mode,
    executor: ProgramRunner,
    limits: ResourceLimits,
    unit: Unit = "segment",
    segmenter: BatchSegmenter = segment_each,
) -> None:
    """Run each canonical solution and segment those that pass; quarantine the others with the reason.

    Solutions that list their answers (``enumeration``) are quarantined too; `problems.overrides` can replace them.
    """

    def quarantine(problem: Problem, reason: str, **details: object) -> None:
        labelled.quarantine.append({"problem_id": problem.id, "reason": reason, **details})

    solved = []
    for problem in problems:
        if not problem.solutions:
            quarantine(problem, "no_canonical_solution")
        elif listed := enumeration(problem.canonical):
            quarantine(problem, "enumeration", detail=listed)
        else:
            solved.append(problem)
    items = (execute(problem, problem.canonical) for problem in solved)
    results = run_all(labelled, executor, items, faulty_tests=True)
    right = []
    for problem, result in zip(solved, map(of_canonical, results), strict=True):
        if result.passed:
            right.append((problem, result))
        elif result.test_error:
            quarantine(problem, TEST_ERROR, detail=result.test_error)
        elif package := missing_package(result):
            quarantine(problem, "missing_package", detail=package)
        else:
            quarantine(problem, "canonical_solution_fails", verdict=str(result.verdict), detail=result.reason)
    pieces = segmenter([problem.canonical for problem, _ in right], mode)
    for (problem, result), segments in zip(right, pieces, strict=True):
        if isinstance(segments, SegmentationError):  # a valid program can be nested too deeply to be segmented
            quarantine(problem, "canonical_solution_cannot_be_cut", detail=str(segments))
            continue
        verified = VerifiedProblem(problem, segments, variant_limits(problem, limits, result))
        labelled.verified.append(verified if unit == "segment" else _as_one_step(verified))


def _as_one_step(verified: VerifiedProblem) -> VerifiedProblem:
    """Return the same problem with one segment for everything from its first step on."""
    source = verified.problem.canonical
    start = next((part.start for _, part in verified.steps()), None)
    if start is None:
        return replace(verified, segments=[])
    head = Segment(0, start, "header", source[:start])
    return replace(verified, segments=[head, Segment(start, len(source), "solution", source[start:])])


def canonical_steps(verified: VerifiedProblem) -> Iterator[Step]:
    """Yield the canonical solution's own steps, which are all chosen."""
    source = verified.problem.canonical
    for index, part in verified.steps():
        yield Step(
            problem_id=verified.problem.id,
            segment_index=index,
            start=part.start,
            end=part.end,
            prefix=source[: part.start],
            segment=part.text,
            rest=source[part.end :],
            label="chosen",
            bucket="chosen",
            origin="canonical",
            teacher="",
            operator="",
            verdict=Verdict.PASSED,
            reason="",
            segment_kind=part.kind,
        )


Proposal = tuple[VerifiedProblem, int, str, Variant]


def rewrite_sites(verified: VerifiedProblem) -> list[RewriteSite]:
    """Return a rewrite site for every step of a problem."""
    problem = verified.problem
    return [
        RewriteSite(problem.id, problem.statement, problem.canonical, verified.segments, index)
        for index, _ in verified.steps()
    ]


def propose(labelled: Labelled, teachers: Sequence[Teacher | BatchTeacher]) -> list[Proposal]:
    """Return every teacher's variants of every step; a text that several teachers propose counts once."""
    started = time.process_time()
    asked = [(verified, place) for verified in labelled.verified for place in rewrite_sites(verified)]
    seen = [{place.segments[place.index].text} for _, place in asked]
    proposed: list[list[tuple[str, Variant]]] = [[] for _ in asked]
    for teacher in teachers:
        proposals = propose_all(teacher, [place for _, place in asked])
        for texts, variants, into in zip(seen, proposals.variants, proposed, strict=True):
            for variant in variants:
                if variant.text not in texts:
                    texts.add(variant.text)
                    into.append((variant.teacher or teacher.name, variant))
        if proposals.counts:
            labelled.teachers[teacher.name] = proposals.counts
        if proposals.stood_in:
            labelled.stood_in[teacher.name] = list(proposals.stood_in)
    labelled.timings_s["propose"] += time.process_time() - started
    return [
        (verified, place.index, name, variant)
        for (verified, place), variants in zip(asked, proposed, strict=True)
        for name, variant in variants
    ]


def drop_unreached(
    labelled: Labelled, proposals: Sequence[Proposal], executor: ProgramRunner, limits: ResourceLimits
) -> list[Proposal]:
    """Return the proposals without those that change only code that no test executes in the canonical program."""
    proposed_for = {verified.problem.id: verified.problem for verified, _, _, _ in proposals}
    runs = {id: coverage.executions(problem, limits) for id, problem in proposed_for.items()}
    results = run_all(labelled, executor, (run for group in runs.values() for run in group))
    reached = {id: coverage.read(proposed_for[id], list(islice(results, len(group)))) for id, group in runs.items()}
    kept = [
        (verified, index, teacher, variant)
        for verified, index, teacher, variant in proposals
        if reached[verified.problem.id].reaches(verified.program(verified.segments[index], variant.text))
    ]
    labelled.dropped["never_executed"] += len(proposals) - len(kept)
    return kept


def drop_equivalent(labelled: Labelled, proposals: Sequence[Proposal]) -> list[Proposal]:
    """Return the proposals without those that compile to the canonical program or to an earlier variant of the step."""
    started = time.process_time()
    seen: dict[tuple[str, int], DistinctPrograms] = {}
    kept = []
    for proposal in proposals:
        problem, program = _program(*proposal)
        place = (problem.id, proposal[1])
        if place not in seen:
            seen[place] = DistinctPrograms(problem.canonical)
        if seen[place].add(program):
            kept.append(proposal)
    labelled.dropped["identical_bytecode"] += len(proposals) - len(kept)
    labelled.timings_s["propose"] += time.process_time() - started
    return kept


def label(
    problems: Sequence[Problem],
    *,
    mode: Mode,
    teachers: Sequence[Teacher | BatchTeacher],
    executor: ProgramRunner,
    limits: ResourceLimits,
    unit: Unit = "segment",
    labels: Labels = "paper",
    seed: int = 0,
    segmenter: BatchSegmenter = segment_each,
) -> Labelled:
    """Label the steps of a group of problems, all in memory.

    ``limits`` are those of canonical runs, and ``seed`` is that of the generated tests. ``unit: solution`` treats each
    solution as one step.
    """
    labelled = Labelled(oracles=OracleComparison(limits, seed) if labels == "strict" else None)
    verify(labelled, problems, mode, executor, limits, unit, segmenter)
    for verified in labelled.verified:
        labelled.steps.extend(canonical_steps(verified))
        problem = verified.problem
        labelled.programs.append(Program(problem.id, problem.canonical, "chosen", Verdict.PASSED, "canonical"))
    proposals = drop_unreached(labelled, drop_equivalent(labelled, propose(labelled, teachers)), executor, limits)
    items = (execute(v.problem, v.program(v.segments[i], variant.text), v.limits) for v, i, _, variant in proposals)
    judged = list(zip(proposals, run_all(labelled, executor, items), strict=True))
    passing = [number for number, (_, result) in enumerate(judged) if result.passed]
    programs = [_program(*judged[number][0]) for number in passing]
    refuted = dict(zip(passing, refuted_by_generated_tests(labelled, programs, executor), strict=True))
    for number, (proposal, result) in enumerate(judged):
        _label_variant(labelled, *proposal, result, refuted.get(number, False))
    labelled.steps = with_criticality(labelled.steps)
    return labelled


def refuted_by_generated_tests(
    labelled: Labelled, programs: Sequence[tuple[Problem, str]], executor: ProgramRunner
) -> list[bool]:
    """Return, for programs that pass the given tests, whether generated tests refute them.

    With ``labels: paper`` there are no generated tests, and the answer is always False.
    """
    if labelled.oracles is None:
        return [False] * len(programs)
    return labelled.oracles.contradicts(programs, partial(run_all, labelled, executor))


def _program(verified: VerifiedProblem, index: int, _: str, variant: Variant) -> tuple[Problem, str]:
    return verified.problem, verified.program(verified.segments[index], variant.text)


def label_and_bucket(kind: str, passed: bool, refuted: bool, strict: bool) -> tuple[str, str]:
    """Return label and bucket of a variant (``docs/reference/contracts.md#3-files``).

    ``passed`` refers to the given tests, ``refuted`` to the generated ones. A refactoring that fails is in the bucket
    ``quarantine``.
    """
    if kind == "refactoring" and (not passed or refuted):
        return "", "quarantine"
    if not passed:
        return "rejected", "rejected"
    if refuted:
        return "rejected", "rejected_generated"
    return ("", "survivor") if strict and kind == "mutation" else ("chosen", "chosen")


def _label_variant(
    labelled: Labelled,
    verified: VerifiedProblem,
    index: int,
    teacher: str,
    variant: Variant,
    result: ExecutionResult,
    refuted: bool,
) -> None:
    problem, part = verified.problem, verified.segments[index]
    prefix, rest = problem.canonical[: part.start], verified.rest(part)
    outcome, bucket = label_and_bucket(variant.kind, result.passed, refuted, labelled.oracles is not None)
    reason = GENERATED if refuted else result.reason
    if bucket == "quarantine":
        labelled.quarantine.append(
            {
                "problem_id": problem.id,
                "reason": "refactoring_fails_generated" if refuted else "refactoring_fails",
                "segment_index": index,
                "teacher": teacher,
                "operator": variant.operator,
                "segment": variant.text,
                "verdict": str(result.verdict),
                "detail": reason,
            }
        )
        return
    labelled.steps.append(
        Step(
            problem_id=problem.id,
            segment_index=index,
            start=part.start,
            end=part.start + len(variant.text),
            prefix=prefix,
            segment=variant.text,
            rest=rest,
            label=outcome,
            bucket=bucket,
            origin=variant.kind,
            teacher=teacher,
            operator=variant.operator,
            verdict=str(result.verdict),
            reason=reason,
            segment_kind=part.kind,
        )
    )
    program = prefix + variant.text + rest
    labelled.programs.append(Program(problem.id, program, outcome, str(result.verdict), variant.kind, bucket))


def with_criticality(steps: Sequence[Step]) -> list[Step]:
    """Return the steps with ``criticality`` = rejected mutations / all mutations, per problem and segment."""
    made: Counter[tuple[str, int]] = Counter()
    killed: Counter[tuple[str, int]] = Counter()
    for step in steps:
        if step.origin == "mutation":
            made[step.problem_id, step.segment_index] += 1
            killed[step.problem_id, step.segment_index] += step.label == "rejected"
    shares = {place: killed[place] / count for place, count in made.items()}
    return [replace(step, criticality=shares.get((step.problem_id, step.segment_index))) for step in steps]


def labelled_steps(
    problems: Sequence[Problem],
    *,
    mode: Mode,
    seed: int,
    executor: ProgramRunner,
    limits: ResourceLimits,
    labels: Labels = "paper",
    unit: Unit = "segment",
) -> list[Step]:
    """Return the canonical steps of ``problems`` and the rule teacher's variants of them, labelled.

    Steps that no test decides are left out. With ``unit="solution"`` a whole solution is one step.
    """
    rules = RuleTeacher(seed)
    teacher: Teacher = rules if unit == "segment" else SolutionTeacher(rules, mode, seed)
    labelled = label(
        problems, mode=mode, teachers=[teacher], executor=executor, limits=limits, unit=unit, labels=labels, seed=seed
    )
    return [step for step in labelled.steps if step.bucket in training_buckets(use_generated=False)]
