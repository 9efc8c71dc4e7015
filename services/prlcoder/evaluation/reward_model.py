"""The reward model's figures: on labelled steps of held-out problems, on the policies' own steps, and when it chooses
among a policy's samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prlcoder.evaluation.discrimination import JudgedStep, figures
from prlcoder.evaluation.own_step_labels import JudgedProgram, known_steps
from prlcoder.evaluation.pass_metrics import best_of_n
from prlcoder.evaluation.step_scores import AGGREGATES, ScoredProgram, aggregate
from prlcoder.executor import ProgramRunner
from prlcoder.segmenter import Mode, Segment
from prlcoder.supervision import Step


def held_out_figures(steps: Sequence[Step], probabilities: Sequence[float | None]) -> dict[str, Any]:
    """Figures on labelled steps: canonical steps and the rule teacher's variants of them."""
    judged = [
        JudgedStep(step.label == "chosen", probability, step.end / len(whole(step)), step.segment_kind)
        for step, probability in zip(steps, probabilities, strict=True)
        if probability is not None
    ]
    return figures(judged)


def own_figures(
    written: Sequence[JudgedProgram], scored: Sequence[ScoredProgram], mode: Mode, executor: ProgramRunner
) -> dict[str, Any]:
    """Figures on the steps of a policy's own programs, restricted to steps whose label is known."""
    judged = []
    for one, program, right in zip(written, scored, known_steps(written, mode, executor), strict=True):
        if right is None:
            continue
        for index, (part, probability) in enumerate(zip(program.segments, program.probabilities, strict=True)):
            if probability is not None and index <= right:
                position = part.end / len(one.program)
                judged.append(JudgedStep(index < right, probability, position, part.kind))
    return figures(judged)


def reranked(samples: Sequence[Sequence[bool]], scored: Sequence[Sequence[ScoredProgram]]) -> dict[str, Any]:
    """Best of n by each aggregate of a program's step scores; the figures of the first aggregate are repeated on
    top."""
    scores = {kind: [[aggregate(program)[kind] for program in programs] for programs in scored] for kind in AGGREGATES}
    result = best_of_n(samples, scores)
    first = result["by_score"][AGGREGATES[0]]
    return {"n": result["n"], "score": AGGREGATES[0], "pass@1": first["pass@1"], "ci95": first["ci95"], **result}


def whole(step: Step) -> str:
    """The whole program that a labelled step was judged in."""
    return step.prefix + step.segment + step.rest


def as_segment(step: Step) -> Segment:
    """The labelled step as a segment of its program."""
    return Segment(step.start, step.end, step.segment_kind, step.segment)
