"""Where sampled programs and their steps lie among the sampled tokens, for both newline families."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prlcoder.executor.verdicts import ExecutionResult, Verdict
from prlcoder.modeling.spans import encode
from prlcoder.problems.prompts import Prompt
from prlcoder.segmenter import segment
from prlcoder.training.rollouts import (
    Rollout,
    RolloutOutcome,
    SampledCompletion,
    completion_token_starts,
    place_programs,
    segment_ends,
)

pytestmark = pytest.mark.needs_torch

GIVEN = "def f(v0):\n"
BODY = "    v1 = []\n    for x in v0:\n\n        v1.append(x)\n    return sum(v1)\n"
PROMPT = Prompt(text=f"# a statement\n{GIVEN}", given=GIVEN, closing="")
FAMILIES = ("before", "after")


def sampled(tokenizer: Any, completion: str, program: str, prompt: Prompt = PROMPT) -> SampledCompletion:
    """The completion in the tokenizer's own tokens, with EOS."""
    prompt_ids = encode(tokenizer, prompt.question).ids
    ids = encode(tokenizer, prompt.question.text + completion).ids[len(prompt_ids) :]
    return SampledCompletion(
        prompt, tuple(prompt_ids), (*ids, tokenizer.eos_token_id), completion, program, tuple(segment(program, "line"))
    )


def texts(tokenizer: Any, sample: SampledCompletion) -> list[str]:
    (starts,) = completion_token_starts(tokenizer, [sample])
    return [sample.completion[a:b] for a, b in zip(starts, [*starts[1:], len(sample.completion)], strict=True)]


@pytest.fixture(params=FAMILIES)
def case(request: pytest.FixtureRequest, tokenizers: dict[str, Any]) -> tuple[Any, SampledCompletion]:
    """A body behind a given line; the family ``after`` is asked without the newline of that line."""
    held = "\n" if request.param == "after" else ""
    tokenizer = tokenizers[request.param]
    return tokenizer, sampled(tokenizer, held + BODY, GIVEN + BODY, replace(PROMPT, held=held))


def test_a_step_ends_at_the_token_of_its_last_visible_character(case: tuple[Any, SampledCompletion]) -> None:
    tokenizer, sample = case
    ends = segment_ends(tokenizer, sample)
    assert ends[0] is None  # the prompt gives the header
    written = texts(tokenizer, sample)
    for end, part in zip(ends[1:], sample.segments[1:], strict=True):
        assert end is not None
        assert "".join(written[: end + 1]).rstrip().endswith(part.text.rstrip())
        assert part.text.rstrip()[-1] in written[end]
    assert ends[-1] < len(sample.completion_ids) - 1  # type: ignore[operator]  # EOS stands behind the last step


def test_other_tokens_of_the_same_text_have_the_same_places(case: tuple[Any, SampledCompletion]) -> None:
    """A policy may write a text character by character; the places follow its tokens."""
    tokenizer, sample = case
    letters = [id for letter in sample.completion for id in encode(tokenizer, letter).ids]
    spelled = replace(sample, completion_ids=(*letters, tokenizer.eos_token_id))
    (starts,) = completion_token_starts(tokenizer, [spelled])
    assert starts == [*range(len(sample.completion)), len(sample.completion)]
    (placement,) = place_programs(tokenizer, [spelled])
    held = len(sample.completion) - len(BODY)
    expected = [held + len((GIVEN + BODY)[: part.end].rstrip()) - 1 - len(GIVEN) for part in sample.segments]
    assert list(placement.segment_ends) == [None, *expected[1:]]


def test_characters_of_many_bytes_are_found_by_decoding(tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers["before"]
    program = "a = '🜁é'\nb = 1\n"
    sample = sampled(tokenizer, program, program, Prompt(text="# x\n", given="", closing=""))
    by_offsets = place_programs(tokenizer, [sample])
    letters = [id for letter in program for id in encode(tokenizer, letter).ids]
    (spelled,) = place_programs(tokenizer, [replace(sample, completion_ids=tuple(letters))])
    assert by_offsets[0].segment_ends[1] is not None
    bytes_before = len(program[: program.index("1")].encode())
    assert spelled.segment_ends[1] == bytes_before


def test_every_token_has_the_line_of_its_last_visible_character(case: tuple[Any, SampledCompletion]) -> None:
    tokenizer, sample = case
    (placement,) = place_programs(tokenizer, [sample])
    seen: dict[int | None, str] = {}
    for line, text in zip(placement.token_lines, texts(tokenizer, sample), strict=True):
        seen[line] = seen.get(line, "") + text
    assert placement.token_lines[-1] is None  # EOS
    for number, line in enumerate((GIVEN + BODY).splitlines(), start=1):
        if number > 1 and line.strip():
            assert line.strip() in seen[number]


def test_a_fenced_program_is_found_and_prose_belongs_to_no_line(tokenizers: dict[str, Any]) -> None:
    program = "a = 1\nb = a\n"
    completion = f"Here it is:\n```python\n{program}```\nIt works.\n"
    sample = sampled(tokenizers["before"], completion, program, Prompt(text="# x\n", given="", closing=""))
    (placement,) = place_programs(tokenizers["before"], [sample])
    written = texts(tokenizers["before"], sample)
    ends = [end for end in placement.segment_ends if end is not None]
    assert ["".join(written[: end + 1]).rstrip() for end in ends] == [
        "Here it is:\n```python\na = 1",
        "Here it is:\n```python\na = 1\nb = a",
    ]
    assert placement.token_lines[0] is None
    assert placement.token_lines[-2] is None


def test_a_program_that_is_not_in_the_completion_has_no_places(tokenizers: dict[str, Any]) -> None:
    sample = sampled(tokenizers["before"], "x = 2\n", "a = 1\n", Prompt(text="# x\n", given="", closing=""))
    (placement,) = place_programs(tokenizers["before"], [sample])
    assert set(placement.segment_ends) == set(placement.token_lines) == {None}


def test_a_rollout_refuses_fields_of_different_lengths() -> None:
    parts = tuple(segment("a = 1\n", "line"))
    rollout = Rollout(
        "p", 0, (1,), (2, 3), True, (-0.1, -0.2), 0, "a = 1\n", parts, (0,), RolloutOutcome(Verdict.PASSED)
    )
    with pytest.raises(ValueError, match="sampling_logps has 1 items for 2"):
        replace(rollout, sampling_logps=(-0.1,))
    with pytest.raises(ValueError, match="segment_ends reach outside"):
        replace(rollout, segment_ends=(2,))


def test_an_execution_without_a_verdict_is_no_outcome() -> None:
    with pytest.raises(ValueError, match="without a verdict"):
        RolloutOutcome.of(ExecutionResult(None, "sandbox_error: lost"))
    assert RolloutOutcome.of(ExecutionResult(Verdict.WRONG_ANSWER, tests_passed=1, tests_total=4)).share_passed == 0.25
