"""Token positions of steps, for both newline families."""

from __future__ import annotations

from typing import Any

import pytest

from prlcoder.errors import InputError
from prlcoder.modeling.spans import (
    Encoded,
    check_template,
    completion_start,
    encode,
    encode_program,
    pair_spans,
    segment_end_tokens,
)
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import Prompt, render
from prlcoder.segmenter import segment

pytestmark = pytest.mark.needs_torch

PROGRAM = "def f(v0):\n    v1 = []\n    for x in v0:\n\n        v1.append(x)\n    return sum(v1)\n"
FAMILIES = ("before", "after")


def pieces(tokenizer: Any, encoded: Encoded, text: str) -> list[str]:
    """The text of each token by its offsets."""
    return [text[a:b] for a, b in zip(encoded.starts, [*encoded.starts[1:], len(text)], strict=True)]


def test_the_two_families_put_newlines_on_different_sides(tokenizers: dict[str, Any]) -> None:
    text = "def f(v0):\n    return v0\n"
    before = encode(tokenizers["before"], text)
    after = encode(tokenizers["after"], text)
    assert "):\n" in pieces(tokenizers["before"], before, text)
    assert "\n   " in pieces(tokenizers["after"], after, text)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_step_ends_at_the_token_of_its_last_visible_character(tokenizers: dict[str, Any], family: str) -> None:
    prompt = Prompt(text="# a statement\n", given="", closing="")
    encoded = encode(tokenizers[family], prompt.whole(PROGRAM))
    segments = segment(PROGRAM, "line")
    ends = segment_end_tokens(encoded, prompt, PROGRAM, segments)
    texts = pieces(tokenizers[family], encoded, prompt.whole(PROGRAM))
    assert len(ends) == len(segments) == 5
    for end, part in zip(ends, segments, strict=True):
        visible = part.text.rstrip()[-1]
        assert visible in texts[end]
        reach = encoded.starts[end] - prompt.program_start, encoded.starts[end] + len(texts[end]) - prompt.program_start
        assert reach[0] <= part.start + len(part.text.rstrip()) - 1 < reach[1]
    assert ends == sorted(set(ends))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_character_of_many_bytes_ends_at_its_last_token(tokenizers: dict[str, Any], family: str) -> None:
    encoded = encode(tokenizers[family], "a🜁b")
    assert len(encoded.ids) == 6  # the alchemical sign is four bytes, none of them merged
    assert [encoded.token_at(character) for character in range(3)] == [0, 4, 5]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pair_is_compared_up_to_each_final_newline(tokenizers: dict[str, Any], family: str) -> None:
    tokenizer = tokenizers[family]
    prompt = Prompt(text="# s\ndef f(v0):\n", given="def f(v0):\n", closing="")
    spans = pair_spans(
        tokenizer,
        prompt,
        prefix="def f(v0):\n",
        chosen="    v1 = v0\n",
        rejected="    v1 = sorted(v0)\n",
        rest="    return sum(v1)\n",
    )
    assert spans is not None
    assert spans.chosen[: spans.start] == spans.rejected[: spans.start]
    assert spans.chosen[spans.start] != spans.rejected[spans.start]
    assert tokenizer.decode(spans.chosen[: spans.segment_start]).rstrip() == "# s\ndef f(v0):"
    whole = tokenizer.decode(spans.chosen)
    end = "v1 = v0\n" if family == "before" else "v1 = v0\n   "
    assert whole.endswith(end)
    assert tokenizer.eos_token_id not in spans.chosen + spans.rejected


@pytest.mark.parametrize("family", FAMILIES)
def test_eos_belongs_to_the_last_step_alone(tokenizers: dict[str, Any], family: str) -> None:
    tokenizer = tokenizers[family]
    prompt = Prompt(text="# s\n", given="", closing="")
    spans = pair_spans(tokenizer, prompt, prefix="x = 1\n", chosen="y = 2\n", rejected="y = 3\n", rest="")
    assert spans is not None
    assert spans.chosen[-1] == spans.rejected[-1] == tokenizer.eos_token_id


def test_a_step_that_begins_with_the_other_one_is_compared_where_they_part(tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers["before"]
    prompt = Prompt(text="# s\n", given="", closing="")
    spans = pair_spans(tokenizer, prompt, prefix="", chosen="v1 = v0\n", rejected="v1 = v0\nv1 = 0\n", rest="v2 = v1\n")
    assert spans is not None
    assert len(spans.chosen) == spans.start + 1  # one token, behind the chosen step's newline
    assert tokenizer.decode(spans.chosen) == "# s\nv1 = v0\nv2"
    assert tokenizer.decode(spans.rejected) == "# s\nv1 = v0\nv1 = 0\n"


def test_equal_programs_are_no_pair(tokenizers: dict[str, Any]) -> None:
    prompt = Prompt(text="# s\n", given="", closing="")
    assert pair_spans(tokenizers["before"], prompt, prefix="", chosen="a\n", rejected="a\n", rest="b\n") is None


@pytest.mark.parametrize("family", FAMILIES)
def test_the_completion_starts_behind_the_prompt(tokenizers: dict[str, Any], family: str) -> None:
    tokenizer = tokenizers[family]
    prompt = Prompt(text="# s\n", given="", closing="\n```")
    encoded = encode_program(tokenizer, prompt, "v1 = v0\n")
    first = completion_start(encoded, prompt)
    assert tokenizer.decode(encoded.ids[:first]) == "# s\n"
    assert tokenizer.decode(encoded.ids[first:]) == "v1 = v0\n```<eos>"


def test_a_template_whose_prompt_merges_with_the_solution_is_refused(
    tokenizers: dict[str, Any], suite: tuple[Problem, ...]
) -> None:
    prompts = [render(problem, "nano") for problem in suite]
    solutions = [problem.canonical for problem in suite]
    check_template(tokenizers["before"], "nano", prompts, solutions)
    with pytest.raises(InputError, match=r"model\.promptTemplate: nano: .*merges"):
        check_template(tokenizers["after"], "nano", prompts, solutions)


class TrimmingTokenizer:
    """The offsets of a tokenizer that leaves white space out of them, and a BOS that it adds by itself."""

    is_fast, bos_token_id = True, 9

    def __call__(self, text: str | list[str], *, add_special_tokens: bool = True, **_: object) -> dict[str, list[Any]]:
        if isinstance(text, str):
            ids = [1, 2] if text else []
            return {
                "input_ids": ids if not add_special_tokens else [9, *ids],
                "offset_mapping": [(0, 1), (3, 4)][: len(ids)],
            }
        each = [self(one, add_special_tokens=add_special_tokens) for one in text]
        return {name: [one[name] for one in each] for name in ("input_ids", "offset_mapping")}


def test_trimmed_white_space_belongs_to_the_token_that_follows_and_bos_comes_first() -> None:
    encoded = encode(TrimmingTokenizer(), "a  b")
    assert encoded == Encoded(ids=[9, 1, 2], starts=[0, 0, 1])
    assert [encoded.token_at(character) for character in range(4)] == [1, 2, 2, 2]
