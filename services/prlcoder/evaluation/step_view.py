"""Rows of ``steps.jsonl``: programs divided into segments, each with its score and its labelled variants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from prlcoder.evaluation.reward_model import as_segment, whole
from prlcoder.evaluation.step_scores import ProgramScorer, ScoredProgram, cut
from prlcoder.problems.model import Problem
from prlcoder.segmenter import Mode
from prlcoder.supervision import Step

PROBLEMS_PER_SPLIT = 24


def spread(problems: Sequence[Problem], count: int) -> list[Problem]:
    """``count`` problems, taken from the difficulties in turn; problems of one difficulty keep their order."""
    levels: defaultdict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        levels[problem.difficulty or ""].append(problem)
    longest = max(map(len, levels.values()), default=0)
    in_turn = [levels[level][turn] for turn in range(longest) for level in sorted(levels) if turn < len(levels[level])]
    return in_turn[:count]


def stored_steps(supervision: Path, problem_ids: Iterable[str]) -> list[Step]:
    """The labelled steps of these problems in a supervision folder."""
    from prlcoder.supervision.store import read_rows

    wanted = set(problem_ids)
    names = [field.name for field in fields(Step) if field.init]
    return [
        Step(**{name: row[name] for name in names})
        for row in read_rows(supervision, "steps")
        if row["problem_id"] in wanted
    ]


def canonical_rows(
    problems: Sequence[Problem], split: str, steps: Sequence[Step], mode: Mode, scorer: ProgramScorer | None
) -> list[dict[str, Any]]:
    """Each canonical program with the labelled variants of its segments (those whose prefix is its own)."""
    canonical = {problem.id: problem.canonical for problem in problems}
    variants = [
        step
        for step in steps
        if step.origin != "canonical"
        and canonical.get(step.problem_id, "").startswith(step.prefix)
        and step.problem_id in canonical
    ]
    scores: Sequence[float | None] = [None] * len(variants)
    if scorer is not None:
        scores = scorer.steps([(step.problem_id, whole(step), as_segment(step)) for step in variants])
    behind: defaultdict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for step, probability in zip(variants, scores, strict=True):
        behind[step.problem_id, step.start].append(_variant(step, probability))
    programs = _scored(list(canonical.items()), mode, scorer)
    return [
        _row(problem, split, "canonical", problem.canonical, "passed", program, behind)
        for problem, program in zip(problems, programs, strict=True)
    ]


def written_rows(
    problem_programs: Sequence[tuple[Problem, str, str]],
    split: str,
    policy: str,
    mode: Mode,
    scorer: ProgramScorer | None,
) -> list[dict[str, Any]]:
    """Each (problem, program, verdict) that a policy wrote, with its scores."""
    programs = _scored([(problem.id, program) for problem, program, _ in problem_programs], mode, scorer)
    return [
        _row(problem, split, policy, program, verdict, scored, {})
        for (problem, program, verdict), scored in zip(problem_programs, programs, strict=True)
    ]


def _scored(items: list[tuple[str, str]], mode: Mode, scorer: ProgramScorer | None) -> list[ScoredProgram]:
    if scorer is not None:
        return scorer.programs(items)
    cuts = [tuple(cut(program, mode)) for _, program in items]
    return [ScoredProgram(parts, (None,) * len(parts)) for parts in cuts]


def _row(
    problem: Problem,
    split: str,
    policy: str,
    program: str,
    verdict: str,
    scored: ScoredProgram,
    behind: Mapping[tuple[str, int], list[dict[str, Any]]],
) -> dict[str, Any]:
    segments = [
        {
            "start": part.start,
            "end": part.end,
            "kind": part.kind,
            "probability": probability,
            "variants": behind.get((problem.id, part.start), []),
        }
        for part, probability in zip(scored.segments, scored.probabilities, strict=True)
    ]
    return {
        "problem_id": problem.id,
        "split": split,
        "difficulty": problem.difficulty,
        "statement": problem.statement,
        "policy": policy,
        "program": program,
        "verdict": verdict,
        "segments": segments,
    }


def _variant(step: Step, probability: float | None) -> dict[str, Any]:
    return {
        "text": step.segment,
        "origin": step.origin,
        "operator": step.operator or None,
        "label": step.label or step.bucket,
        "verdict": step.verdict,
        "probability": probability,
    }
