"""Preference pairs on tries: both sides of a pair, and all pairs of a program, share their prefixes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch

from prlcoder.modeling.packing.tree import TreeBatch, Trie, group_by_budget, split_by_similarity, split_in_order
from prlcoder.training.examples.pairs import NO_SPAN, PairBatch, add_columns

SIDES: Final = ("chosen", "rejected")

TokenPair = Mapping[str, Any]


def pair_bins(pairs: Sequence[TokenPair], budget: int, *, seed: int) -> list[list[TokenPair]]:
    """Batches of pairs whose tries have about ``budget`` nodes together; the pairs of a program share a batch.

    A program with more nodes is split by its forks, and its parts repeat their common prefix. The batches are fixed,
    and training shuffles their order in every epoch. The programs are shuffled before they are grouped.
    """
    parts: list[list[TokenPair]] = []
    for group in split_by_similarity([pair["chosen"] for pair in pairs]):
        members = sorted((pairs[number] for number in group), key=lambda pair: (pair["start"], pair["rejected"]))
        places = split_in_order([[pair["chosen"], pair["rejected"]] for pair in members], budget)
        parts += [[members[number] for number in part] for part in places]
    order = np.random.default_rng(seed).permutation(len(parts)).tolist()
    shuffled = [parts[number] for number in order]
    sizes = [len(Trie.of([pair[side] for pair in part for side in SIDES])) for part in shuffled]
    return [[pair for number in group for pair in shuffled[number]] for group in group_by_budget(sizes, budget)]


class PairBinCollator:
    """Collates the batches of ``pair_bins``."""

    def __init__(self, pad: int) -> None:
        self._collate = PairTrieCollator(pad)

    def __call__(self, bins: Sequence[Sequence[TokenPair]]) -> PairBatch:
        return self._collate([pair for one in bins for pair in one])


class PairTrieCollator:
    """Collates preference pairs into one ``PairBatch`` whose rows are tries.

    ``targets``, ``completion_span`` and ``segment_span`` are (1, K): one entry per token of a side that a loss reads.
    Entry ``k`` is predicted at position ``sources[k]`` of the flattened rows, and several entries may have the same
    source. The losses of a batch are those of ``PairCollator`` for the same pairs.

    >>> collate = PairTrieCollator(pad=0)
    >>> pair = {"chosen": [1, 2, 3, 4], "rejected": [1, 2, 5], "start": 2, "segment_start": 2, "loss_denominator_id": 0}
    >>> batch = collate([pair])
    >>> batch["input_ids"][:, :6].tolist(), batch["position_ids"][:, :6].tolist(), batch["ends"][:, :6].tolist()
    ([[1, 2, 3, 4, 5, 0]], [[0, 1, 2, 3, 2, 0]], [[5, 5, 4, 4, 5, 6]])
    >>> batch["sources"].tolist(), batch["targets"].tolist()
    ([1, 2, 1], [[3, 4, 5]])
    >>> batch["completion_span"].tolist(), batch["segment_span"].tolist(), batch["logits_to_keep"].tolist()
    ([[0, 0, 1]], [[0, 0, -1]], [1, 2])
    """

    def __init__(self, pad: int) -> None:
        self._pad = pad

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> PairBatch:
        pairs = len(examples)
        sequences = [example[side] for side in SIDES for example in examples]
        paths, batch = self._laid_out(sequences)
        sources: list[int] = []
        targets: list[int] = []
        completion: list[int] = []
        segment: list[int] = []
        for number, (ids, path) in enumerate(zip(sequences, paths, strict=True)):
            example = examples[number % pairs]
            start = max(example["start"], 1)
            chosen = number < pairs
            first = min(start, max(example["segment_start"], 1)) if chosen else start
            for index in range(first, len(ids)):
                sources.append(path[index - 1])
                targets.append(ids[index])
                completion.append(number if index >= start else NO_SPAN)
                segment.append(number if chosen and index >= example["segment_start"] else NO_SPAN)
        spans, width = torch.tensor(segment), batch.input_ids.shape[1]
        found: PairBatch = {
            "input_ids": batch.input_ids,
            "position_ids": batch.position_ids,
            "ends": batch.ends,
            "use_cache": False,
            "sources": torch.tensor(sources),
            "logits_to_keep": torch.tensor(sorted({source % width for source in sources})),
            "targets": torch.tensor([targets]),
            "completion_span": torch.tensor([completion]),
            "segment_span": spans[None],
            "segment_tokens": torch.bincount(spans[spans >= 0], minlength=pairs),
            "loss_denominator_ids": torch.tensor([example["loss_denominator_id"] for example in examples]),
        }
        return add_columns(found, examples)

    def _laid_out(self, sequences: Sequence[Sequence[int]]) -> tuple[list[list[int]], TreeBatch]:
        """For each sequence the flat position of every token, and the batch."""
        groups = split_by_similarity(sequences)
        tries = [Trie.of([sequences[number] for number in group]) for group in groups]
        batch = TreeBatch.of(tries, self._pad)
        paths: list[list[int]] = [[] for _ in sequences]
        for group, trie, offset in zip(groups, tries, batch.offsets, strict=True):
            for number, path in zip(group, trie.paths, strict=True):
                paths[number] = [offset + node for node in path]
        return paths, batch
