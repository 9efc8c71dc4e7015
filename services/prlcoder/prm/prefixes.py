"""Programs that grow, and programs after one prompt: what a reward model has read is kept, only what is new is read.

A text is read in the cheapest way the first time, and only its tokens and scores are remembered: most programs never
come again. The first that begins like it is read from the start once more and its keys and values are kept; from then
on only what is new is read. Keys and values are reused for the tokens that a text has in common with one that was read
before, no further: where a program grows, its last tokens may change (``"x ="`` and ``"x == 1"`` begin with different
tokens). Scores equal those of a reading from the start, to float tolerance.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import torch
from torch.nn.functional import pad
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from prlcoder.modeling.packing.rows import padded
from prlcoder.prm.step_model import StepModel, Tokenised, log_odds

BLOCK = 16  # tokens; texts that share fewer are not worth finding

States = tuple[torch.Tensor, torch.Tensor]
"""Keys and values of one layer for one program, each ``(heads, tokens, head_dim)``."""


@dataclass(frozen=True)
class Read:
    """What a model has read of a program: token ids, states of each layer (none if they were not kept), known log-odds
    by token position."""

    ids: list[int]
    states: list[States]
    odds: dict[int, float]


NOTHING = Read([], [], {})


@dataclass(frozen=True)
class Part:
    """A row of which the first ``start`` tokens are in ``known`` with their states. ``keep`` says whether its own
    states will be wanted."""

    row: Tokenised
    known: Read
    start: int
    keep: bool


class PrefixCache:
    """What one model has read, found again by its first tokens. What was used longest ago leaves when more than
    ``max_tokens`` are kept. For one thread."""

    def __init__(self, model: StepModel, max_tokens: int) -> None:
        self._model = model
        self._max_tokens = max_tokens
        self._reads: OrderedDict[int, Read] = OrderedDict()
        self._by_blocks: dict[int, int] = {}
        self._names = count()
        self.tokens = 0

    def odds(self, rows: Sequence[Tokenised]) -> list[list[float]]:
        """Log-odds at each row's places, from at most two passes: over what is new in rows that continue something
        kept, and over the other rows, of which those are kept that begin like something remembered."""
        found = [self._find(row) for row in rows]
        reads = [self._reads.get(name, NOTHING) for name, _ in found]
        starts = [shared if read.states else 0 for (_, shared), read in zip(found, reads, strict=True)]
        open_ = [number for number, (_, shared) in enumerate(found) if shared < len(rows[number].ids)]
        for continues in (True, False):
            chosen = [number for number in open_ if (starts[number] > 0) == continues]
            keeps = [found[number][0] >= 0 for number in chosen]
            if any(keeps):
                parts = [Part(rows[n], reads[n], starts[n], keep) for n, keep in zip(chosen, keeps, strict=True)]
                fresh = read_on(self._model, parts)
            else:
                fresh = read(self._model, [rows[number] for number in chosen])
            for number, one in zip(chosen, fresh, strict=True):
                reads[number] = one
        for (name, shared), one in zip(found, reads, strict=True):
            self._keep(name, shared, one)
        return [[one.odds[place] for place in row.places] for row, one in zip(rows, reads, strict=True)]

    def _find(self, row: Tokenised) -> tuple[int, int]:
        """The name of the reading that shares most blocks with the row, and how much of it can be reused; -1 and 0 if
        that is less than half of the row: putting states together costs more than it saves then."""
        for digest in reversed(list(block_digests(row.ids))):
            name = self._by_blocks.get(digest, -1)
            if name in self._reads:
                shared = reusable(self._reads[name], row)
                return (name, shared) if 2 * shared >= len(row.ids) else (-1, 0)
        return -1, 0

    def _keep(self, continued: int, start: int, read: Read) -> None:
        """Keep a reading; it takes the place of the one it continues if that one held hardly anything else."""
        known = self._reads.get(continued)
        if known is read:
            self._reads.move_to_end(continued)
            return
        if known is not None and len(known.ids) - start < BLOCK:
            self._drop(continued)
        name = next(self._names)
        self._reads[name] = read
        self._by_blocks.update(dict.fromkeys(block_digests(read.ids), name))
        self.tokens += len(read.ids)
        while self.tokens > self._max_tokens:
            self._drop(next(iter(self._reads)))

    def _drop(self, name: int) -> None:
        read = self._reads.pop(name)
        self.tokens -= len(read.ids)
        for digest in block_digests(read.ids):
            if self._by_blocks.get(digest) == name:
                del self._by_blocks[digest]


def block_digests(ids: Sequence[int]) -> Iterator[int]:
    """One number for the first block, the first two blocks and so on. Equal numbers are a hint, not a proof."""
    digest = 0
    for end in range(BLOCK, len(ids) + 1, BLOCK):
        digest = hash((digest, *ids[end - BLOCK : end]))
        yield digest


def reusable(read: Read, row: Tokenised) -> int:
    """How many of the row's tokens need not be read again: those it shares with what was read, up to the first scored
    one whose log-odds are not known.

    >>> row = Tokenised(None, [7, 8, 9, 5], [1, 3])
    >>> [reusable(Read(ids, [], odds), row) for ids, odds in (([7, 8, 4], {1: 0.5}), ([7, 8, 4], {}), ([], {}))]
    [2, 1, 0]
    """
    shared = 0
    for ours, theirs in zip(row.ids, read.ids, strict=False):
        if ours != theirs:
            break
        shared += 1
    return min([shared, *(place for place in row.places if place < shared and place not in read.odds)])


def can_reuse(model: StepModel) -> bool:
    """Whether every layer keeps all keys and values; sliding windows and recurrent states cannot be cut back."""
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.model.config).layers)


def read(model: StepModel, rows: Sequence[Tokenised]) -> list[Read]:
    """Read each row from the start in one pass, and keep no states."""
    if not rows:
        return []
    return [
        Read(row.ids, [], dict(zip(row.places, odds, strict=True)))
        for row, odds in zip(rows, model.odds(rows), strict=True)
    ]


@torch.inference_mode()
def read_on(model: StepModel, parts: Sequence[Part]) -> list[Read]:
    """Read each row from token ``start`` on, after that many of the states that are known, in one pass.

    States are padded on the left and new tokens on the right, so that the two meet in one column of the batch.
    """
    width, device = max(part.start for part in parts), model.model.device
    cache = DynamicCache(config=model.model.config)
    if width:
        for layer in range(len(cache.layers)):
            cache.update(*_past(parts, layer, width), layer)
    news = [part.row.ids[part.start :] for part in parts]
    tokens = padded(news, model.pad)
    starts = torch.tensor([part.start for part in parts])
    columns = torch.arange(width + tokens.shape[1]) - width  # the first new token's is 0
    ends = torch.tensor([len(new) for new in news])
    seen = (columns >= -starts[:, None]) & (columns < ends[:, None])
    positions = (starts[:, None] + columns[width:]).clamp(max=model.max_length - 1)  # of padding: any that is allowed
    odds = log_odds(
        model.model(
            input_ids=tokens.to(device),
            attention_mask=seen.long().to(device),
            position_ids=positions.to(device),
            past_key_values=cache,
            use_cache=True,
        ).logits
    )
    fresh = []
    for number, (part, new) in enumerate(zip(parts, news, strict=True)):
        kept = slice(width - part.start, width + len(new))
        layers = cache.layers if part.keep else ()
        states = [(layer.keys[number, :, kept].clone(), layer.values[number, :, kept].clone()) for layer in layers]
        before = {place: value for place, value in part.known.odds.items() if place < part.start}
        found = {place: odds[number, place - part.start].item() for place in part.row.places if place >= part.start}
        fresh.append(Read(part.row.ids, states, before | found))
    return fresh


def _past(parts: Sequence[Part], layer: int, width: int) -> States:
    """Keys and values of the reused tokens of all rows, ``(rows, heads, width, head_dim)``, zeros on the left."""
    keys, values = (
        torch.stack(
            [pad(part.known.states[layer][side][:, : part.start], (0, 0, width - part.start, 0)) for part in parts]
        )
        for side in (0, 1)
    )
    return keys, values
