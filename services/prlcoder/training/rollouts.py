"""Rollouts: the programs that a policy samples during RL, and what is known about them.

``Rollout`` is what credit rules, reward terms, masks and losses are given. ``place_programs`` finds where a program and
its steps lie among the sampled tokens. The sampled tokens decide and not a new tokenisation of the text, because the
policy may write a text in other tokens than its tokenizer would. This module uses no tensors and does no I/O.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from prlcoder.executor.verdicts import ExecutionResult, Verdict
from prlcoder.modeling.spans import Encoded, encode_all
from prlcoder.problems.prompts import ModelInput, Prompt
from prlcoder.segmenter.model import Segment

DECODED_TOKENS_BEFORE = 4  # some tokenizers decode a token differently at the beginning of a text


@dataclass(frozen=True)
class RolloutOutcome:
    """How a rollout's program fared. ``error_line`` and ``executed_lines`` are 1-based lines of the program.

    The executor reads both from the process that ran the program. They are hints for credit, and no verdict depends on
    them.
    """

    verdict: Verdict
    reason: str = ""
    tests_passed: int = 0
    tests_total: int = 0
    error_line: int | None = None
    executed_lines: tuple[int, ...] | None = None  # None: not requested, or not known

    @property
    def passed(self) -> bool:
        """Whether the program passed every test."""
        return self.verdict is Verdict.PASSED

    @property
    def share_passed(self) -> float:
        """The share of tests that passed, 0 to 1."""
        return self.tests_passed / self.tests_total if self.tests_total else 0.0

    @classmethod
    def of(cls, result: ExecutionResult) -> RolloutOutcome:
        """The outcome of an execution. ``ValueError`` if it has no verdict: such a rollout is dropped and counted."""
        if result.verdict is None:
            raise ValueError(f"an execution without a verdict ({result.reason}) is no outcome of a rollout")
        return cls(
            result.verdict,
            result.reason,
            result.tests_passed,
            result.tests_total,
            result.error_line,
            result.executed_lines,
        )


@dataclass(frozen=True)
class Rollout:
    """One sampled program. ``P`` are the prompt's tokens, ``T`` the completion's, ``S`` the program's segments."""

    problem_id: str
    group: int  # the rollouts of one problem in one update have the same number
    prompt_ids: tuple[int, ...]  # (P,)
    completion_ids: tuple[int, ...]  # (T,) with EOS at the end if the completion is finished
    finished: bool  # False: the completion was cut at the limit of tokens
    sampling_logps: tuple[float, ...]  # (T,) the engine's log-probabilities at the sampling temperature
    weights_version: int  # of the policy that sampled it
    program: str  # extracted from the completion
    segments: tuple[Segment, ...]  # (S,) of ``program``; empty if it cannot be segmented
    segment_ends: tuple[int | None, ...]  # (S,) index into completion_ids of T_p; None: not in the completion
    outcome: RolloutOutcome
    token_lines: tuple[int | None, ...] = ()  # (T,) 1-based line of ``program``; None: not a part of it. () if unknown
    step_scores: tuple[float | None, ...] | None = None  # (S,) probability of each step, 0 to 1; None: not scored
    outcome_score: float | None = None  # probability that the whole program is right, by an ORM
    first_wrong_step: int | None = None  # index of a failing program's first wrong segment; None: not located
    step_rewards: tuple[float | None, ...] | None = None  # (S,) weighted sum of the terms per step; None: neutral step
    outcome_reward: float = 0.0  # weighted sum of the terms that reward the whole program

    def __post_init__(self) -> None:
        tokens, segments = len(self.completion_ids), len(self.segments)
        for field, length, expected in (
            ("sampling_logps", len(self.sampling_logps), tokens),
            ("token_lines", len(self.token_lines) or tokens, tokens),
            ("segment_ends", len(self.segment_ends), segments),
            ("step_scores", segments if self.step_scores is None else len(self.step_scores), segments),
            ("step_rewards", segments if self.step_rewards is None else len(self.step_rewards), segments),
        ):
            if length != expected:
                raise ValueError(f"{self.problem_id}: {field} has {length} items for {expected}")
        if any(end is not None and not 0 <= end < tokens for end in self.segment_ends):
            raise ValueError(f"{self.problem_id}: segment_ends reach outside of {tokens} tokens")

    @property
    def written_steps(self) -> tuple[int, ...]:
        """Indices of the segments that the policy wrote and that are steps, not context, in order."""
        return tuple(
            number
            for number, (segment, end) in enumerate(zip(self.segments, self.segment_ends, strict=True))
            if end is not None and segment.is_step
        )


@dataclass(frozen=True)
class SampledCompletion:
    """A completion as tokens and as text, and the program that was read from it."""

    prompt: Prompt
    prompt_ids: tuple[int, ...]  # (P,) of ``prompt.question``
    completion_ids: tuple[int, ...]  # (T,)
    completion: str  # the text that the tokens add to the question, without EOS
    program: str
    segments: tuple[Segment, ...]  # (S,)


@dataclass(frozen=True)
class ProgramPlacement:
    """Where a program lies in its completion: the fields of the same names in ``Rollout``."""

    segment_ends: tuple[int | None, ...]  # (S,)
    token_lines: tuple[int | None, ...]  # (T,)


def place_programs(tokenizer: Any, samples: Sequence[SampledCompletion]) -> list[ProgramPlacement]:
    """The placement of each program. T_p of a segment is the token with its last character that is not whitespace
    (``docs/reference/contracts.md#1``)."""
    starts = completion_token_starts(tokenizer, samples)
    return [_placement(sample, own) for sample, own in zip(samples, starts, strict=True)]


def segment_ends(tokenizer: Any, sample: SampledCompletion) -> tuple[int | None, ...]:
    """T_p of each segment of one program, ``(S,)``: an index into the completion's tokens, or None."""
    (placement,) = place_programs(tokenizer, [sample])
    return placement.segment_ends


def completion_token_starts(tokenizer: Any, samples: Sequence[SampledCompletion]) -> list[list[int]]:
    """The first character of each completion token, as an offset in the completion, ``(T,)`` per sample.

    Nearly always the tokenizer would write the text in the sampled tokens, and its offsets are used. Otherwise the
    offsets are found by decoding.
    """
    inputs = [ModelInput(one.prompt.question.text + one.completion, one.prompt.control) for one in samples]
    encoded = encode_all(tokenizer, inputs)
    return [
        _starts_by_offsets(own, sample) or _starts_by_decoding(tokenizer, sample)
        for own, sample in zip(encoded, samples, strict=True)
    ]


def _starts_by_offsets(encoded: Encoded, sample: SampledCompletion) -> list[int] | None:
    """None if the tokenizer's tokens are not the sampled ones."""
    sampled = [*sample.prompt_ids, *sample.completion_ids]
    missing = len(sampled) - len(encoded.ids)  # 1 with an EOS
    if missing not in (0, 1) or encoded.ids != sampled[: len(encoded.ids)]:
        return None
    question = len(sample.prompt.question.text)
    starts = [start - question for start in encoded.starts[len(sample.prompt_ids) :]]
    return starts + [len(sample.completion)] * missing


def _starts_by_decoding(tokenizer: Any, sample: SampledCompletion) -> list[int]:
    """Each token's text is what it adds to the few tokens before it."""
    ids = [*sample.prompt_ids, *sample.completion_ids]
    lengths = []
    for at in range(len(sample.prompt_ids), len(ids)):
        first = max(0, at - DECODED_TOKENS_BEFORE)
        lengths.append(len(tokenizer.decode(ids[first : at + 1])) - len(tokenizer.decode(ids[first:at])))
    return [max(0, start) for start in accumulate(lengths[:-1], initial=0)] if lengths else []


def _placement(sample: SampledCompletion, starts: Sequence[int]) -> ProgramPlacement:
    offset = _program_offset(sample)
    if offset is None:
        return ProgramPlacement((None,) * len(sample.segments), (None,) * len(starts))
    return ProgramPlacement(
        tuple(_end_token(sample, starts, offset, segment) for segment in sample.segments),
        _token_lines(sample, starts, offset),
    )


def _program_offset(sample: SampledCompletion) -> int | None:
    """Where the program begins relative to the completion; negative if the prompt gives its beginning. None if it is
    not a part of both together."""
    question = sample.prompt.question.text
    whole = question + sample.completion
    start = sample.prompt.program_start
    if whole.startswith(sample.program, start):
        return start - len(question)
    if (found := sample.completion.rfind(sample.program)) >= 0:  # in a fenced block that repeats the given code
        return found
    given = sample.prompt.given
    own = sample.program.removeprefix(given) if given else ""
    if own != sample.program and own.strip() and (found := sample.completion.rfind(own)) >= 0:
        return found - len(given)
    return None


def _end_token(sample: SampledCompletion, starts: Sequence[int], offset: int, segment: Segment) -> int | None:
    """None if the segment's last visible character was given by the prompt, or is repeated from it."""
    visible = len(sample.program[: segment.end].rstrip()) or segment.end
    character = offset + visible - 1
    return max(0, bisect_right(starts, character) - 1) if character >= 0 and starts else None


def _token_lines(sample: SampledCompletion, starts: Sequence[int], offset: int) -> tuple[int | None, ...]:
    """The line of each token's last visible character; of its last character if it is all whitespace."""
    program = sample.program
    line_starts = [0, *(at + 1 for at, character in enumerate(program) if character == "\n")]
    lines: list[int | None] = []
    for start, end in zip(starts, [*starts[1:], len(sample.completion)], strict=True):
        first, last = max(0, start - offset), min(end - offset, len(program))
        text = program[first:last]
        inside = first + (len(text.rstrip()) or len(text)) - 1
        lines.append(bisect_right(line_starts, inside) if text else None)
    return tuple(lines)
