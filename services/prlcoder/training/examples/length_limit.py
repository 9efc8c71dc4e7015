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
