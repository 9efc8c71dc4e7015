"""However a run ends, the same command finishes it with the same artefacts."""

from __future__ import annotations

import json
import signal

import pytest
from tests.runs.engine.workplace import STAGES, Workplace


@pytest.mark.parametrize("where", ["pretrain:0", "supervise:3", "policy:2", "evaluate:1"])
def test_a_killed_run_goes_on_to_the_same_artefacts(
    workplace: Workplace, undisturbed: dict[str, str], where: str
) -> None:
    killed = workplace.stop(where, signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    stage, unit = where.split(":")
    assert workplace.state()[stage]["status"] == "running"
    resumed = workplace.prlcoder("run", "run.yaml")
    assert resumed.returncode == 0, resumed.stderr
    assert f"{stage} begins with {unit} units" in resumed.stderr
    assert workplace.artefacts() == undisturbed
    assert workplace.attempts() == {name: 2 if name == stage else 1 for name in STAGES}


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_says_how_to_go_on(
    workplace: Workplace, undisturbed: dict[str, str], signum: signal.Signals, code: int
) -> None:
    stopped = workplace.stop("sft:2", signum)
    assert stopped.returncode == code
    assert stopped.stderr.endswith("stopped; run the same command again to continue\n")
    assert "Traceback" not in stopped.stderr
    assert workplace.state()["sft"]["status"] == "interrupted"
    assert "sft: starts where it was stopped" in workplace.prlcoder("run", "run.yaml").stderr
    assert workplace.artefacts() == undisturbed
    log = (workplace.run_folder / "logs" / "sft.log").read_text()
    assert "attempt 1," in log
    assert "attempt 2, resumed," in log


def test_a_kill_between_publishing_and_recording_loses_nothing(workplace: Workplace) -> None:
    workplace.prlcoder("run", "run.yaml")
    before = workplace.state()
    path = workplace.run_folder / "state.json"
    state = json.loads(path.read_text())
    state["stages"]["policy"] = {"status": "running", "attempt": 1, "started": before["policy"]["started"]}
    path.write_text(json.dumps(state))
    assert workplace.prlcoder("run", "run.yaml").returncode == 0
    assert workplace.attempts() == dict.fromkeys(STAGES, 1)
    assert workplace.prlcoder("plan", "run.yaml").stdout.count("done") == len(STAGES)


def test_a_killed_rerun_still_reruns_all_that_it_was_asked_to(
    workplace: Workplace, undisturbed: dict[str, str]
) -> None:
    workplace.prlcoder("run", "run.yaml")
    workplace.stop("reward:1", signal.SIGKILL, "--from-stage", "sft")
    assert (workplace.run_folder / "policy").exists()  # replaced only when its own turn comes
    assert not (workplace.run_folder / "reward").exists()
    assert workplace.prlcoder("run", "run.yaml").returncode == 0
    assert workplace.attempts() == dict(zip(STAGES, (1, 1, 2, 3, 2, 2), strict=True))
    assert workplace.artefacts() == undisturbed


def test_from_stage_starts_an_interrupted_stage_afresh(workplace: Workplace) -> None:
    workplace.stop("sft:2", signal.SIGKILL)
    again = workplace.prlcoder("run", "run.yaml", "--from-stage", "sft")
    assert "sft begins with 0 units" in again.stderr
    assert again.returncode == 0


def test_a_second_run_in_the_same_folder_is_refused(workplace: Workplace, undisturbed: dict[str, str]) -> None:
    first = workplace.start_and_wait_until("sft:1")
    second = workplace.prlcoder("run", "run.yaml")
    assert second.returncode == 1
    assert f"runs/example: another run is working in this folder (process {first.pid} on " in second.stderr
    assert "Traceback" not in second.stderr
    assert workplace.prlcoder("plan", "run.yaml").returncode == 0  # looking is allowed
    first.kill()
    first.wait()
    assert workplace.prlcoder("run", "run.yaml").returncode == 0
    assert workplace.artefacts() == undisturbed
