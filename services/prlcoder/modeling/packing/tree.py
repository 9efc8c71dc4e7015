"""Token sequences that share prefixes as tries, so that a model reads every shared prefix once.

A trie has one node per distinct prefix. Its nodes are stored in depth-first order: node ``n`` is followed by its
descendants, up to but excluding node ``ends[n]``. With ``tin[n] = n`` and ``tout[n] = ends[n]``, a token may attend to
itself and its ancestors if and only if

    query sees key  <=>  key <= query < ends[key]

which is causality and ancestry in one comparison, for tries of any depth (``docs/one-pass.md`` works an example). The
position of a node is its depth. Forks lie where token ids first differ; a fork's hidden state predicts the first token
of each branch, so no token is repeated. Sequences are never truncated.
"""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import torch

from prlcoder.modeling.packing.rows import Packing

LENGTH_MULTIPLE: Final = 16  # rows are padded to a multiple of this: few different shapes, and kernels like it

MIN_SHARED: Final = 0.25  # share of a sequence's tokens


@dataclass(frozen=True)
class Trie:
    """Sequences merged by their prefixes.

    ``ids``, ``depths`` and ``ends`` have one entry per node, in depth-first order.
    ``paths[s][i]`` is the node of token ``i`` of sequence ``s``, in the caller's order of sequences.

    >>> trie = Trie.of([[1, 2, 3], [1, 2, 4, 5], [1, 2, 4]])
    >>> trie.ids, trie.depths, trie.ends
    ([1, 2, 3, 4, 5], [0, 1, 2, 2, 3], [5, 5, 3, 5, 5])
    >>> trie.paths
    [[0, 1, 2], [0, 1, 3, 4], [0, 1, 3]]
    """

    ids: list[int]
    depths: list[int]
    ends: list[int]
    paths: list[list[int]]

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int]]) -> Trie:
        """The trie of ``sequences``. Several first tokens give several roots."""
        ids: list[int] = []
        depths: list[int] = []
        paths: list[list[int]] = [[] for _ in sequences]
        before: Sequence[int] = ()
        path: list[int] = []
        # In lexicographic order, each sequence shares its longest prefix with the one before it, and appending the rest
        # of each gives depth-first order.
        for number in _lexicographic(sequences):
            sequence = sequences[number]
            shared = common_prefix(before, sequence)
            fresh = range(len(ids), len(ids) + len(sequence) - shared)
            ids += sequence[shared:]
            depths += range(shared, len(sequence))
            path = [*path[:shared], *fresh]
            paths[number] = path
            before = sequence
        return cls(ids, depths, _ends(depths), paths)

    def __len__(self) -> int:
        return len(self.ids)


def _lexicographic(sequences: Sequence[Sequence[int]]) -> list[int]:
    """The numbers of the sequences in the order of their tokens."""
    return sorted(range(len(sequences)), key=lambda number: list(sequences[number]))


def common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """Number of equal tokens at the beginning of two sequences.

    >>> common_prefix([1, 2, 3], [1, 2, 4, 5])
    2
    """
    low, high = 0, min(len(left), len(right))
    while low < high:  # comparing slices is much faster than comparing token by token
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _ends(depths: Sequence[int]) -> list[int]:
    """For each node, the first later node that is not its descendant: the next one of at most the same depth."""
    ends = [len(depths)] * len(depths)
    ancestors: list[int] = []  # of the current node; their ends are still open
    for node, depth in enumerate(depths):
        while ancestors and depths[ancestors[-1]] >= depth:
            ends[ancestors.pop()] = node
        ancestors.append(node)
    return ends


def split_by_branches(sequences: Sequence[Sequence[int]], budget: int) -> list[list[int]]:
    """Groups of sequence numbers, such that the trie of each group has at most ``budget`` nodes.

    A group repeats the prefix that it shares with the group before it. Sequences stay whole: one that is longer than
    the budget forms a group of its own.

    >>> split_by_branches([[1, 2, 3], [1, 2, 4, 5], [1, 2, 4]], 5)
    [[0, 2, 1]]
    >>> split_by_branches([[1, 2, 3], [1, 2, 4, 5], [1, 2, 4]], 4)
    [[0, 2], [1]]
    """
    groups: list[list[int]] = []
    size = 0
    before: Sequence[int] = ()
    for number in _lexicographic(sequences):
        sequence = sequences[number]
        added = len(sequence) - common_prefix(before, sequence)
        if groups and size + added <= budget:
            groups[-1].append(number)
            size += added
        else:
            groups.append([number])
            size = len(sequence)
        before = sequence
    return groups


class TrieSize:
    """The number of nodes of a trie that sequences are added to.

    >>> size = TrieSize()
    >>> size.add([1, 2, 3]), size.add([1, 2, 4, 5]), size.added([1, 2]), size.nodes
    (3, 2, 0, 5)
    """

    def __init__(self) -> None:
        self.nodes = 0
        self._sequences: list[list[int]] = []  # in the order of their tokens

    def added(self, sequence: Sequence[int]) -> int:
        """The number of nodes that this sequence would add."""
        place = bisect(self._sequences, list(sequence))
        beside = self._sequences[max(0, place - 1) : place + 1]  # the neighbours share the longest prefixes
        return len(sequence) - max((common_prefix(one, sequence) for one in beside), default=0)

    def add(self, sequence: Sequence[int]) -> int:
        """Add a sequence and return the number of nodes that it has added."""
        fresh = self.added(sequence)
        insort(self._sequences, list(sequence))
        self.nodes += fresh
        return fresh


def split_in_order(groups: Sequence[Sequence[Sequence[int]]], budget: int) -> list[list[int]]:
    """Consecutive groups of sequences as parts, such that the trie of each part has at most ``budget`` nodes.

    The sequences of a group stay together. A group that is larger than the budget is a part by itself.

    >>> split_in_order([[[1, 2], [1, 3]], [[1, 2, 4]], [[1, 2, 5, 6]]], 4)
    [[0, 1], [2]]
    """
    parts: list[list[int]] = []
    size = TrieSize()
    for number, group in enumerate(groups):
        # The sequences of one group share little with each other beyond what they share with the part, so the sum is
        # at most a few nodes too high.
        if not parts or size.nodes + sum(size.added(sequence) for sequence in group) > budget:
            parts.append([])
            size = TrieSize()
        parts[-1].append(number)
        for sequence in group:
            size.add(sequence)
    return parts


def split_by_similarity(sequences: Sequence[Sequence[int]]) -> list[list[int]]:
    """Groups of sequence numbers: a sequence joins a group if it shares at least a quarter of its tokens with a member.

    Programs of different problems share little more than the beginning of the template. In one trie they would only
    enlarge its mask.

    >>> split_by_similarity([[1, 2, 3, 4], [1, 9, 9, 9, 9], [1, 2, 3, 5]])
    [[0, 2], [1]]
    """
    groups: list[list[int]] = []
    before: Sequence[int] = ()
    for number in _lexicographic(sequences):
        sequence = sequences[number]
        if groups and common_prefix(before, sequence) >= MIN_SHARED * len(sequence):
            groups[-1].append(number)
        else:
            groups.append([number])
        before = sequence
    return groups


def group_by_budget(sizes: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Consecutive tries as batches of at most ``budget`` nodes; a larger trie is a batch by itself.

    >>> list(group_by_budget([3, 4, 2, 9, 1], 8))
    [[0, 1], [2], [3], [4]]
    """
    batch: list[int] = []
    total = 0
    for number, size in enumerate(sizes):
        if batch and total + size > budget:
            yield batch
            batch, total = [], 0
        batch.append(number)
        total += size
    if batch:
        yield batch


@dataclass(frozen=True)
class TreeBatch:
    """Tries in R rows of L tokens, several per row. Node ``n`` of trie ``t`` is at ``offsets[t] + n`` of the flat rows.

    Padding sees itself only and is seen by nothing.
    """

    input_ids: torch.Tensor  # (R, L)
    position_ids: torch.Tensor  # (R, L) depth of each node
    ends: torch.Tensor  # (R, L) column after the node's last descendant
    offsets: list[int]  # per trie

    @classmethod
    def of(cls, tries: Sequence[Trie], pad: int) -> TreeBatch:
        """First-fit into rows about as long as the largest trie, so that the masks of small tries stay small.

        >>> batch = TreeBatch.of([Trie.of([[1, 2, 3], [1, 4]]), Trie.of([[5, 6]])], pad=0)
        >>> batch.input_ids[:, :6].tolist(), batch.position_ids[:, :6].tolist(), batch.ends[:, :6].tolist()
        ([[1, 2, 3, 4, 5, 6]], [[0, 1, 2, 1, 0, 1]], [[4, 3, 3, 4, 6, 6]])
        >>> batch.offsets, tuple(batch.input_ids.shape)
        ([0, 4], (1, 16))
        """
        room = _multiple(max(map(len, tries)))
        packing = Packing.first_fit([len(trie) for trie in tries], room=room)
        shape = (len(packing.rows), room)
        input_ids = torch.full(shape, pad)
        position_ids = torch.zeros(shape, dtype=torch.long)
        ends = torch.arange(1, room + 1).repeat(len(packing.rows), 1)
        offsets = [0] * len(tries)
        for index, row in enumerate(packing.rows):
            start = 0
            for number in row:
                trie, stop = tries[number], start + len(tries[number])
                input_ids[index, start:stop] = torch.tensor(trie.ids)
                position_ids[index, start:stop] = torch.tensor(trie.depths)
                ends[index, start:stop] = torch.tensor(trie.ends) + start
                offsets[number] = index * room + start
                start = stop
        return cls(input_ids, position_ids, ends, offsets)


def _multiple(length: int) -> int:
    return -(-length // LENGTH_MULTIPLE) * LENGTH_MULTIPLE


def tree_mask(ends: torch.Tensor) -> torch.Tensor:
    """Which key each query may attend to, bool ``(R, 1, L, L)``, from ``ends`` ``(R, L)``.

    >>> tree_mask(torch.tensor([[4, 3, 3, 4]]))[0, 0].int().tolist()
    [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 1]]
    """
    columns = torch.arange(ends.shape[1], device=ends.device)
    query, key = columns[:, None], columns[None, :]
    return ((key <= query) & (query < ends[:, None, :]))[:, None]
