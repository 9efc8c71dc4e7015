"""Batches as exact tensors, and the examples in the docstrings of the rooms that make tensors."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest
import torch

from prlcoder.modeling.packing.rows import IGNORED, LabelledCollator, Packing, token_batch

pytestmark = pytest.mark.needs_torch

DOCUMENTED = (
    "modeling.packing.rows",
    "modeling.packing.tree",
    "training.examples.pair_tries",
    "training.examples.step_tries",
    "training.examples.steps",
    "modeling.spans",
    "prm.items",
    "prm.prefixes",
    "prm.scoring",
    "policy.decoding",
    "policy.sampling",
)


@pytest.mark.parametrize("module", DOCUMENTED)
def test_the_examples_in_the_docstrings_are_true(module: str) -> None:
    results = doctest.testmod(import_module(f"prlcoder.{module}"))
    assert results.attempted > 0
    assert results.failed == 0


def test_a_packed_batch_of_four_sequences() -> None:
    sequences = [[11, 12, 13], [21, 22, 23, 24, 25], [31, 32], [41, 42, 43, 44]]
    packing = Packing.first_fit([3, 5, 2, 4])
    batch = packing.inputs(sequences, pad=0)
    assert batch["input_ids"].tolist() == [
        [21, 22, 23, 24, 25],  # the longest fills a row
        [41, 42, 43, 44, 0],  # one place is left, too little for any other
        [11, 12, 13, 31, 32],  # sequences 0 and 2
    ]
    assert batch["position_ids"].tolist() == [
        [0, 1, 2, 3, 4],
        [0, 1, 2, 3, 0],  # the padding restarts, so it does not see sequence 3
        [0, 1, 2, 0, 1],  # a restart per sequence
    ]
    assert packing.tensor([[1] * 3, [2] * 5, [3] * 2, [4] * 4], IGNORED).tolist() == [
        [2, 2, 2, 2, 2],
        [4, 4, 4, 4, IGNORED],
        [1, 1, 1, 3, 3],
    ]


def test_a_collator_that_does_not_pack_pads_on_the_right() -> None:
    examples = [
        {"input_ids": [5, 6], "labels": [IGNORED, 6]},
        {"input_ids": [7, 8, 9], "labels": [IGNORED, IGNORED, 9]},
    ]
    batch = LabelledCollator(0, together=False)(examples)
    assert batch["input_ids"].tolist() == [[5, 6, 0], [7, 8, 9]]
    assert batch["position_ids"].tolist() == [[0, 1, 0], [0, 1, 2]]
    assert batch["labels"].tolist() == [[IGNORED, 6, IGNORED], [IGNORED, IGNORED, 9]]


def test_padding_is_masked_in_a_batch_for_scoring() -> None:
    batch = token_batch([[5, 6, 7], [8]], pad=0)
    assert torch.equal(batch["input_ids"], torch.tensor([[5, 6, 7], [8, 0, 0]]))
    assert torch.equal(batch["attention_mask"], torch.tensor([[1, 1, 1], [1, 0, 0]]))
