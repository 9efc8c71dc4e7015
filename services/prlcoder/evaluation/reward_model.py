"""The reward model's figures: on labelled steps of held-out problems, on the policies' own steps, and when it chooses
among a policy's samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from prlcoder.evaluation.discrimination import JudgedStep, auroc_within, figures
from prlcoder.evaluation.own_step_labels import JudgedProgram, known_steps
from prlcoder.evaluation.paired_bootstrap import paired_bootstrap
from prlcoder.evaluation.pass_metrics import best_of_n
from prlcoder.evaluation.step_scores import AGGREGATES, WHOLE, ScoredProgram, aggregate
from prlcoder.evaluation.text_classifier import TextClassifier
from prlcoder.executor import ProgramRunner
from prlcoder.segmenter import Mode, Segment
from prlcoder.supervision import Step

LIKELIHOOD = "log_probability"  # the score of a program without any reward model
OUTCOME = "outcome"  # the score of a program by an outcome reward model
TEXT_FIGURES = ("auroc", "auroc_within_problems", "accuracy", "false_positive_rate", "ece")


def held_out_steps(steps: Sequence[Step], probabilities: Sequence[float | None]) -> list[JudgedStep]:
    """Labelled steps of held-out problems with their scores: canonical steps and the rule teacher's variants of
    them."""
    return [
        JudgedStep(
            step.label == "chosen",
            probability,
            step.end / len(whole(step)),
            step.segment_kind,
            step.problem_id,
            step.segment,
        )
        for step, probability in zip(steps, probabilities, strict=True)
        if probability is not None
    ]


def own_steps(
    written: Sequence[JudgedProgram], scored: Sequence[ScoredProgram], mode: Mode, executor: ProgramRunner
) -> list[JudgedStep]:
    """The steps of a policy's own programs with their scores, restricted to steps whose label is known."""
    judged = []
    for one, program, right in zip(written, scored, known_steps(written, mode, executor), strict=True):
        if right is None:
            continue
        for index, (part, probability) in enumerate(zip(program.segments, program.probabilities, strict=True)):
            if probability is not None and index <= right:
                position = part.end / len(one.program)
                judged.append(JudgedStep(index < right, probability, position, part.kind, one.problem.id, part.text))
    return judged


def step_figures(steps: Sequence[JudgedStep], baseline: TextClassifier | None) -> dict[str, Any]:
    """The reward model's figures on these steps; with a baseline also ``text``, its figures on the same steps, and
    ``vs_text``, the paired differences with their 95 % intervals."""
    found = figures(steps)
    if baseline is None or not steps:
        return found
    chances = baseline.probabilities([step.text for step in steps])
    by_text = figures([replace(step, probability=chance) for step, chance in zip(steps, chances, strict=True)])
    differences = paired_bootstrap(
        [step.problem_id for step in steps],
        [step.right for step in steps],
        [step.probability for step in steps],
        chances,
    )
    return {**found, "text": {name: by_text[name] for name in TEXT_FIGURES}, "vs_text": differences}


def judged_programs(programs: Sequence[tuple[str, str, bool]], probabilities: Sequence[float]) -> list[JudgedStep]:
    """Whole programs (problem id, program, whether it is right) with an outcome reward model's probabilities."""
    return [
        JudgedStep(right, probability, 1.0, WHOLE, problem_id, program)
        for (problem_id, program, right), probability in zip(programs, probabilities, strict=True)
    ]


def step_scores(scored: Sequence[Sequence[ScoredProgram]]) -> dict[str, list[list[float]]]:
    """The score of every program by each aggregate of its step scores."""
    return {kind: [[aggregate(program)[kind] for program in programs] for programs in scored] for kind in AGGREGATES}


def reranked(
    samples: Sequence[Sequence[bool]],
    scores: Mapping[str, Sequence[Sequence[float]]],
    likelihoods: Sequence[Sequence[float]] | None = None,
) -> dict[str, Any]:
    """Best of n by each kind of score, and by the policy's own mean token log-probability (``likelihoods``) if that is
    known; the figures of the first kind are repeated on top."""
    if likelihoods is not None:
        scores = {**scores, LIKELIHOOD: likelihoods}
    result = best_of_n(samples, scores)
    for kind, per_problem in scores.items():
        items = [
            (str(number), score, passed)
            for number, (row, values) in enumerate(zip(samples, per_problem, strict=True))
            for passed, score in zip(row, values, strict=True)
        ]
        result["by_score"][kind]["auroc_within_problems"] = auroc_within(items)
    kind = next(iter(scores))
    first = result["by_score"][kind]
    return {"n": result["n"], "score": kind, "pass@1": first["pass@1"], "ci95": first["ci95"], **result}


def whole(step: Step) -> str:
    """The whole program that a labelled step was judged in."""
    return step.prefix + step.segment + step.rest


def as_segment(step: Step) -> Segment:
    """The labelled step as a segment of its program."""
    return Segment(step.start, step.end, step.segment_kind, step.segment)
