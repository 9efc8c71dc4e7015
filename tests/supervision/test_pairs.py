"""Which steps make a pair, on steps written by hand."""

from __future__ import annotations

from prlcoder.supervision.pairs import pairs
from prlcoder.supervision.rows import Step


def step(segment: str, label: str, origin: str, *, prefix: str = "p\n", index: int = 1) -> Step:
    return Step(
        problem_id="a",
        segment_index=index,
        start=len(prefix),
        end=len(prefix) + len(segment),
        prefix=prefix,
        segment=segment,
        rest="rest\n",
        label=label,
        bucket=label,
        origin=origin,
        teacher="rules",
        operator="x",
        verdict="passed" if label == "chosen" else "wrong_answer",
        reason="",
        segment_kind="assign",
    )


def test_each_rejected_step_meets_the_chosen_step_at_its_prefix() -> None:
    steps = [step("right\n", "chosen", "canonical"), step("wrong\n", "rejected", "mutation")]
    (pair,) = pairs(steps, seed=0, per_segment=2)
    assert (pair.prefix, pair.chosen, pair.rejected, pair.rest) == ("p\n", "right\n", "wrong\n", "rest\n")
    assert (pair.chosen_origin, pair.rejected_origin) == ("canonical", "mutation")


def test_steps_at_different_prefixes_never_meet() -> None:
    steps = [step("right\n", "chosen", "canonical"), step("wrong\n", "rejected", "policy", prefix="q\n")]
    assert pairs(steps, seed=0, per_segment=2) == []


def test_a_passing_mutation_is_never_the_chosen_side() -> None:
    steps = [step("lucky\n", "chosen", "mutation"), step("wrong\n", "rejected", "mutation")]
    assert pairs(steps, seed=0, per_segment=2) == []


def test_at_most_so_many_pairs_a_segment_and_the_same_ones_each_time() -> None:
    steps = [step("right\n", "chosen", "canonical")]
    steps += [step(f"wrong {number}\n", "rejected", "mutation") for number in range(6)]
    first = pairs(steps, seed=0, per_segment=2)
    assert len(first) == 2
    assert pairs(list(reversed(steps)), seed=0, per_segment=2) == first
    assert {p.rejected for p in pairs(steps, seed=0, per_segment=9)} == {f"wrong {n}\n" for n in range(6)}


def test_the_seed_draws_the_chosen_side() -> None:
    steps = [step(f"right {number}\n", "chosen", "refactoring") for number in range(8)]
    steps.append(step("wrong\n", "rejected", "mutation"))
    drawn = {pairs(steps, seed=seed, per_segment=1)[0].chosen for seed in range(40)}
    assert len(drawn) > 4


def test_the_same_text_is_never_both_sides() -> None:
    steps = [step("same\n", "chosen", "policy"), step("same\n", "rejected", "policy")]
    assert pairs(steps, seed=0, per_segment=2) == []


def test_the_policy_s_wrong_step_never_meets_a_refactoring() -> None:
    steps = [step(f"rule {number}\n", "chosen", "refactoring") for number in range(8)]
    steps.append(step("own wrong\n", "rejected", "policy"))
    assert pairs(steps, seed=0, per_segment=2) == []
    steps.append(step("right\n", "chosen", "canonical"))
    assert [pair.chosen for pair in pairs(steps, seed=0, per_segment=2)] == ["right\n"]
