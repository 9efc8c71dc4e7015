"""Batches of preference pairs as exact tensors."""

from __future__ import annotations

import pytest

from prlcoder.training.examples.pairs import PairCollator

pytestmark = pytest.mark.needs_torch


def test_one_pair() -> None:
    # Tokens 1 and 2 are common to both sides; segment and difference begin at position 2. The docstring of the
    # collator shows the same example.
    pair = {"chosen": [1, 2, 3, 4], "rejected": [1, 2, 5], "start": 2, "segment_start": 2, "loss_denominator_id": 0}
    batch = PairCollator(0, together=True)([pair])
    assert batch["input_ids"].tolist() == [
        [1, 2, 3, 4],  # the chosen side, sequence 0
        [1, 2, 5, 0],  # the rejected side, sequence 1, and padding
    ]
    assert batch["position_ids"].tolist() == [
        [0, 1, 2, 3],
        [0, 1, 2, 0],  # the padding counts as another sequence, so its position restarts
    ]
    assert batch["logits_to_keep"].tolist() == [1, 2]  # the columns before those of the compared tokens, 2 and 3
    assert batch["targets"].tolist() == [
        [3, 4],
        [5, 0],
    ]
    assert batch["completion_span"].tolist() == [
        [0, 0],  # both belong to sequence 0
        [1, -1],  # sequence 1 has one compared token; padding belongs to no span
    ]
    assert batch["segment_span"].tolist() == [
        [0, 0],  # both belong to the chosen segment of pair 0
        [-1, -1],  # a rejected side holds no chosen segment
    ]
    assert batch["segment_tokens"].tolist() == [2]
    assert batch["loss_denominator_ids"].tolist() == [0]


PAIRS = [
    {
        "chosen": [1, 2, 3, 4],
        "rejected": [1, 2, 5],
        "start": 2,
        "segment_start": 1,  # the segments begin with the same token
        "loss_denominator_id": 7,
        "weight": 0.5,
        "ref_chosen_logps": -1.5,
        "ref_rejected_logps": -2.5,
    },
    {
        "chosen": [1, 6],
        "rejected": [1, 7, 8],
        "start": 1,
        "segment_start": 1,
        "loss_denominator_id": 9,
        "weight": 1.0,
        "ref_chosen_logps": -0.5,
        "ref_rejected_logps": -3.5,
    },
]


def test_two_pairs_with_one_sequence_per_row() -> None:
    batch = PairCollator(0, together=False)(PAIRS)
    assert batch["input_ids"].tolist() == [
        [1, 2, 3, 4],  # chosen side of pair 0, sequence 0
        [1, 6, 0, 0],  # chosen side of pair 1, sequence 1
        [1, 2, 5, 0],  # rejected side of pair 0, sequence 2
        [1, 7, 8, 0],  # rejected side of pair 1, sequence 3
    ]
    assert batch["logits_to_keep"].tolist() == [0, 1, 2]  # the earliest span begins at column 1
    assert batch["targets"].tolist() == [[2, 3, 4], [6, 0, 0], [2, 5, 0], [7, 8, 0]]
    assert batch["completion_span"].tolist() == [
        [-1, 0, 0],  # token 2 stands on both sides, so it is not compared
        [1, -1, -1],
        [-1, 2, -1],
        [3, 3, -1],
    ]
    assert batch["segment_span"].tolist() == [
        [0, 0, 0],  # but it belongs to the chosen segment
        [1, -1, -1],
        [-1, -1, -1],
        [-1, -1, -1],
    ]
    assert batch["segment_tokens"].tolist() == [3, 1]
    assert batch["loss_denominator_ids"].tolist() == [7, 9]
    assert batch["weight"].tolist() == [0.5, 1.0]
    assert batch["ref_chosen_logps"].tolist() == [-1.5, -0.5]
    assert batch["ref_rejected_logps"].tolist() == [-2.5, -3.5]


def test_the_same_two_pairs_packed() -> None:
    pairs = [pair | {"rejected": [1, 7]} if pair["chosen"] == [1, 6] else pair for pair in PAIRS]
    batch = PairCollator(0, together=True)(pairs)
    assert batch["input_ids"].tolist() == [
        [1, 2, 3, 4],  # sequence 0, the longest, fills a row
        [1, 2, 5, 0],  # sequence 2; the one free column is too narrow for any other
        [1, 6, 1, 7],  # sequences 1 and 3 share a row
    ]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3], [0, 1, 2, 0], [0, 1, 0, 1]]
    assert batch["logits_to_keep"].tolist() == [0, 1, 2]
    assert batch["targets"].tolist() == [[2, 3, 4], [2, 5, 0], [6, 1, 7]]
    assert batch["completion_span"].tolist() == [
        [-1, 0, 0],
        [-1, 2, -1],
        [1, -1, 3],  # the first token of sequence 3 is a target that belongs to no span
    ]
    assert batch["segment_span"].tolist() == [[0, 0, 0], [-1, -1, -1], [1, -1, -1]]
