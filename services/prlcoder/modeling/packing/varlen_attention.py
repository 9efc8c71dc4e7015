"""Tree attention by PyTorch's ``varlen_attn``: one sequence of queries per run of nodes, with the keys of its path.

A run is a longest stretch of nodes of which each is the child of the one before; a trie has one run per leaf. The
queries of a run are its nodes. Its keys are the nodes on the path from the root to its last node, gathered from the
row. Aligned at their ends, queries see keys causally, which is what the mask of the trie says::

    nodes of the trie     0 1 2 3 4 5 6 7 8        (docs/one-pass.md)
    runs                  [0 1 2 3 4 5]  [6 7]  [8]
    keys of the runs      0 1 2 3 4 5    0 1 2 3 4 6 7    0 1 2 8

No pair of a query and a masked key is computed, at the price of gathering the keys and values of every sequence whole.
The kernel is FlashAttention's, so it needs a GPU and half precision. On a CPU the runs are computed one after the other
by ``scaled_dot_product_attention``, which is slow and shows that the gathering is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

import torch
from torch.nn.functional import scaled_dot_product_attention

VARLEN: Final = "prlcoder_varlen"  # its name in ``transformers``


@dataclass(frozen=True)
class Runs:
    """The runs of a batch of R rows of L tokens, in the order of the flattened rows.

    ``keys`` (K,) are flat positions. ``query_bounds`` and ``key_bounds`` (runs + 1,) say where each run's queries and
    keys begin and end; ``longest_query`` and ``longest_key`` are their largest differences.
    """

    keys: torch.Tensor
    query_bounds: torch.Tensor
    key_bounds: torch.Tensor
    longest_query: int
    longest_key: int

    @classmethod
    def of(cls, depths: torch.Tensor, device: torch.device) -> Runs:
        """The runs of rows whose nodes have the depths ``(R, L)``, in depth-first order; tensors on ``device``.

        >>> runs = Runs.of(torch.tensor([[0, 1, 2, 3, 4, 5, 5, 6, 3]]), torch.device("cpu"))
        >>> runs.query_bounds.tolist(), runs.key_bounds.tolist()
        ([0, 6, 8, 9], [0, 6, 13, 17])
        >>> runs.keys.tolist()
        [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 6, 7, 0, 1, 2, 8]
        """
        keys: list[int] = []
        queries: list[int] = []
        lengths: list[int] = []
        for number, row in enumerate(depths.tolist()):
            offset = number * len(row)
            starts = [node for node, depth in enumerate(row) if node == 0 or depth != row[node - 1] + 1]
            path: list[int] = []
            for start, stop in zip(starts, [*starts[1:], len(row)], strict=True):
                path = [*path[: row[start]], *range(offset + start, offset + stop)]
                keys += path
                queries.append(stop - start)
                lengths.append(len(path))
        return cls(
            torch.tensor(keys, device=device),
            torch.tensor([0, *accumulate(queries)], dtype=torch.int32, device=device),
            torch.tensor([0, *accumulate(lengths)], dtype=torch.int32, device=device),
            max(queries),
            max(lengths),
        )


def varlen_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    runs: Runs,
    scaling: float | None = None,
    **ignored: Any,
) -> tuple[torch.Tensor, None]:
    """``transformers``' attention function: ``query`` (R, H, L, D), ``key`` and ``value`` with as many heads or fewer.

    Returns (R, L, H, D). ``runs`` is an argument of the model's forward pass.
    """
    rows, heads, length, size = query.shape
    flat = query.transpose(1, 2).reshape(rows * length, heads, size)
    keys, values = (one.transpose(1, 2).flatten(0, 1)[runs.keys] for one in (key, value))
    kernel = _on_gpu if query.is_cuda else _run_by_run
    return kernel(flat, keys, values, runs, scaling).view(rows, length, heads, size), None


def _on_gpu(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, runs: Runs, scaling: float | None
) -> torch.Tensor:
    from torch.nn.attention.varlen import varlen_attn

    kind = query.dtype if query.dtype in (torch.float16, torch.bfloat16) else torch.bfloat16
    found: Any = varlen_attn(
        query.to(kind),
        key.to(kind),
        value.to(kind),
        runs.query_bounds,
        runs.key_bounds,
        runs.longest_query,
        runs.longest_key,
        scale=scaling,
        window_size=(-1, 0),  # causal, aligned at the ends
        enable_gqa=query.shape[1] != key.shape[1],
    )
    result: torch.Tensor = found.to(query.dtype)
    return result


def _run_by_run(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, runs: Runs, scaling: float | None
) -> torch.Tensor:
    found = []
    queries, keys = runs.query_bounds.tolist(), runs.key_bounds.tolist()
    for run in range(len(queries) - 1):
        ours, theirs = slice(queries[run], queries[run + 1]), slice(keys[run], keys[run + 1])
        count, seen = queries[run + 1] - queries[run], keys[run + 1] - keys[run]
        mask = torch.ones(count, seen, dtype=torch.bool, device=query.device).tril(seen - count)
        one = scaled_dot_product_attention(
            query[ours].transpose(0, 1),
            key[theirs].transpose(0, 1),
            value[theirs].transpose(0, 1),
            attn_mask=mask,
            scale=scaling,
            enable_gqa=query.shape[1] != key.shape[1],
        )
        found.append(one.transpose(0, 1))
    return torch.cat(found)


def register() -> None:
    """Make ``VARLEN`` known to ``transformers``. It has no mask function, so models pass no mask to it."""
    from transformers import AttentionInterface

    AttentionInterface.register(VARLEN, varlen_attention)
