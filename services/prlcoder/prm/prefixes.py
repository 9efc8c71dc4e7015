"""Scores programs that begin like earlier ones and reads only the tokens that are new.

A program that grows step by step, and many programs after one prompt, share their beginnings. The cache works in three
stages, so that programs which never come again stay cheap::

    1st program   read from the start, no keys and values kept      remembered: tokens, log-odds
    2nd, similar  read from the start again, keys and values kept   remembered: tokens, log-odds, states
    3rd, similar  the common tokens are not read again:

        states of the 2nd   [=================================]......
                            |<------- common tokens ---------->|
        3rd program         [-------- reused ----------][ ---- read ---- ]
                            0                           start            len(ids)

``start`` lies at the first token that differs, or earlier at the first scored token whose log-odds are not known yet.
Earlier programs are found by the hashes of their first 16, 32, 48 ... tokens.

One pass reads the rest of several programs. States are padded on the left and new tokens on the right, so that both
meet in one column of the batch (``.`` is padding, ``=`` reused states, ``-`` new tokens)::

    column       -5 -4 -3 -2 -1 | 0  1  2  3
    row 0         =  =  =  =  = | -  -  .  .     start 5, 2 new tokens
    row 1         .  .  .  =  = | -  -  -  -     start 2, 4 new tokens

Only equal tokens are reused, never equal characters: the last tokens of a program may change when it grows (``"x ="``
and ``"x == 1"`` begin with different tokens). The scores equal those of a reading from the start, to float tolerance.
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

BLOCK_TOKENS = 16  # looking up shorter common beginnings costs more than it saves
NOT_FOUND = -1

States = tuple[torch.Tensor, torch.Tensor]
"""Keys and values of one layer for one program, each ``(heads, tokens, head_dim)``."""


@dataclass(frozen=True)
class Reading:
    """What the model has computed for one program.

    ``states`` has one entry per layer and is empty if the states were not kept. ``odds`` maps the positions of scored
    tokens to their log-odds.
    """

    ids: list[int]
    states: list[States]
    odds: dict[int, float]


EMPTY_READING = Reading([], [], {})


@dataclass(frozen=True)
class RowToContinue:
    """A row whose first ``start`` tokens are reused from ``known``; ``keep`` asks for the states of the whole row."""

    row: Tokenised
    known: Reading
    start: int
    keep: bool


class PrefixCache:
    """The readings of one model, found again by their first tokens.

    The least recently used readings are dropped while more than ``max_tokens`` are held. Not thread-safe.
    """

    def __init__(self, model: StepModel, max_tokens: int) -> None:
        self._model = model
        self._max_tokens = max_tokens
        self._readings: OrderedDict[int, Reading] = OrderedDict()  # by number, least recently used first
        self._by_digest: dict[int, int] = {}  # digest of the first blocks -> number of the newest such reading
        self._numbers = count()
        self.tokens = 0

    def odds(self, rows: Sequence[Tokenised]) -> list[list[float]]:
        """Log-odds at the score positions of each row.

        At most two passes are made: one over the new tokens of rows that continue kept states, and one over whole rows.
        """
        found = [self._find(row) for row in rows]
        readings = [self._readings.get(number, EMPTY_READING) for number, _ in found]
        # A remembered reading without states saves no work, except for a row that it covers completely.
        starts = [shared if known.states else 0 for (_, shared), known in zip(found, readings, strict=True)]
        unread = [index for index, (_, shared) in enumerate(found) if shared < len(rows[index].ids)]
        for continues in (True, False):
            # Rows with reused states and whole rows go in separate passes: in one, the whole rows would be padded by
            # the longest reused beginning.
            chosen = [index for index in unread if (starts[index] > 0) == continues]
            # The second program with the same beginning shows that more may follow, so its states are kept.
            keeps = [found[index][0] != NOT_FOUND for index in chosen]
            if any(keeps):
                parts = [
                    RowToContinue(rows[i], readings[i], starts[i], keep) for i, keep in zip(chosen, keeps, strict=True)
                ]
                fresh = read_rest(self._model, parts)
            else:
                fresh = read_from_start(self._model, [rows[index] for index in chosen])
            for index, reading in zip(chosen, fresh, strict=True):
                readings[index] = reading
        for (number, shared), reading in zip(found, readings, strict=True):
            self._keep(number, shared, reading)
        return [
            [reading.odds[position] for position in row.score_positions]
            for row, reading in zip(rows, readings, strict=True)
        ]

    def _find(self, row: Tokenised) -> tuple[int, int]:
        """The number of the reading that shares most blocks with the row, and how many of its tokens can be reused.

        Returns ``(NOT_FOUND, 0)`` if less than half of the row can be reused, because joining the states of several
        rows then costs more than reading the row again.
        """
        for digest in reversed(list(block_digests(row.ids))):  # the longest common beginning first
            number = self._by_digest.get(digest, NOT_FOUND)
            if number in self._readings:
                shared = reusable(self._readings[number], row)
                return (number, shared) if 2 * shared >= len(row.ids) else (NOT_FOUND, 0)
        return NOT_FOUND, 0

    def _keep(self, continued: int, start: int, reading: Reading) -> None:
        """Remember a reading that continues the reading ``continued`` from token ``start`` on.

        It replaces that one if that one has hardly any further tokens: a program that grows is then held once.
        """
        known = self._readings.get(continued)
        if known is reading:  # nothing had to be read
            self._readings.move_to_end(continued)
            return
        if known is not None and len(known.ids) - start < BLOCK_TOKENS:
            self._drop(continued)
        number = next(self._numbers)
        self._readings[number] = reading
        self._by_digest.update(dict.fromkeys(block_digests(reading.ids), number))
        self.tokens += len(reading.ids)
        while self.tokens > self._max_tokens:
            self._drop(next(iter(self._readings)))

    def _drop(self, number: int) -> None:
        reading = self._readings.pop(number)
        self.tokens -= len(reading.ids)
        for digest in block_digests(reading.ids):
            if self._by_digest.get(digest) == number:  # a newer reading may own the digest by now
                del self._by_digest[digest]


def block_digests(ids: Sequence[int]) -> Iterator[int]:
    """One digest for the first block, one for the first two blocks, and so on; an incomplete last block has none.

    Equal digests are a hint and not a proof: ``reusable`` compares the tokens themselves.
    """
    digest = 0
    for end in range(BLOCK_TOKENS, len(ids) + 1, BLOCK_TOKENS):
        digest = hash((digest, *ids[end - BLOCK_TOKENS : end]))
        yield digest


def reusable(reading: Reading, row: Tokenised) -> int:
    """How many tokens of the row need not be read again.

    These are the tokens that both share, up to the first scored one whose log-odds are unknown: that token must pass
    through the model to get a score.

    >>> row = Tokenised(None, [7, 8, 9, 5], [1, 3])
    >>> [reusable(Reading(ids, [], odds), row) for ids, odds in (([7, 8, 4], {1: 0.5}), ([7, 8, 4], {}), ([], {}))]
    [2, 1, 0]
    """
    shared = 0
    for ours, theirs in zip(row.ids, reading.ids, strict=False):
        if ours != theirs:
            break
        shared += 1
    unknown = (position for position in row.score_positions if position < shared and position not in reading.odds)
    return min([shared, *unknown])


def can_reuse(model: StepModel) -> bool:
    """Whether every layer keeps all keys and values. Sliding windows and recurrent states cannot be cut to a prefix."""
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.model.config).layers)


def read_from_start(model: StepModel, rows: Sequence[Tokenised]) -> list[Reading]:
    """Read whole rows in one pass, without keeping states."""
    if not rows:
        return []
    return [
        Reading(row.ids, [], dict(zip(row.score_positions, odds, strict=True)))
        for row, odds in zip(rows, model.odds(rows), strict=True)
    ]


@torch.inference_mode()
def read_rest(model: StepModel, parts: Sequence[RowToContinue]) -> list[Reading]:
    """Read each row from token ``start`` on in one pass, after the states of its first ``start`` tokens.

    The module's docstring shows the layout of the batch.
    """
    width, device = max(part.start for part in parts), model.model.device
    cache = DynamicCache(config=model.model.config)
    if width:
        for layer in range(len(cache.layers)):
            cache.update(*_past_states(parts, layer, width), layer)
    new_ids = [part.row.ids[part.start :] for part in parts]
    tokens = padded(new_ids, model.pad)
    starts = torch.tensor([part.start for part in parts])
    columns = torch.arange(width + tokens.shape[1]) - width  # column 0 is the first new token of every row
    ends = torch.tensor([len(new) for new in new_ids])
    # Padding on both sides stays invisible: states before -start and tokens behind the row's end.
    visible = (columns >= -starts[:, None]) & (columns < ends[:, None])
    # Positions continue after the reused tokens of each row. Those of the padding are never looked at, but a position
    # beyond the model's context would index behind its position embedding.
    positions = (starts[:, None] + columns[width:]).clamp(max=model.max_length - 1)
    logits = model.model(
        input_ids=tokens.to(device),
        attention_mask=visible.long().to(device),
        position_ids=positions.to(device),
        past_key_values=cache,
        use_cache=True,
    ).logits
    odds = log_odds(logits, model.chosen)
    return [
        Reading(part.row.ids, _own_states(cache, number, part, len(new), width), _all_odds(part, odds[number]))
        for number, (part, new) in enumerate(zip(parts, new_ids, strict=True))
    ]


def _own_states(cache: DynamicCache, number: int, part: RowToContinue, new: int, width: int) -> list[States]:
    """The states of one row of the batch without its padding; none if they are not to be kept.

    They are copied, because a view would keep the whole batch in memory.
    """
    if not part.keep:
        return []
    own = slice(width - part.start, width + new)
    return [(layer.keys[number, :, own].clone(), layer.values[number, :, own].clone()) for layer in cache.layers]


def _all_odds(part: RowToContinue, odds: torch.Tensor) -> dict[int, float]:
    """Log-odds by position: the known ones before ``start`` and the new ones from there on."""
    known = {position: value for position, value in part.known.odds.items() if position < part.start}
    new = [position for position in part.row.score_positions if position >= part.start]
    return known | {position: odds[position - part.start].item() for position in new}


def _past_states(parts: Sequence[RowToContinue], layer: int, width: int) -> States:
    """Keys and values of the reused tokens of all rows, ``(rows, heads, width, head_dim)``, zeros on the left."""
    keys, values = (
        torch.stack(
            [pad(part.known.states[layer][side][:, : part.start], (0, 0, width - part.start, 0)) for part in parts]
        )
        for side in (0, 1)
    )
    return keys, values
