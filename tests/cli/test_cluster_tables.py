"""What ``prlcoder status`` prints about one run of a cluster."""

from __future__ import annotations

from prlcoder.cli.cluster_tables import run_text


def test_a_run_with_what_its_stages_will_need() -> None:
    plan = [{"name": "sft", "memory": "1.0 GiB", "gpus": "none requested", "tokensRead": "303,440", "how": ["x"]}]
    stages = [{"name": "sft", "state": "Running", "step": "1/4"}]
    run = {"metadata": {"name": "mine"}, "status": {"phase": "Running", "stages": stages, "plan": plan}}
    lines = run_text(run).splitlines()
    assert lines[0] == "run mine: Running"
    assert lines[3].split() == ["sft", "running", "1/4", "-", "-", "-"]
    assert lines[5].split() == ["needs", "memory", "GPUs", "tokens", "read", "tokens", "written", "disk", "time"]
    assert lines[6].split() == ["sft", "1.0", "GiB", "none", "requested", "303,440", "-", "-", "-"]
