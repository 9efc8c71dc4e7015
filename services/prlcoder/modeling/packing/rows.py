"""Rows of different lengths as rectangular batches: padded on the right, or packed several to a row.

A packed row contains whole sequences one after the other. Each sequence's ``position_ids`` restart at 0. Without an
attention mask and without a cache, ``transformers`` takes such a restart as the border that attention may not cross.
Sequences are never truncated, and no row is longer than the longest sequence of the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

IGNORED = -100  # label of tokens without loss, as in ``transformers``
CHECKED_LENGTHS = (7, 5)  # tokens of the two random sequences that show whether a model supports packing


def padded(rows: Sequence[Sequence[int]], value: int) -> torch.Tensor:
    """Integers as a tensor ``(rows, longest row)``; shorter rows are filled with ``value`` on the right.

    >>> padded([[1, 2, 3], [4]], 0).tolist()
    [[1, 2, 3], [4, 0, 0]]
    """
    width = max(map(len, rows))
    return torch.tensor([[*row, *[value] * (width - len(row))] for row in rows])


def token_batch(rows: Sequence[Sequence[int]], pad: int) -> dict[str, torch.Tensor]:
    """``input_ids`` and ``attention_mask`` of the rows.

    >>> {name: tensor.tolist() for name, tensor in token_batch([[5, 6], [7]], 0).items()}
    {'input_ids': [[5, 6], [7, 0]], 'attention_mask': [[1, 1], [1, 0]]}
    """
    return {"input_ids": padded(rows, pad), "attention_mask": padded([[1] * len(row) for row in rows], 0)}


@dataclass(frozen=True)
class Packing:
    """Which sequences each row contains: sequence numbers, row by row, in their order within the row."""

    rows: tuple[tuple[int, ...], ...]

    @classmethod
    def first_fit(cls, lengths: Sequence[int], *, enabled: bool = True, room: int | None = None) -> Packing:
        """First-fit decreasing into rows of ``room`` tokens, by default as long as the longest sequence; one sequence
        per row if not ``enabled``.

        Sequence 1 fills a row. Sequence 3 leaves one token of room, which is too little for the others, so sequences 0
        and 2 share a third row.

        >>> Packing.first_fit([3, 5, 2, 4]).rows
        ((1,), (3,), (0, 2))
        >>> Packing.first_fit([3, 5, 2, 4], enabled=False).rows
        ((0,), (1,), (2,), (3,))
        """
        if not enabled:
            return cls(tuple((number,) for number in range(len(lengths))))
        free: list[int] = []  # tokens per row
        rows: list[list[int]] = []
        for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
            row = next((row for row, left in enumerate(free) if left >= lengths[number]), len(rows))
            if row == len(rows):
                rows.append([])
                free.append(max(lengths) if room is None else room)
            rows[row].append(number)
            free[row] -= lengths[number]
        return cls(tuple(map(tuple, rows)))

    def tensor(self, sequences: Sequence[Sequence[int]], fill: int) -> torch.Tensor:
        """One integer per token of each sequence, laid out as ``(rows, longest row)``; free places get ``fill``.

        >>> Packing(((0, 2), (1,))).tensor([[1, 1, 1], [2, 2, 2, 2], [3]], 0).tolist()
        [[1, 1, 1, 3], [2, 2, 2, 2]]
        >>> Packing(((0,), (1,))).tensor([[1, 1, 1], [2]], -100).tolist()
        [[1, 1, 1], [2, -100, -100]]
        """
        return padded([[value for number in row for value in sequences[number]] for row in self.rows], fill)

    def inputs(self, sequences: Sequence[Sequence[int]], pad: int) -> dict[str, Any]:
        """The arguments of a model's forward pass. The padding at the end of a row counts as one more sequence.

        >>> packed = Packing(((0, 2), (1,))).inputs([[5, 6, 7], [8, 9, 8, 9, 8], [4]], pad=0)
        >>> packed["input_ids"].tolist()
        [[5, 6, 7, 4, 0], [8, 9, 8, 9, 8]]
        >>> packed["position_ids"].tolist()
        [[0, 1, 2, 0, 0], [0, 1, 2, 3, 4]]
        >>> packed["use_cache"]
        False
        """
        ids = self.tensor(sequences, pad)
        positions = torch.arange(ids.shape[1]).repeat(len(self.rows), 1)
        for index, row in enumerate(self.rows):
            start = 0
            for number in row:
                start += len(sequences[number])
                # Everything behind a sequence restarts at 0. The next sequence overwrites what lies behind itself,
                # and the padding behind the last one keeps its restart, so that it cannot see that sequence.
                positions[index, start:] = torch.arange(ids.shape[1] - start)
        return {"input_ids": ids, "position_ids": positions, "use_cache": False}


@torch.inference_mode()
def supports_packing(model: Any) -> bool:
    """Whether two packed sequences get the same logits as each of them alone, tried with random tokens.

    Models with recurrent state, and models whose attention ignores ``position_ids``, do not support packing.
    """
    vocabulary = model.config.get_text_config().vocab_size
    draw = torch.Generator().manual_seed(0)
    sequences = [torch.randint(vocabulary, (length,), generator=draw).tolist() for length in CHECKED_LENGTHS]
    training = model.training
    model.eval()
    try:
        alone = torch.cat([_logits(model, {"input_ids": torch.tensor([ids])}) for ids in sequences])
        together = _logits(model, Packing(((0, 1),)).inputs(sequences, 0))
    except TypeError:  # its forward pass takes no position_ids
        return False
    finally:
        model.train(training)
    tolerance = 1e-4 if model.dtype == torch.float32 else 5e-2  # relative to the largest logit
    return bool((together - alone).abs().max() <= tolerance * alone.abs().max())


def _logits(model: Any, inputs: dict[str, Any]) -> torch.Tensor:
    """Logits of one row, ``(length, V)``, in float32."""
    tensors = {name: value.to(model.device) if torch.is_tensor(value) else value for name, value in inputs.items()}
    logits: torch.Tensor = model(**tensors).logits[0].float()
    return logits


class LabelledCollator:
    """Collates examples with ``input_ids`` and ``labels``: one label per token, ``IGNORED`` where there is no loss.

    ``together`` packs the examples. The first token of an example must then have no label: the token before it in the
    row belongs to another example and must not predict it.

    >>> examples = [{"input_ids": [5, 6, 7], "labels": [-100, 6, 7]}, {"input_ids": [8, 9], "labels": [-100, 9]},
    ...             {"input_ids": [4], "labels": [-100]}]
    >>> packed = LabelledCollator(0, together=True)(examples)
    >>> packed["input_ids"].tolist()
    [[5, 6, 7], [8, 9, 4]]
    >>> packed["position_ids"].tolist()
    [[0, 1, 2], [0, 1, 0]]
    >>> packed["labels"].tolist()
    [[-100, 6, 7], [-100, 9, -100]]
    >>> LabelledCollator(0, together=False)(examples[:2])["labels"].tolist()
    [[-100, 6, 7], [-100, 9, -100]]
    """

    def __init__(self, pad: int, *, together: bool) -> None:
        self._pad, self._together = pad, together

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        sequences = [example["input_ids"] for example in examples]
        packing = Packing.first_fit(list(map(len, sequences)), enabled=self._together)
        labels = packing.tensor([example["labels"] for example in examples], IGNORED)
        return {**packing.inputs(sequences, self._pad), "labels": labels}
