"""Tree attention as an argument of the model: which models accept the mask of a trie, and in which form.

``transformers`` (5.19, ``masking_utils._preprocess_mask_arguments``) passes a four-dimensional ``attention_mask`` on to
every layer unchanged, so no model is patched. ``sdpa`` takes booleans; ``eager`` adds the mask to the scores, so it
needs 0 and minus infinity (booleans would be silently wrong). All other implementations are refused, and so are models
whose layers limit or replace attention, because the mask of a trie says nothing about a window in positions or about a
recurrent state.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from typing import Any, Final

import torch

from prlcoder.modeling.packing.rows import token_batch
from prlcoder.modeling.packing.tree import TreeBatch, Trie, tree_mask

IMPLEMENTATIONS: Final = ("sdpa", "eager")
TOLERANCE: Final = {torch.float32: 1e-4, torch.float64: 1e-8}  # of logits, relative to the largest
HALF_TOLERANCE: Final = 5e-2
MAX_CHECKED_SEQUENCES: Final = 16  # of the first batch


def refusal(model: Any) -> str | None:
    """Why the model cannot read tries, or None if its configuration allows it.

    The configuration does not tell everything; ``differs`` compares the numbers.
    """
    config = model.config.get_text_config()
    implementation = config._attn_implementation
    kinds = set(getattr(config, "layer_types", None) or ()) - {"full_attention"}
    if implementation not in IMPLEMENTATIONS:
        return f"attention implementation {implementation} takes no mask of this form; use sdpa"
    if kinds:
        return f"it has layers of the kind {min(kinds)}, and only full attention can follow a trie"
    if getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True):
        return f"its attention has a sliding window of {config.sliding_window} tokens"
    if getattr(config, "attention_chunk_size", None):
        return f"its attention is limited to chunks of {config.attention_chunk_size} tokens"
    if any(getattr(config, name, None) for name in ("expert_capacity", "capacity_factor", "moe_capacity_factor")):
        return "its experts have a capacity, so the tokens of one branch would displace those of another"
    if "position_ids" not in inspect.signature(_unwrapped(model).forward).parameters:
        return "its forward pass takes no position_ids"
    return None


def tree_inputs(model: Any, batch: TreeBatch) -> dict[str, Any]:
    """The arguments of the model's forward pass for a batch, on the model's device."""
    return tree_arguments(model, batch.input_ids, batch.position_ids, batch.ends)


def tree_arguments(
    model: Any, input_ids: torch.Tensor, position_ids: torch.Tensor, ends: torch.Tensor
) -> dict[str, Any]:
    """The same from the tensors of a batch, ``(R, L)`` each. The mask is built on the device, which needs no copy."""
    device = model.device
    mask = tree_mask(ends.to(device))
    if model.config.get_text_config()._attn_implementation == "eager":
        lowest = torch.finfo(model.dtype).min
        mask = torch.zeros(mask.shape, dtype=model.dtype, device=device).masked_fill_(~mask, lowest)
    return {
        "input_ids": input_ids.to(device),
        "position_ids": position_ids.to(device),
        "attention_mask": mask,
        "use_cache": False,
    }


@torch.inference_mode()
def differs(model: Any, sequences: Sequence[Sequence[int]]) -> float:
    """The largest difference of a logit between one pass over the trie and a padded row per sequence.

    It is relative to the largest logit, over all tokens of ``sequences``, in evaluation mode.
    """
    training = model.training
    model.eval()
    try:
        trie = Trie.of(sequences)
        in_trie = model(**tree_inputs(model, TreeBatch.of([trie], 0))).logits[0].float()
        rows = {name: tensor.to(model.device) for name, tensor in token_batch(sequences, 0).items()}
        alone = model(**rows, use_cache=False).logits.float()
        gaps = [
            (in_trie[trie.paths[number]] - alone[number, : len(sequence)]).abs().max()
            for number, sequence in enumerate(sequences)
        ]
        return float(torch.stack(gaps).max() / alone.abs().max())
    finally:
        model.train(training)


def reads_tries(model: Any, sequences: Sequence[Sequence[int]], *, what: str) -> bool:
    """Whether to use tries for this model: its configuration allows it, and its first batch agrees.

    ``sequences`` are those of the first batch; up to ``MAX_CHECKED_SEQUENCES`` of them are compared with one row per
    sequence. Otherwise a warning on standard error names the reason, and the caller takes the path with whole rows.
    ``what`` names the work in the warning.
    """
    reason = refusal(model)
    if reason is None:
        difference = differs(model, sequences[:MAX_CHECKED_SEQUENCES])
        allowed = TOLERANCE.get(model.dtype, HALF_TOLERANCE)
        if difference <= allowed:  # also False for NaN
            return True
        reason = f"logits of the first batch differ by {difference:.1e} of the largest, more than {allowed:.0e}"
    print(
        f"{what}: prefixes are not shared: {reason}; every sequence is a row of its own, which is slower",
        file=sys.stderr,
    )
    return False


def _unwrapped(model: Any) -> Any:
    """The model inside a PEFT model, whose forward pass names no arguments."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model
