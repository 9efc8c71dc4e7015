"""Tree attention as an argument of the model: which models accept the mask of a trie, and in which form.

``transformers`` (5.19, ``masking_utils._preprocess_mask_arguments``) passes a four-dimensional ``attention_mask`` on to
every layer unchanged, so no model is patched. The attention implementation of the model's configuration decides on the
form:

- ``sdpa`` takes booleans, a dense mask of L x L per row, or what ``eager`` takes;
- ``eager`` adds the mask to the scores, so it needs 0 and minus infinity (booleans would be silently wrong);
- ``flex_attention`` takes a ``BlockMask``, which skips blocks of 128 x 128 that are masked as a whole;
- ``prlcoder_varlen`` takes no mask but the runs of the trie (``varlen_attention``).

The last two are for GPUs and long rows. All other implementations are refused, and so are models whose layers limit or
replace attention, because the mask of a trie says nothing about a window in positions or about a recurrent state.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import torch

from prlcoder.errors import WorkError
from prlcoder.modeling.packing.rows import token_batch
from prlcoder.modeling.packing.tree import TreeBatch, Trie, tree_mask
from prlcoder.modeling.packing.varlen_attention import VARLEN, Runs, register

FLEX: Final = "flex_attention"
IMPLEMENTATIONS: Final = ("sdpa", "eager", FLEX, VARLEN)
ON_GPU: Final = {"flex": FLEX, "varlen": VARLEN}
"""The implementations that only a GPU trains with, by their name in the spec."""
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
    return {
        "input_ids": input_ids.to(device),
        "position_ids": position_ids.to(device),
        **_attention(model, position_ids, ends.to(device)),
        "use_cache": False,
    }


def _attention(model: Any, position_ids: torch.Tensor, ends: torch.Tensor) -> dict[str, Any]:
    """The mask in the form that the model's attention implementation takes, or what it takes in place of a mask."""
    implementation = model.config.get_text_config()._attn_implementation
    if implementation == VARLEN:
        return {"runs": Runs.of(position_ids, ends.device)}
    if implementation == FLEX:
        return {"attention_mask": tree_block_mask(ends)}
    mask = tree_mask(ends)
    if implementation == "eager" or _sdpa_would_convert(model):
        lowest = torch.finfo(model.dtype).min
        mask = torch.zeros(mask.shape, dtype=model.dtype, device=ends.device).masked_fill_(~mask, lowest)
    return {"attention_mask": mask}


def _sdpa_would_convert(model: Any) -> bool:
    """Whether ``sdpa`` makes an additive mask of the booleans itself, in every layer anew, as it does on a CPU."""
    on_cpu = model.device.type == "cpu" and model.dtype == torch.float32
    return on_cpu and not torch.is_autocast_enabled("cpu")


def tree_block_mask(ends: torch.Tensor) -> Any:
    """The ``BlockMask`` of ``tree_mask(ends)``. On a GPU it is built by compiled code, without a dense mask."""
    from torch.nn.attention.flex_attention import create_block_mask

    def sees(row: torch.Tensor, head: torch.Tensor, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        return (key <= query) & (query < ends[row, key])

    rows, length = ends.shape
    return create_block_mask(sees, rows, None, length, length, device=ends.device, _compile=ends.is_cuda)


def attend_with(model: Any, implementation: str) -> None:
    """Set the model's attention implementation, one of ``IMPLEMENTATIONS``."""
    if implementation == VARLEN:
        register()
    model.config.get_text_config()._attn_implementation = implementation


@contextmanager
def _attending(model: Any, implementation: str) -> Iterator[None]:
    """Use another attention implementation for a while."""
    before = model.config.get_text_config()._attn_implementation
    attend_with(model, implementation)
    try:
        yield
    finally:
        attend_with(model, before)


@torch.inference_mode()
def differs(model: Any, sequences: Sequence[Sequence[int]]) -> float:
    """The largest difference of a logit between one pass over the trie and a padded row per sequence.

    It is relative to the largest logit, over all tokens of ``sequences``, in evaluation mode. An implementation for
    GPUs is compared with ``sdpa``.
    """
    training = model.training
    model.eval()
    try:
        trie = Trie.of(sequences)
        in_trie = model(**tree_inputs(model, TreeBatch.of([trie], 0))).logits[0].float()
        rows = {name: tensor.to(model.device) for name, tensor in token_batch(sequences, 0).items()}
        used = model.config.get_text_config()._attn_implementation
        with _attending(model, "sdpa" if used in ON_GPU.values() else used):
            alone = model(**rows, use_cache=False).logits.float()
        gaps = [
            (in_trie[trie.paths[number]] - alone[number, : len(sequence)]).abs().max()
            for number, sequence in enumerate(sequences)
        ]
        return float(torch.stack(gaps).max() / alone.abs().max())
    finally:
        model.train(training)


def reads_tries(model: Any, sequences: Sequence[Sequence[int]], *, what: str, attention: str = "sdpa") -> bool:
    """Whether to use tries for this model: its configuration allows it, and its first batch agrees.

    ``sequences`` are those of the first batch; up to ``MAX_CHECKED_SEQUENCES`` of them are compared with one row per
    sequence. Otherwise a warning on standard error names the reason, and the caller takes the path with whole rows.
    ``what`` names the work in the warning. ``attention`` is ``sdpa`` for the model's own implementation, or a key of
    ``ON_GPU``, for which the model is moved to this process's GPU; it keeps that implementation if the answer is True.
    ``WorkError`` if there is no GPU.
    """
    if attention in ON_GPU:
        if not torch.cuda.is_available():
            raise WorkError(f"{what}: spec.model.attention: {attention} needs a GPU; leave it out, or set it to sdpa")
        model.to(torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))))
    before = model.config.get_text_config()._attn_implementation
    reason = refusal(model)
    if reason is None:
        attend_with(model, ON_GPU.get(attention, before))
        difference = differs(model, sequences[:MAX_CHECKED_SEQUENCES])
        allowed = HALF_TOLERANCE if attention == "varlen" else TOLERANCE.get(model.dtype, HALF_TOLERANCE)
        if difference <= allowed:  # also False for NaN
            return True
        attend_with(model, before)
        reason = f"logits of the first batch differ by {difference:.1e} of the largest, more than {allowed:.0e}"
    print(
        f"{what}: prefixes are not shared: {reason}; every sequence is a row of its own, which is slower",
        file=sys.stderr,
    )
    return False


def _unwrapped(model: Any) -> Any:
    """The model inside a PEFT model, whose forward pass names no arguments."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model
