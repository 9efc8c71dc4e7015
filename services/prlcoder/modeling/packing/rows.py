"""Rows of different lengths as rectangular batches: padded on the right, or packed several to a row.

A packed row holds whole sequences one after the other. Their ``position_ids`` start again at 0, which is how
``transformers`` knows, where there is no attention mask and no cache, that a sequence must not see the one before it.
Nothing is ever cut, and no row is longer than the batch's longest sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

IGNORED = -100  # label of tokens without loss, as in ``transformers``
CHECKED_LENGTHS = (7, 5)


def padded(rows: Sequence[Sequence[int]], value: int) -> torch.Tensor:
    """``(rows, longest)`` of integers; the room behind shorter rows is ``value``.

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
    """Which sequences stand in which row, one after the other: sequence numbers, row by row."""

    rows: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, lengths: Sequence[int], *, together: bool = True) -> Packing:
        """First-fit decreasing into rows as long as the longest sequence; each in its own row if not ``together``.

        >>> Packing.of([3, 5, 2, 4]).rows
        ((1,), (3,), (0, 2))
        """
        if not together:
            return cls(tuple((number,) for number in range(len(lengths))))
        room: list[int] = []
        rows: list[list[int]] = []
        for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
            row = next((row for row, left in enumerate(room) if left >= lengths[number]), len(rows))
            if row == len(rows):
                rows.append([])
                room.append(max(lengths))
            rows[row].append(number)
            room[row] -= lengths[number]
        return cls(tuple(map(tuple, rows)))

    def tensor(self, sequences: Sequence[Sequence[int]], fill: int) -> torch.Tensor:
        """One integer a token, as ``(rows, longest row)``."""
        return padded([[value for number in row for value in sequences[number]] for row in self.rows], fill)

    def inputs(self, sequences: Sequence[Sequence[int]], pad: int) -> dict[str, Any]:
        """What a model is called with. The room at the end of a row counts as a sequence of its own."""
        ids = self.tensor(sequences, pad)
        positions = torch.arange(ids.shape[1]).repeat(len(self.rows), 1)
        for index, row in enumerate(self.rows):
            start = 0
            for number in row:
                start += len(sequences[number])
                positions[index, start:] = torch.arange(ids.shape[1] - start)
        return {"input_ids": ids, "position_ids": positions, "use_cache": False}


@torch.inference_mode()
def packs(model: Any) -> bool:
    """Whether this model keeps packed sequences apart: they give the same logits together as each alone.

    Recurrent models, and others whose attention is their own, may not.
    """
    vocabulary = model.config.get_text_config().vocab_size
    draw = torch.Generator().manual_seed(0)
    sequences = [torch.randint(vocabulary, (length,), generator=draw).tolist() for length in CHECKED_LENGTHS]
    training = model.training
    model.eval()
    try:
        alone = torch.cat([_logits(model, {"input_ids": torch.tensor([ids])}) for ids in sequences])
        together = _logits(model, Packing(((0, 1),)).inputs(sequences, 0))
    except TypeError:  # it knows no position_ids
        return False
    finally:
        model.train(training)
    tolerance = 1e-4 if model.dtype == torch.float32 else 5e-2
    return bool((together - alone).abs().max() <= tolerance * alone.abs().max())


def _logits(model: Any, inputs: dict[str, Any]) -> torch.Tensor:
    """Logits of one row, ``(length, V)``, in float32."""
    tensors = {name: value.to(model.device) if torch.is_tensor(value) else value for name, value in inputs.items()}
    logits: torch.Tensor = model(**tensors).logits[0].float()
    return logits


class LabelledCollator:
    """Examples with ``input_ids`` and ``labels`` (one a token, ``IGNORED`` where there is no loss) as a batch.

    ``together`` packs them; the first token of an example may then have no label, as nothing comes before it.
    """

    def __init__(self, pad: int, *, together: bool) -> None:
        self._pad, self._together = pad, together

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        sequences = [example["input_ids"] for example in examples]
        packing = Packing.of(list(map(len, sequences)), together=self._together)
        labels = packing.tensor([example["labels"] for example in examples], IGNORED)
        return {**packing.inputs(sequences, self._pad), "labels": labels}
