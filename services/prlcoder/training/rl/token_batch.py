"""Rollouts as tensors: packed rows for the models, and one row of completion tokens per rollout for everything else.

``B`` is the number of rollouts, ``T`` the number of tokens of the longest completion, ``N`` that of all completions
together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence

from prlcoder.modeling.packing.rows import Packing
from prlcoder.training.losses.policy_gradient import token_entropies, token_logps
from prlcoder.training.masks.executed import executed_mask
from prlcoder.training.rollouts import Rollout

NO_TOKEN = -1


@dataclass(frozen=True)
class TokenBatch:
    """Some rollouts, ready for a forward pass."""

    inputs: dict[str, Any]  # of the model: rows ``(R, K)``
    predictors: torch.Tensor  # (N,) index into the R * K tokens: the token before each completion token
    tokens: torch.Tensor  # (N,) ids of the completion tokens, rollout after rollout
    lengths: tuple[int, ...]  # (B,) of the completions

    @classmethod
    def of(cls, rollouts: Sequence[Rollout], pad: int, *, together: bool, device: Any = "cpu") -> TokenBatch:
        """The rollouts in packed rows, or one per row if not ``together``.

        >>> from prlcoder.executor.verdicts import Verdict
        >>> from prlcoder.training.rollouts import RolloutOutcome
        >>> def rollout(prompt, completion):
        ...     outcome = RolloutOutcome(Verdict.PASSED)
        ...     return Rollout("p", 0, prompt, completion, True, (0.0,) * len(completion), 0, "", (), (), outcome)
        >>> batch = TokenBatch.of([rollout((1, 2), (3, 4, 5)), rollout((6,), (7,))], 0, together=False)
        >>> batch.inputs["input_ids"].tolist()
        [[1, 2, 3, 4, 5], [6, 7, 0, 0, 0]]
        >>> batch.predictors.tolist(), batch.tokens.tolist()
        ([1, 2, 3, 5], [3, 4, 5, 7])
        >>> batch.rows(batch.tokens).tolist()
        [[3, 4, 5], [7, 0, 0]]
        """
        sequences = [[*one.prompt_ids, *one.completion_ids] for one in rollouts]
        packing = Packing.first_fit(list(map(len, sequences)), enabled=together)
        numbers, first = [], 0
        for one in rollouts:
            last = first + len(one.completion_ids)
            numbers.append([NO_TOKEN] * (len(one.prompt_ids) - 1) + list(range(first, last)) + [NO_TOKEN])
            first = last
        grid = packing.tensor(numbers, NO_TOKEN).flatten()
        places = torch.nonzero(grid != NO_TOKEN).flatten()
        predictors = torch.empty(first, dtype=torch.long)
        predictors[grid[places]] = places
        tokens = torch.tensor([id for one in rollouts for id in one.completion_ids])
        inputs = {
            name: value.to(device) if torch.is_tensor(value) else value
            for name, value in packing.inputs(sequences, pad).items()
        }
        lengths = tuple(len(one.completion_ids) for one in rollouts)
        return cls(inputs, predictors.to(device), tokens.to(device), lengths)

    def rows(self, values: torch.Tensor) -> torch.Tensor:
        """One value per completion token, ``(N,)``, as ``(B, T)`` with zeros behind each completion."""
        return pad_sequence(list(torch.split(values, list(self.lengths))), batch_first=True)


def completion_mask(rollouts: Sequence[Rollout], *, executed: bool = False) -> torch.Tensor:
    """``(B, T)``: True for the tokens that are trained on. A completion that was cut off has none; with ``executed``,
    only the tokens of executed lines are trained on."""
    rows = []
    for one in rollouts:
        trained = executed_mask(one) if executed else (True,) * len(one.completion_ids)
        rows.append(torch.tensor(trained) & one.finished)
    return pad_sequence(rows, batch_first=True, padding_value=False)


def token_rows(rows: Sequence[Sequence[float]]) -> torch.Tensor:
    """Numbers per completion token as ``(B, T)`` in float32, with zeros behind each completion."""
    return pad_sequence([torch.tensor(row, dtype=torch.float32) for row in rows], batch_first=True)


def completion_logps(model: Any, batch: TokenBatch, temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probability of each completion token at the sampling temperature, and the entropy of the distribution that it
    was drawn from, ``(B, T)`` each; gradients flow through the first."""
    logits = model(**batch.inputs).logits.flatten(0, 1)[batch.predictors]
    logps = token_logps(logits, batch.tokens, temperature)
    return batch.rows(logps), batch.rows(token_entropies(logits.detach(), temperature))


def in_batches(rollouts: Sequence[Rollout], tokens: int) -> Iterator[list[int]]:
    """The numbers of all rollouts in order, at most ``tokens`` tokens at a time, or a single longer rollout."""
    batch: list[int] = []
    size = 0
    for number, one in enumerate(rollouts):
        length = len(one.prompt_ids) + len(one.completion_ids)
        if batch and size + length > tokens:
            yield batch
            batch, size = [], 0
        batch.append(number)
        size += length
    if batch:
        yield batch
