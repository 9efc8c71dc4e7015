"""Which runs a resync looks at."""

from __future__ import annotations

from typing import Any

from prlcoder.operator.handlers import due_runs

MOMENT = "2026-01-01T00:00:00Z"


def run(name: str, version: str, *, condition: str | None) -> dict[str, Any]:
    conditions = [{"type": condition, "status": "True", "lastTransitionTime": MOMENT}] if condition else []
    return {
        "metadata": {"namespace": "a", "name": name, "resourceVersion": version},
        "status": {"conditions": conditions},
    }


def test_an_ended_run_is_looked_at_once_and_again_when_it_has_changed() -> None:
    runs = [
        run("done", "5", condition="Complete"),
        run("failed", "6", condition="Failed"),
        run("on", "7", condition=None),
    ]
    due, ended = due_runs(runs, {})
    assert due == [("a", "done"), ("a", "failed"), ("a", "on")]
    due, ended = due_runs(runs, ended)
    assert due == [("a", "on")]
    due, ended = due_runs([run("done", "8", condition="Complete")], ended)
    assert due == [("a", "done")]
    assert ended == {("a", "done"): "8"}


def test_a_new_run_without_a_status_is_looked_at() -> None:
    new = {"metadata": {"namespace": "a", "name": "new", "resourceVersion": "1"}}
    assert due_runs([new], {}) == ([("a", "new")], {})
