"""Examples as a data set, without those that exceed the length limit."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from prlcoder.errors import WorkError

if TYPE_CHECKING:
    from datasets import Dataset


def dataset_within_limit(
    examples: Sequence[dict[str, Any]], *, lengths: Sequence[int], max_length: int
) -> tuple[Dataset, int]:
    """The examples of at most ``max_length`` tokens, with a column ``length``, and the number of dropped examples.

    Programs are never truncated: a truncated one would teach the model to stop in mid-program. ``WorkError`` if no
    example is left.
    """
    from datasets import Dataset

    kept = within_limit(lengths, max_length=max_length)
    return Dataset.from_list([{**examples[n], "length": lengths[n]} for n in kept]), len(examples) - len(kept)


def within_limit(lengths: Sequence[int], *, max_length: int) -> list[int]:
    """The numbers of the examples of at most ``max_length`` tokens. The others are counted on standard error.

    ``WorkError`` if no example is left.
    """
    kept = [number for number, length in enumerate(lengths) if length <= max_length]
    dropped = len(lengths) - len(kept)
    if dropped:
        print(f"{dropped} of {len(lengths)} examples are longer than {max_length} tokens; left out", file=sys.stderr)
    if not kept:
        what = f"none of {dropped} examples fits model.maxLength {max_length}" if dropped else "there are no examples"
        raise WorkError(f"nothing to train on: {what}")
    return kept
