"""The report's comparison of what a stage was expected to need with what it used."""

from __future__ import annotations

from prlcoder.report.needs import need_rows
from prlcoder.report.records import ReportedEstimate, ReportedState

ESTIMATE = ReportedEstimate.model_validate(
    {
        "stages": {
            "sft": {"memory_mib": 2048.0, "tokens_read": 300000.0, "tokens_written": 0, "disk_mib": 5.7, "seconds": 25},
            "policy": {"memory_mib": 1000.0, "tokens_read": None, "tokens_written": 100.0, "disk_mib": 1.0},
        }
    }
)


def state(**usage: float) -> ReportedState:
    """Two stages, of which the first has finished."""
    stages = {"sft": {"status": "done", "wall_s": 26.0, "usage": usage}, "policy": {"status": "running"}}
    return ReportedState.model_validate({"stages": stages})


def test_expected_and_used_stand_beside_each_other() -> None:
    [row] = need_rows(ESTIMATE, state(peak_memory_mib=1024.0, tokens_read=303440.0, tokens_written=0, disk_mib=5.5))
    assert row.cells == (
        ("2.0 GiB", "1.0 GiB"),
        ("300,000", "303,440"),
        ("0", "0"),
        ("5.7 MiB", "5.5 MiB"),
        ("25 s", "26 s"),
    )


def test_a_run_of_an_older_version_has_no_usage() -> None:
    [row] = need_rows(ESTIMATE, state())
    assert [used for _, used in row.cells] == ["–", "–", "–", "–", "26 s"]
    assert need_rows(None, state()) == ()
