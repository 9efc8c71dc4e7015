"""What the operator makes of the texts that pods write. Nothing in them is trusted."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prlcoder.operator.pod_reports import MAX_METRICS, MAX_NAME, PodReport, as_text, duration, final_metrics

TEXT = st.text("a\u2603\0", max_size=300)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=8,
)
NAMES = (
    "unit",
    "done",
    "total",
    "pieces",
    "unitsPerSecond",
    "tokensPerSecond",
    "idleSeconds",
    "checkpoint",
    "metrics",
    "plan",
)


@settings(deadline=None)
@given(document=st.dictionaries(st.sampled_from(NAMES), JSON))
def test_every_document_gives_a_report_that_the_status_can_hold(document: dict[str, object]) -> None:
    report = PodReport.read(json.dumps(document))
    assert report is not None
    assert len(report.step or "") <= 256
    assert len(report.checkpoint or "") <= 256
    assert report.eta_s is None or len(duration(report.eta_s)) <= 256
    assert report.plan == ()
    for name, value in (*report.metrics, *final_metrics(json.dumps(document))):
        assert 0 < len(name) <= 64
        assert len(value) <= 64


@pytest.mark.parametrize("text", ["", "[]", "12", "{", '{"a":' * 100_000])
def test_what_is_no_document_is_no_report(text: str) -> None:
    assert PodReport.read(text) is None
    assert final_metrics(text) == ()


def test_unknown_totals_and_rates() -> None:
    report = PodReport.read('{"done": 7, "total": null, "unitsPerSecond": 0}')
    assert report is not None
    assert (report.step, report.eta_s, report.metrics) == ("7", None, ())


def test_metrics_are_cut_to_what_the_type_allows() -> None:
    many = as_text({f"metric {number}": 1 / 3 for number in range(100)})
    assert len(many) == MAX_METRICS
    assert many[0] == ("metric 0", "0.333333")
    assert as_text({"x": "y" * 100}) == (("x", "y" * MAX_NAME),)
    assert as_text({"": 1, "z" * 65: 1, "list": [1]}) == ()


def test_a_plan_is_read_as_far_as_the_status_can_hold_it() -> None:
    sft = {"name": "sft", "memory": "1.0 GiB", "time": 12, "other": "x", "how": ["memory: measured", 3, "y" * 2000]}
    document = {"plan": [sft, {**sft, "memory": "2.0 GiB"}, {"name": "nonsense"}, 7, {"name": "policy"}]}
    report = PodReport.read(json.dumps(document))
    assert report is not None
    first, second = report.plan
    assert first == {"name": "sft", "memory": "1.0 GiB", "how": ["memory: measured", "y" * 1024]}
    assert second == {"name": "policy", "how": []}
