"""The headline says what the figures say: gains, losses, nothing shown, and controls that do as well or better."""

from __future__ import annotations

from prlcoder.report.headline import headline
from prlcoder.report.inputs import Samples
from prlcoder.report.records import PolicyScore, Summary
from prlcoder.report.results import interval_axis, results
from prlcoder.report.supervision import MAX_OPERATORS_SHOWN, error_type_bars, operator_bars

NO_SAMPLES = Samples({}, {})


def score(value: float, low: float, high: float, paired: tuple[float, float] | None = None) -> dict[str, object]:
    vs_base = {"difference": value - 0.5, "ci95": paired} if paired else None
    return {"pass@1": value, "n": 300, "ci95": (low, high), "vs_base": vs_base}


def claims(samples: Samples = NO_SAMPLES, **policies: dict[str, object]) -> tuple[str, ...]:
    found = headline(Summary.model_validate({"policies": policies}), samples)
    assert found is not None
    return found.sentences


BASE = score(0.5, 0.44, 0.56)


def test_a_gain_beyond_its_interval() -> None:
    assert claims(base=BASE, policy=score(0.8, 0.75, 0.84, (0.23, 0.36))) == (
        "Step-DPO raised held-out pass@1 from 50.0 % to 80.0 %: +30.0 points "
        "(95 % interval +23.0 to +36.0, paired over 300 problems).",
    )


def test_a_difference_within_its_interval_is_called_so() -> None:
    (sentence,) = claims(base=BASE, policy=score(0.52, 0.46, 0.58, (-0.03, 0.07)))
    assert "which may be chance" in sentence
    assert "raised" not in sentence


def test_a_loss_is_called_a_loss() -> None:
    (sentence,) = claims(base=BASE, policy=score(0.4, 0.35, 0.46, (-0.16, -0.04)))
    assert sentence.startswith("Step-DPO lowered held-out pass@1 from 50.0 % to 40.0 %: −10.0 points")


def test_controls_are_ranked_by_overlap_when_samples_are_missing() -> None:
    policy = score(0.8, 0.75, 0.84, (0.2, 0.4))
    found = claims(
        base=BASE, policy=policy, sft=score(0.93, 0.9, 0.96), nll=score(0.82, 0.77, 0.86), rft=score(0.6, 0.54, 0.66)
    )
    assert found[1] == (
        "Of the controls, SFT (93.0 %) did better than Step-DPO; NLL (82.0 %) did as well, as far as the intervals "
        "tell; RFT (60.0 %) did worse."
    )


def test_controls_are_ranked_by_paired_programs_where_there_are_some() -> None:
    """The two intervals overlap, but the control passed everything that the policy passed and 20 problems more."""
    passed = {"policy": 240, "sft": 260}
    greedy = {name: {str(index): index < count for index in range(300)} for name, count in passed.items()}
    policy, sft = score(0.8, 0.75, 0.84, (0.2, 0.4)), score(260 / 300, 0.824, 0.9)
    assert "SFT (86.7 %) did better" in claims(Samples({}, greedy), base=BASE, policy=policy, sft=sft)[1]
    assert "SFT (86.7 %) did as well" in claims(base=BASE, policy=policy, sft=sft)[1]


def test_a_run_without_a_policy_claims_nothing() -> None:
    assert claims(base=BASE) == ("The base passes 50.0 % of 300 held-out problems; no policy was trained.",)
    assert headline(Summary.model_validate({"policies": {"policy": BASE}}), NO_SAMPLES) is None


def test_the_axis_holds_every_interval() -> None:
    def axis(*intervals: tuple[float, float]) -> list[float]:
        rows = [{"pass@1": low, "n": 1, "ci95": (low, high)} for low, high in intervals]
        return interval_axis([PolicyScore.model_validate(row) for row in rows])

    assert axis((0.53, 0.66), (0.86, 0.97)) == [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert axis((0.05, 0.2), (0.8, 0.9)) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert axis((0.0, 0.0)) == [0.0, 0.1]


def test_policies_and_levels_come_in_their_order() -> None:
    level = {"pass@1": 0.5, "n": 3}
    rows = {
        name: {**BASE, "by_difficulty": {"hard": level, "easy": level}} for name in ("zeta", "rft", "policy", "base")
    }
    found = results(Summary.model_validate({"policies": rows}))
    assert [row.name for row in found.rows] == ["base", "policy", "rft", "zeta"]
    assert found.levels == ("easy", "hard")
    assert [name for name, *_ in found.by_difficulty[0].rows] == ["base", "policy"]


def test_operators_are_counted_alone_and_in_twos() -> None:
    bars = operator_bars({"a": {"passed": 1, "timeout": 3}, "a+b": {"wrong_answer": 2}, "c+b": {"passed": 2}})
    assert [(bar.title, bar.figure, bar.count) for bar in bars] == [("a", "75 %", "4"), ("two at once", "50 %", "4")]


def test_rare_operators_share_a_row() -> None:
    bars = operator_bars({f"operator-{index:02}": {"passed": 100 - index} for index in range(23)})
    assert len(bars) == MAX_OPERATORS_SHOWN + 1
    assert (bars[-1].title, bars[-1].count) == ("3 rarer operators", str(80 + 79 + 78))


def test_error_types_are_shares_of_all_rejected_steps() -> None:
    bars = error_type_bars({"wrong_answer": {"wrong_answer": 6}, "TypeError": {"runtime_error": 2}})
    assert [(bar.title, bar.figure) for bar in bars] == [("wrong answer", "75 %"), ("TypeError", "25 %")]
    assert 'class="bar runtime_error"' in bars[1].chart


def test_what_the_reward_model_is_worth_as_a_judge() -> None:
    def sentence(low: float, high: float) -> str:
        reranked = {**score(0.4, 0.35, 0.46), "vs_sampled": {"difference": (low + high) / 2, "ci95": (low, high)}}
        policy = {**score(0.8, 0.75, 0.84, (0.2, 0.4)), "best_of_n": {"n": 8, "by_score": {"mean": reranked}}}
        return claims(base=BASE, policy=policy)[-1]

    assert sentence(0.02, 0.06) == (
        "Taking the best of 8 samples by the PRM (mean of its steps) raises Step-DPO’s pass@1 "
        "(+4.0 points, +2.0 to +6.0)."
    )
    assert "lowers" in sentence(-0.06, -0.02)
    assert "does not measurably change" in sentence(-0.02, 0.02)
