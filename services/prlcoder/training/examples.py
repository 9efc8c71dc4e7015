"""Tokenised programs as examples for likelihood training, and the count of those that were too long."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from prlcoder.errors import WorkError
from prlcoder.modeling.packing.rows import IGNORED
from prlcoder.modeling.spans import Encoded, Tokenizer, completion_start, encode_programs

if TYPE_CHECKING:
    from datasets import Dataset

    from prlcoder.problems.prompts import Prompt

ENCODED_AT_ONCE = 1024


def program_example(encoded: Encoded, prompt: Prompt, *, on_prompt: bool) -> dict[str, list[int]]:
    """``input_ids`` and ``labels`` of a whole program with EOS; with ``on_prompt`` the prompt has loss too, but for
    the first token, which nothing predicts."""
    first = 1 if on_prompt else max(1, completion_start(encoded, prompt))
    return {"input_ids": encoded.ids, "labels": [IGNORED] * first + encoded.ids[first:]}


def program_dataset(
    tokenizer: Tokenizer, programs: Iterable[tuple[Prompt, str]], *, max_length: int, on_prompt: bool
) -> tuple[Dataset, int]:
    """Examples of all programs that fit, and the number of those that do not."""
    examples, rest = [], iter(programs)
    while batch := list(islice(rest, ENCODED_AT_ONCE)):
        for (prompt, _), encoded in zip(batch, encode_programs(tokenizer, batch), strict=True):
            examples.append(program_example(encoded, prompt, on_prompt=on_prompt))
    return dataset(examples, lengths=[len(example["input_ids"]) for example in examples], max_length=max_length)


def dataset(examples: Sequence[dict[str, Any]], *, lengths: Sequence[int], max_length: int) -> tuple[Dataset, int]:
    """The examples no longer than ``max_length`` tokens, with a column ``length``, and how many were dropped.

    Nothing is ever cut: a cut program would teach an ending that is none. ``WorkError`` if nothing is left.
    """
    from datasets import Dataset

    kept = [
        {**example, "length": length} for example, length in zip(examples, lengths, strict=True) if length <= max_length
    ]
    dropped = len(examples) - len(kept)
    if dropped:
        print(f"{dropped} of {len(examples)} examples are longer than {max_length} tokens; left out", file=sys.stderr)
    if not kept:
        what = f"none of {dropped} examples fits model.maxLength {max_length}" if dropped else "there are no examples"
        raise WorkError(f"nothing to train on: {what}")
    return Dataset.from_list(kept), dropped
