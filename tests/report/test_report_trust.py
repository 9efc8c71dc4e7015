"""What the page says about the reward model is no stronger than the paired intervals."""

from __future__ import annotations

from typing import Any

import pytest

from prlcoder.report.records import StepFigures, Summary
from prlcoder.report.reward import measured_sets
from prlcoder.report.trust import sentences


def steps(low: float, high: float) -> dict[str, StepFigures]:
    figures = {
        "n": 2106,
        "positive": 0.428,
        "majority": 0.572,
        "accuracy": 0.66,
        "auroc": 0.743,
        "text": {"auroc": 0.882, "accuracy": 0.8},
        "vs_text": {"auroc": {"difference": 0.743 - 0.882, "ci95": [low, high]}},
    }
    return {"held_out_steps": StepFigures.model_validate(figures)}


def policy(low: float, high: float) -> dict[str, Any]:
    change = {"difference": (low + high) / 2, "ci95": [low, high]}
    best = {"n": 8, "by_score": {"product": {"pass@1": 0.5, "n": 300, "vs_sampled": change}}}
    return {"pass@1": 0.5, "n": 300, "best_of_n": best}


NOTHING = Summary.model_validate({"policies": {"base": {"pass@1": 0.5, "n": 3}}})


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.16, -0.12, "is worse than the text alone"),
        (-0.02, 0.03, "is not measurably better or worse than the text alone"),
        (0.01, 0.05, "beats the text alone"),
    ],
)
def test_the_prm_against_the_text(low: float, high: float, said: str) -> None:
    (sentence,) = sentences(NOTHING, steps(low, high))
    assert sentence.startswith(f"On the 2,106 labelled steps of held-out problems the PRM {said}: AUROC 0.743 against ")
    assert "0.882 (−0.139, 95 % interval" in sentence


def test_every_policy_is_named_once_by_what_reranking_does_to_it() -> None:
    policies = {"base": policy(0.07, 0.19), "policy": policy(-0.02, 0.04), "nll": policy(-0.1, -0.02)}
    (sentence,) = sentences(Summary.model_validate({"policies": policies}), {})
    assert sentence == (
        "Choosing among 8 samples by the PRM (product of its steps) raises the pass@1 of Base (+13.0 points, +7.0 to "
        "+19.0), lowers the pass@1 of NLL (−6.0 points, −10.0 to −2.0) and does not measurably change the pass@1 of "
        "Step-DPO (+1.0 points, −2.0 to +4.0)."
    )


def test_without_figures_nothing_is_said() -> None:
    assert sentences(NOTHING, {}) == ()


def test_the_outcome_models_programs_are_rows_of_their_own() -> None:
    (figures,) = steps(0.0, 0.1).values()
    found = {"held_out_steps": figures, "held_out_programs": figures, "own_programs/base": figures}
    titles = [one.title for one in measured_sets("held-out", found)]
    assert titles == [
        "Labelled steps of held-out problems",
        "The text of these steps alone",
        "ORM: labelled whole programs of held-out problems",
        "ORM: whole programs that Base wrote",
    ]


def test_the_outcome_model_as_the_only_selector() -> None:
    change = {"difference": 0.1, "ci95": [0.05, 0.15]}
    best = {"n": 8, "by_score": {"outcome": {"pass@1": 0.5, "n": 300, "vs_sampled": change}}}
    summary = Summary.model_validate({"policies": {"base": {"pass@1": 0.5, "n": 300, "best_of_n": best}}})
    (sentence,) = sentences(summary, {})
    assert sentence.startswith("Choosing among 8 samples by the ORM raises the pass@1 of Base (+10.0 points")
