"""Tries: their shape as exact tensors, and that a model computes the same on them as on whole sequences."""

from __future__ import annotations

import doctest
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from prlcoder.modeling.packing.rows import token_batch
from prlcoder.modeling.packing.tree import TreeBatch, Trie, group_by_budget, split_by_branches, tree_mask
from prlcoder.modeling.packing.tree_attention import differs, reads_tries, refusal, tree_inputs

pytestmark = pytest.mark.needs_torch

# A trunk 1 2 3 4 5 with a branch after 2 (with a fork in it) and a shorter program that ends inside the trunk.
SEQUENCES = [[1, 2, 3, 4, 5], [1, 2, 6, 7], [1, 2, 6, 8, 9], [1, 2, 3]]
MANY = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8), min_size=1, max_size=12)


def test_a_trie_of_nine_nodes() -> None:
    trie = Trie.of(SEQUENCES)
    assert trie.ids == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert trie.depths == [0, 1, 2, 3, 4, 2, 3, 3, 4]
    assert trie.ends == [9, 9, 5, 5, 5, 9, 7, 9, 9]
    assert trie.paths == [[0, 1, 2, 3, 4], [0, 1, 5, 6], [0, 1, 5, 7, 8], [0, 1, 2]]
    assert tree_mask(torch.tensor([trie.ends]))[0, 0].int().tolist() == [
        [1, 0, 0, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0, 0],  # the trunk
        [1, 1, 1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 1, 0, 0, 0],  # the branch does not see 3 4 5
        [1, 1, 0, 0, 0, 1, 1, 0, 0],
        [1, 1, 0, 0, 0, 1, 0, 1, 0],  # its second twig does not see 7
        [1, 1, 0, 0, 0, 1, 0, 1, 1],
    ]


@given(MANY)
def test_a_node_sees_exactly_its_own_prefix(sequences: list[list[int]]) -> None:
    trie = Trie.of(sequences)
    mask = tree_mask(torch.tensor([trie.ends]))[0, 0]
    assert len(trie) == len({tuple(sequence[: end + 1]) for sequence in sequences for end in range(len(sequence))})
    for sequence, path in zip(sequences, trie.paths, strict=True):
        assert [trie.ids[node] for node in path] == sequence
        assert [trie.depths[node] for node in path] == list(range(len(sequence)))
        for index, node in enumerate(path):
            assert mask[node].nonzero()[:, 0].tolist() == path[: index + 1]


@given(MANY, st.integers(1, 20))
def test_splitting_keeps_every_sequence_whole(sequences: list[list[int]], budget: int) -> None:
    groups = split_by_branches(sequences, budget)
    assert sorted(number for group in groups for number in group) == list(range(len(sequences)))
    for group in groups:
        size = len(Trie.of([sequences[number] for number in group]))
        assert size <= budget or len({tuple(sequences[number]) for number in group}) == 1


def test_batches_of_tries_stay_within_the_budget() -> None:
    assert list(group_by_budget([3, 4, 2, 9, 1], 8)) == [[0, 1], [2], [3], [4]]
    assert list(group_by_budget([], 8)) == []


def test_tries_share_rows_and_padding_sees_itself() -> None:
    batch = TreeBatch.of([Trie.of([[n, n + 1]]) for n in range(1, 20, 2)], pad=0)
    assert batch.input_ids.shape == (2, 16)
    assert batch.input_ids.flatten()[torch.tensor(batch.offsets)].tolist() == list(range(1, 20, 2))
    mask = tree_mask(batch.ends)[1, 0]
    assert mask[15].nonzero().tolist() == [[15]]
    assert not mask[4:, :4].any()


def model(family: str, **more: Any) -> Any:
    """A random causal model of 2 layers with grouped queries."""
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model(
        family,
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=more.pop("head_dim", 8),
        max_position_embeddings=128,
        initializer_range=0.2,
        **more,
    )
    return AutoModelForCausalLM.from_config(config, attn_implementation=more.get("attn_implementation", "sdpa")).float()


def programs(count: int = 8) -> list[list[int]]:
    """Sequences with forks at several depths, and one that is a prefix of another."""
    draw = random.Random(0)
    trunk = [draw.randrange(64) for _ in range(24)]
    made = [trunk, trunk[:15]]
    while len(made) < count:
        base = draw.choice(made)
        cut = draw.randrange(4, len(base))
        made.append([*base[:cut], *(draw.randrange(64) for _ in range(draw.randrange(1, 9)))])
    return made


def losses_and_gradients(network: Any, total: torch.Tensor) -> dict[str, torch.Tensor]:
    """The gradients of a loss by parameter, and the loss."""
    network.zero_grad()
    total.backward()
    found = {
        name: parameter.grad.clone() for name, parameter in network.named_parameters() if parameter.grad is not None
    }
    return {**found, "loss": total.detach()}


def on_rows(network: Any, sequences: list[list[int]]) -> dict[str, torch.Tensor]:
    """The next-token loss of every token of every sequence, one sequence per row."""
    batch = token_batch(sequences, 0)
    logits = network(**batch, use_cache=False).logits
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    total = cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100, reduction="sum")
    return losses_and_gradients(network, total)


def on_tries(network: Any, sequences: list[list[int]], budget: int) -> dict[str, torch.Tensor]:
    """The same from tries of at most ``budget`` nodes: a hidden state has one target per branch."""
    groups = split_by_branches(sequences, budget)
    tries = [Trie.of([sequences[number] for number in group]) for group in groups]
    batch = TreeBatch.of(tries, 0)
    logits = network(**tree_inputs(network, batch)).logits.flatten(0, 1)
    sources, targets = [], []
    for trie, offset, group in zip(tries, batch.offsets, groups, strict=True):
        for path, number in zip(trie.paths, group, strict=True):
            sources += [offset + node for node in path[:-1]]
            targets += sequences[number][1:]
    return losses_and_gradients(network, cross_entropy(logits[sources], torch.tensor(targets), reduction="sum"))


@pytest.mark.parametrize("checkpointing", [False, True], ids=["plain", "checkpointing"])
@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
@pytest.mark.parametrize("budget", [1000, 40])
def test_loss_and_gradients_are_those_of_whole_rows(family: str, checkpointing: bool, budget: int) -> None:
    network, sequences = model(family), programs()
    if checkpointing:
        network.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        network.train()
    assert len(split_by_branches(sequences, 40)) > 1 == len(split_by_branches(sequences, 1000))
    expected, found = on_rows(network, sequences), on_tries(network, sequences, budget)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        error = (found[name] - value).norm() / value.norm().clamp(min=1e-12)
        assert error < 1e-5, f"{name}: {error}"


def test_adapters_learn_the_same_on_tries() -> None:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    settings = LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
    network, sequences = get_peft_model(model("llama"), settings), programs()
    expected, found = on_rows(network, sequences), on_tries(network, sequences, 40)
    assert expected.keys() == found.keys()
    assert all("lora" in name or name == "loss" for name in found)
    for name, value in expected.items():
        assert (found[name] - value).norm() / value.norm().clamp(min=1e-12) < 1e-5, name


def test_eager_attention_gets_an_additive_mask() -> None:
    network = model("llama")
    network.set_attn_implementation("eager")
    assert differs(network, programs()) < 1e-5


@pytest.mark.parametrize(
    ("family", "settings", "reason"),
    [
        ("mistral", {"sliding_window": 8}, "sliding window of 8"),
        ("qwen2", {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1}, "sliding_attention"),
    ],
)
def test_models_without_full_attention_are_refused(family: str, settings: dict[str, Any], reason: str) -> None:
    found = refusal(model(family, **settings))
    assert found is not None
    assert reason in found


def test_an_implementation_without_such_a_mask_is_refused() -> None:
    network = model("llama")
    network.config._attn_implementation = "flash_attention_2"
    found = refusal(network)
    assert found is not None
    assert "flash_attention_2" in found


def test_a_first_batch_that_disagrees_falls_back_with_the_difference(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = model("llama")
    assert reads_tries(network, programs(), what="reward")
    original = network.forward

    def deaf(*args: Any, position_ids: Any = None, **kwargs: Any) -> Any:
        return original(*args, **kwargs)

    monkeypatch.setattr(network, "forward", deaf)
    assert not reads_tries(network, programs(), what="reward")
    said = capsys.readouterr().err
    assert "reward: prefixes are not shared: logits of the first batch differ by" in said


def test_the_worked_example_of_the_documentation_is_true() -> None:
    page = Path(__file__).parents[2] / "docs" / "one-pass.md"
    results = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert results.attempted > 10
    assert results.failed == 0
