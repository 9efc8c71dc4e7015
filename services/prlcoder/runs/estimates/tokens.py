"""Tokens that a stage reads (trains on) and writes (samples). Pure functions of the spec and of the problem set's size.

The rates of what a supervision yields are those of the quickstart (commit fe95f86), because only a run can tell them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from prlcoder.runs.estimates.shapes import ProblemSize
from prlcoder.spec import (
    Dpo,
    Evaluation,
    LlmTeacher,
    Policy,
    PolicyTeacher,
    Pretrain,
    Rl,
    RulesTeacher,
    Spec,
    Supervision,
)

VARIANTS_PER_SEGMENT: Final = 2.3  # labelled variants by the rule teacher, which may make 4 mutations and 1 refactoring
WRONG_STEPS_PER_SAMPLE: Final = 0.33  # distinct first wrong steps of the policy teacher: 798 of 2,400 samples
PASSING_PER_SAMPLE: Final = 0.12  # distinct programs of the policy teacher that pass: 298 of 2,400 samples
VARIANT_SHARE: Final = 0.78  # of a segment's tokens is new in a variant; the rest is a common beginning
PAIRS_PER_SEGMENT: Final = 2.0  # of the rule teacher's rejected variants, if `pairsPerSegment` allows them

TEACHER_INSTRUCTIONS: Final = (
    700  # tokens of the prompt besides the problem and its program; from the templates' length
)
TEACHER_ANSWER: Final = 30  # tokens per variant besides its text: quotes, the name of the bug


@dataclass(frozen=True)
class TokenCount:
    """Tokens of a stage; None where nothing is known before the run. ``steps`` counts optimiser steps."""

    read: float | None
    written: float
    steps: float = 0.0
    how: str = ""


@dataclass(frozen=True)
class TeacherTokens:
    """What a language-model teacher is asked: requests, and tokens of questions and answers."""

    requests: float
    prompt: float
    completion: float
    cost: float | None  # in the currency of the prices


def written_length(size: ProblemSize, limit: int, *, ends_itself: bool) -> float:
    """Mean length of a sampled program: that of a canonical solution if the model was trained to end there; otherwise
    the limit, which is an upper bound."""
    return min(limit, size.solution) if ends_itself else limit


def pretraining(section: Pretrain, size: ProblemSize, *, nano: bool) -> TokenCount:
    """Whole programs with their prompts, from the nano stream or from the training problems."""
    count, length = (section.programs, size.stream) if nano else (size.solved, size.program)
    how = "256 programs of the stream were tokenised" if nano else "the problems were tokenised"
    return TokenCount(count * length * section.epochs, 0, _steps(count, section.batch_size, section.epochs), how)


def fine_tuning(examples: float, length: float, epochs: float, rows: int, how: str) -> TokenCount:
    """Whole programs with their prompts; ``rows`` per optimiser step."""
    return TokenCount(examples * length * epochs, 0, _steps(examples, rows, epochs), how)


def supervising(section: Supervision, size: ProblemSize, length: float) -> TokenCount:
    """What the policy teacher samples."""
    samples = sum(one.samples for one in section.teachers if isinstance(one, PolicyTeacher))
    return TokenCount(0, samples * size.solved * length, 0, "samples x problems x length of a program")


def asked(teacher: LlmTeacher, size: ProblemSize) -> TeacherTokens:
    """One request per segment and kind of variant."""
    kinds = [count for count in (teacher.mutations, teacher.refactorings) if count]
    requests = size.solved * size.segments * len(kinds)
    prompt = requests * (TEACHER_INSTRUCTIONS + size.program)
    completion = size.solved * size.segments * sum(kinds) * (size.segment + TEACHER_ANSWER)
    prices = teacher.price_per_million_prompt, teacher.price_per_million_completion
    cost = None if None in prices else (prompt * (prices[0] or 0) + completion * (prices[1] or 0)) / 1e6
    return TeacherTokens(requests, prompt, completion, cost)


def labelled_variants(section: Supervision, size: ProblemSize) -> float:
    """Labelled variants of a problem, besides the canonical steps."""
    found = 0.0
    for teacher in section.teachers:
        match teacher:
            case RulesTeacher():
                found += size.segments * VARIANTS_PER_SEGMENT * min(1.0, (teacher.mutations + teacher.refactorings) / 5)
            case LlmTeacher():
                found += size.segments * (teacher.mutations + teacher.refactorings)
            case PolicyTeacher():
                found += teacher.samples * WRONG_STEPS_PER_SAMPLE
    return found


def reward_tokens(section: Supervision, size: ProblemSize) -> float:
    """Tokens of an epoch of the reward model, whose programs share their prefixes."""
    if section.unit == "solution":
        return size.solved * size.program * 5
    return size.solved * (size.program + labelled_variants(section, size) * size.segment * VARIANT_SHARE)


def pairs(section: Supervision, dpo: Dpo, size: ProblemSize) -> float:
    """Preference pairs whose rejected steps have the origins that DPO trains on."""
    found = 0.0
    for teacher in section.teachers:
        if isinstance(teacher, PolicyTeacher):
            found += teacher.samples * WRONG_STEPS_PER_SAMPLE if "policy" in dpo.origins else 0
        elif "mutation" in dpo.origins:
            found += size.segments * min(section.pairs_per_segment, PAIRS_PER_SEGMENT)
    return found * size.solved


def preference_tokens(policy: Policy, section: Supervision, size: ProblemSize) -> TokenCount:
    """DPO: a pair's prefix once and its two segments, per epoch; and both sides once by the reference."""
    dpo = policy.dpo or Dpo()
    count = pairs(section, dpo, size)
    trained, by_reference = size.prefix + 1.5 * size.segment, 2 * (size.prefix + size.segment)
    read = count * (trained * policy.epochs + by_reference)
    for control in policy.controls:
        if control.kind == "nll":
            read += count * trained * control.epochs
        else:
            samples = sum(one.samples for one in section.teachers if isinstance(one, PolicyTeacher))
            read += samples * PASSING_PER_SAMPLE * size.solved * size.program * control.epochs
    rows = policy.batch_size * policy.gradient_accumulation
    how = "pairs by the quickstart's yield x a prefix of half a program with two segments"
    return TokenCount(read, 0, _steps(count, rows, policy.epochs), how)


def online_tokens(policy: Policy, dpo: Dpo, size: ProblemSize, length: float) -> TokenCount:
    """DPO in rounds: each samples programs and makes one pass over the pairs of their first wrong steps."""
    problems = min(dpo.sampling.prompts or size.train, size.train)
    programs = dpo.rounds * problems * dpo.sampling.samples
    count = programs * WRONG_STEPS_PER_SAMPLE
    read = count * (size.prefix + 1.5 * size.segment + 2 * (size.prefix + size.segment))
    rows = policy.batch_size * policy.gradient_accumulation
    how = "rounds x problems x programs x length of a program; pairs by the quickstart's yield"
    return TokenCount(read, programs * length, _steps(count, rows, 1), how)


def rollouts(rl: Rl) -> int:
    """Programs that a training by reinforcement learning samples."""
    return (rl.updates + (rl.value.pretrain_updates if rl.value is not None else 0)) * rl.prompts * rl.samples


def rollout_tokens(policy: Policy, rl: Rl, length: float) -> TokenCount:
    """What reinforcement learning samples. What it reads follows from that and is not counted by the run."""
    count = rollouts(rl)
    rows = policy.batch_size * policy.gradient_accumulation
    how = "updates x problems x programs x length of a program"
    return TokenCount(None, count * length, count / rows * rl.epochs, how)


def evaluation_tokens(section: Evaluation, problems: list[int], policies: int, length: float) -> TokenCount:
    """Greedy and sampled programs of every policy; ``problems`` counts those of each benchmark."""
    programs = sum(count * (1 + one.samples) for count, one in zip(problems, section.benchmarks, strict=True))
    return TokenCount(None, programs * policies * length, 0, "problems x programs x policies x length of a program")


def policies_of(spec: Spec) -> int:
    """How many policies the evaluation measures: the base, those of ``sft`` and ``policy``, and the controls."""
    controls = len(spec.policy.controls) if spec.policy is not None else 0
    return 1 + (spec.sft is not None) + (spec.policy is not None) + controls


def _steps(examples: float, rows: int, epochs: float) -> float:
    return math.ceil(examples / rows) * epochs
