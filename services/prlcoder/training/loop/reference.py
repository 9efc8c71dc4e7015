"""Log-probabilities under the frozen reference model, computed once before training and cached on disk.

The cache is what makes resuming exact: a resumed training loads half-trained weights, which must not be taken for the
reference.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from prlcoder.files import atomic_path
from prlcoder.telemetry.progress import Progress
from prlcoder.training.examples.pairs import PairCollating, target_logps
from prlcoder.training.losses.preference import pair_logps

if TYPE_CHECKING:
    from datasets import Dataset

TOKENS_PER_BATCH = 8192


def add_reference_logps(pairs: Dataset, model: Any, name: str, collator: PairCollating, work: Path) -> Dataset:
    """``pairs`` with the columns ``ref_chosen_logps`` and ``ref_rejected_logps``: the log-probabilities of both sides
    under ``model`` as it is now. ``name`` identifies the model; the cache file in ``work`` is named after it and the
    pairs."""
    identity = json.dumps([name, pairs["chosen"][:], pairs["rejected"][:], pairs["start"][:]])
    path = work / f"reference-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.npy"
    if not path.exists():
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.save(file, reference_logps(pairs, model, collator))
    chosen, rejected = np.load(path)
    pairs = pairs.add_column("ref_chosen_logps", chosen.tolist())
    return pairs.add_column("ref_rejected_logps", rejected.tolist())


@torch.inference_mode()
def reference_logps(pairs: Sequence[Any], model: Any, collator: PairCollating) -> np.ndarray[Any, Any]:
    """``(2, pairs)``: log-probabilities of the chosen and of the rejected sides, in the order of ``pairs``."""
    model.eval()
    examples = list(pairs)
    found = np.zeros((2, len(examples)), dtype=np.float32)
    with Progress("reference", total=len(examples), unit="pairs") as progress:
        for indices in _batches(examples):
            batch: Any = collator([examples[index] for index in indices])
            batch = {name: value.to(model.device) if torch.is_tensor(value) else value for name, value in batch.items()}
            for side, logps in enumerate(pair_logps(target_logps(model, batch), batch)):
                found[side, indices] = logps.float().cpu().numpy()
            tokens = sum(len(examples[index]["chosen"]) + len(examples[index]["rejected"]) for index in indices)
            progress.advance(len(indices), tokens=tokens)
    return found


def _batches(examples: Sequence[Any]) -> Iterator[list[int]]:
    """Numbers of pairs, batch by batch, about ``TOKENS_PER_BATCH`` tokens each.

    Pairs of one program stand side by side, because their tokens are sorted. On tries they share what they have in
    common; on rows they have about the same length, so that padding is rare.
    """
    batch: list[int] = []
    size = 0
    for index in sorted(range(len(examples)), key=lambda index: list(examples[index]["chosen"])):
        tokens = 2 * examples[index]["length"]
        if batch and size + tokens > TOKENS_PER_BATCH:
            yield batch
            batch, size = [], 0
        batch.append(index)
        size += tokens
    if batch:
        yield batch
