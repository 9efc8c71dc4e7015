"""The attention paths for GPUs compute what ``sdpa`` computes. Backward passes of their kernels need a GPU."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.modeling.test_tree import MANY, losses_and_gradients, model, on_rows, on_tries, programs

from prlcoder.errors import WorkError
from prlcoder.modeling.packing.tree import TreeBatch, Trie, split_in_order, tree_mask
from prlcoder.modeling.packing.tree_attention import (
    FLEX,
    attend_with,
    differs,
    reads_tries,
    tree_block_mask,
    tree_inputs,
)
from prlcoder.modeling.packing.varlen_attention import VARLEN, Runs

pytestmark = pytest.mark.needs_torch
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="its kernels run on a GPU")


@given(MANY)
def test_the_keys_of_a_run_are_what_its_queries_may_see(sequences: list[list[int]]) -> None:
    batch = TreeBatch.of([Trie.of(sequences), Trie.of(sequences[:1])], pad=0)
    runs, seen = Runs.of(batch.position_ids, torch.device("cpu")), tree_mask(batch.ends)[:, 0]
    length = seen.shape[1]
    queries, keys = runs.query_bounds.tolist(), runs.key_bounds.tolist()
    for run, (first, after) in enumerate(itertools.pairwise(queries)):
        path = runs.keys[keys[run] : keys[run + 1]].tolist()
        for query in range(first, after):
            row, column = divmod(query, length)
            visible = path[: len(path) - (after - 1 - query)]  # causal, aligned at the ends
            assert visible == (row * length + seen[row, column].nonzero()[:, 0]).tolist()
    assert queries[-1] == seen.shape[0] * length
    assert runs.longest_key == max(after - first for first, after in itertools.pairwise(keys))


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
def test_varlen_gives_loss_and_gradients_of_whole_rows(family: str) -> None:
    network, sequences = model(family), programs()
    expected = on_rows(network, sequences)
    attend_with(network, VARLEN)
    found = on_tries(network, sequences, 40)
    for name, value in expected.items():
        assert (found[name] - value).norm() / value.norm().clamp(min=1e-12) < 1e-5, name


def test_varlen_passes_through_checkpointing() -> None:
    network, sequences = model("llama"), programs()
    expected = on_rows(network, sequences)
    attend_with(network, VARLEN)
    network.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    network.train()
    found = on_tries(network, sequences, 1000)
    for name, value in expected.items():
        assert (found[name] - value).norm() / value.norm().clamp(min=1e-12) < 1e-5, name


def test_the_block_mask_is_the_dense_mask() -> None:
    from torch.nn.attention.flex_attention import create_mask

    batch = TreeBatch.of([Trie.of(programs(30))], pad=0)
    block = tree_block_mask(batch.ends)
    length = batch.ends.shape[1]
    assert create_mask(block.mask_mod, 1, 1, length, length, device="cpu").equal(tree_mask(batch.ends))


def test_flex_computes_the_same_forward() -> None:
    network, sequences = model("llama"), programs(30)
    with torch.compiler.set_stance("force_eager"), torch.no_grad():  # without a compiler; its backward needs a GPU
        attend_with(network, FLEX)
        assert differs(network, sequences) < 1e-5


@pytest.mark.parametrize("attention", ["flex", "varlen"])
def test_without_a_gpu_they_are_refused(attention: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(WorkError, match=rf"reward: spec\.model\.attention: {attention} needs a GPU"):
        reads_tries(model("llama"), programs(), what="reward", attention=attention)


@needs_gpu
@pytest.mark.parametrize("implementation", [FLEX, VARLEN])
def test_gradients_on_a_gpu_are_those_of_sdpa(implementation: str) -> None:
    network: Any = model("llama", head_dim=16).to("cuda", torch.bfloat16)
    sequences = programs(60)
    batch, results = TreeBatch.of([Trie.of(sequences)], 0), []
    for one in ("sdpa", implementation):
        attend_with(network, one)
        logits = network(**tree_inputs(network, batch)).logits.float()
        results.append(losses_and_gradients(network, logits.logsumexp(-1).mean()))
    for name, value in results[0].items():
        assert (results[1][name] - value).norm() / value.norm().clamp(min=1e-6) < 5e-2, name


@given(MANY, st.integers(1, 30))
def test_parts_in_order_stay_within_the_budget(sequences: list[list[int]], budget: int) -> None:
    groups = [sequences[start : start + 2] for start in range(0, len(sequences), 2)]
    parts = split_in_order(groups, budget)
    assert [number for part in parts for number in part] == list(range(len(groups)))
    for part in parts:
        assert len(part) == 1 or len(Trie.of([one for number in part for one in groups[number]])) <= budget
