"""Tokenised whole programs as examples for likelihood training."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from prlcoder.modeling.packing.rows import IGNORED
from prlcoder.modeling.spans import Encoded, Tokenizer, completion_start, encode_programs
from prlcoder.telemetry.progress import Progress
from prlcoder.training.examples.length_limit import dataset_within_limit

if TYPE_CHECKING:
    from datasets import Dataset

    from prlcoder.problems.prompts import Prompt

PROGRAMS_PER_ENCODING = 1024  # the tokenizer works on a batch in parallel; the bound keeps memory constant


def program_example(encoded: Encoded, prompt: Prompt, *, on_prompt: bool) -> dict[str, list[int]]:
    """``input_ids`` and ``labels`` of a whole program with EOS. The labels of the prompt are ``IGNORED``, unless
    ``on_prompt`` is set; the first token is never labelled, because nothing predicts it."""
    first = 1 if on_prompt else max(1, completion_start(encoded, prompt))
    return {"input_ids": encoded.ids, "labels": [IGNORED] * first + encoded.ids[first:]}


def program_dataset(
    tokenizer: Tokenizer, programs: Iterable[tuple[Prompt, str]], *, max_length: int, on_prompt: bool
) -> tuple[Dataset, int]:
    """Examples of all programs of at most ``max_length`` tokens, and the number of longer programs."""
    examples, rest = [], iter(programs)
    with Progress("tokenise", total=None, unit="programs", final=False) as progress:
        while batch := list(islice(rest, PROGRAMS_PER_ENCODING)):
            encoded_batch = encode_programs(tokenizer, batch)
            for (prompt, _), encoded in zip(batch, encoded_batch, strict=True):
                examples.append(program_example(encoded, prompt, on_prompt=on_prompt))
            progress.advance(len(batch), tokens=sum(len(encoded.ids) for encoded in encoded_batch))
    lengths = [len(example["input_ids"]) for example in examples]
    return dataset_within_limit(examples, lengths=lengths, max_length=max_length)
