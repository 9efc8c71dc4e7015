"""Labelled steps on tries: the programs of a problem share their prefixes, and every labelled prefix is a node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from prlcoder.modeling.packing.tree import TreeBatch, Trie, group_by_budget, split_by_branches
from prlcoder.training.examples.steps import StepSequence


@dataclass(frozen=True)
class StepTrie:
    """A trie with labels at some of its nodes: ``labels[i]`` (0 rejected, 1 chosen) is the label of ``nodes[i]``.

    ``counts[i]`` is the number of sequences that have this label at this node. A node has two entries if its sequences
    disagree.
    """

    trie: Trie
    nodes: list[int]
    labels: list[int]
    counts: list[int]

    def __len__(self) -> int:
        return len(self.trie)


def step_tries(sequences: Sequence[StepSequence], budget: int) -> list[StepTrie]:
    """The tries of all problems, each of at most ``budget`` nodes unless a single sequence is longer.

    A trie above the budget is split by branches. A label of a prefix that several parts repeat is kept in the first of
    them, with its count over all sequences, so that splitting does not change the loss.

    >>> first = StepSequence([1, 2, 3], [1, 2], [1, 1], "a")
    >>> second = StepSequence([1, 2, 4], [1, 2], [1, 0], "a")
    >>> (made,) = step_tries([first, second], 10)
    >>> made.trie.ids, made.nodes, made.labels, made.counts
    ([1, 2, 3, 4], [1, 2, 3], [1, 1, 0], [2, 1, 1])
    """
    problems: dict[str, list[StepSequence]] = {}
    for sequence in sequences:
        problems.setdefault(sequence.problem_id, []).append(sequence)
    return [trie for members in problems.values() for trie in _tries_of_problem(members, budget)]


def _tries_of_problem(sequences: Sequence[StepSequence], budget: int) -> Iterable[StepTrie]:
    ids = [sequence.ids for sequence in sequences]
    whole = Trie.of(ids)
    counts: Counter[tuple[int, int]] = Counter()  # by (node of the whole trie, label)
    for sequence, path in zip(sequences, whole.paths, strict=True):
        counts.update(
            (path[position], label) for position, label in zip(sequence.positions, sequence.labels, strict=True)
        )
    for group in split_by_branches(ids, budget):
        trie = Trie.of([ids[number] for number in group])
        found: dict[tuple[int, int], int] = {}
        for path, number in zip(trie.paths, group, strict=True):
            for position, label in zip(sequences[number].positions, sequences[number].labels, strict=True):
                count = counts.pop((whole.paths[number][position], label), None)
                if count is not None:
                    found[path[position], label] = count
        if found:
            entries = sorted(found.items())
            yield StepTrie(
                trie,
                [node for (node, _), _ in entries],
                [label for (_, label), _ in entries],
                [count for _, count in entries],
            )


def bins(tries: Sequence[StepTrie], budget: int, *, seed: int) -> list[list[StepTrie]]:
    """Batches of tries, at most ``budget`` nodes each unless a single trie is larger.

    The batches are fixed, and training shuffles their order in every epoch. The tries are shuffled before they are
    grouped, so that a batch contains unrelated problems.
    """
    order = np.random.default_rng(seed).permutation(len(tries)).tolist()
    shuffled = [tries[number] for number in order]
    return [[shuffled[number] for number in group] for group in group_by_budget(list(map(len, shuffled)), budget)]


class StepTrieCollator:
    """Collates batches of tries into tensors: those of ``TreeBatch``, and one entry per label.

    ``sources`` (T,) are the positions of the labelled nodes in the flattened rows, ``labels`` and ``counts`` are (T,).

    >>> (trie,) = step_tries([StepSequence([5, 6], [1], [0], "a")], 10)
    >>> batch = StepTrieCollator(pad=0)([[trie, trie]])
    >>> batch["input_ids"][:, :5].tolist(), batch["ends"][:, :5].tolist()
    ([[5, 6, 5, 6, 0]], [[2, 2, 4, 4, 5]])
    >>> batch["sources"].tolist(), batch["labels"].tolist(), batch["counts"].tolist()
    ([1, 3], [0, 0], [1, 1])
    """

    def __init__(self, pad: int) -> None:
        self._pad = pad

    def __call__(self, groups: Sequence[Sequence[StepTrie]]) -> Mapping[str, torch.Tensor]:
        tries = [trie for group in groups for trie in group]
        batch = TreeBatch.of([trie.trie for trie in tries], self._pad)
        sources = [offset + node for trie, offset in zip(tries, batch.offsets, strict=True) for node in trie.nodes]
        return {
            "input_ids": batch.input_ids,
            "position_ids": batch.position_ids,
            "ends": batch.ends,
            "sources": torch.tensor(sources),
            "labels": torch.tensor([label for trie in tries for label in trie.labels]),
            "counts": torch.tensor([count for trie in tries for count in trie.counts]),
        }
