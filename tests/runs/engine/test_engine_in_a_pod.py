"""What a stage does for the cluster that runs it: it answers about its progress, and it ends when it hangs."""

from __future__ import annotations

import json
import os
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from tests.runs.engine.workplace import Workplace

from prlcoder.runs.stage_progress import StageInProgress, progress_document


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A free port, on which the stages of this test answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    monkeypatch.setenv("PRLCODER_PROGRESS_PORT", str(number))
    return number


def test_a_stage_answers_about_its_progress(workplace: Workplace, port: int) -> None:
    process = workplace.start_and_wait_until("sft:2")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/progress", timeout=10) as answer:
        document = json.load(answer)
    assert {name: document[name] for name in ("stage", "unit", "done", "total", "pieces", "checkpoint")} == {
        "stage": "sft",
        "unit": "units",
        "done": 2,
        "total": 4,
        "pieces": document["pieces"],
        "checkpoint": "unit-1",
    }
    assert document["pieces"] >= 2
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/etc/passwd", timeout=10)
    process.kill()


def test_a_stage_that_hangs_ends_itself_with_its_stacks_in_the_log(
    workplace: Workplace, port: int, edit: Callable[[str, str], None], undisturbed: dict[str, str]
) -> None:
    edit("  sft: {}\n", "  sft: {}\n  progressDeadlineSeconds: 1\n")
    process = workplace.start_and_wait_until("sft:2")
    _, shown = process.communicate(timeout=60)
    assert process.returncode == 79
    log = (workplace.run_folder / "logs" / "sft.log").read_text()
    for text in (log, shown):
        assert "in _trouble" in text  # the function in which the stage hangs
        assert "stage sft: no work was finished for 1 s (spec.progressDeadlineSeconds)" in text
    assert workplace.prlcoder("run", "run.yaml").returncode == 0
    assert workplace.artefacts() == undisturbed


def test_a_signal_prints_the_stacks_and_ends_nothing(workplace: Workplace, port: int) -> None:
    process = workplace.start_and_wait_until("sft:2")
    process.send_signal(signal.SIGUSR1)
    process.send_signal(signal.SIGTERM)
    _, shown = process.communicate(timeout=60)
    assert "in _trouble" in shown
    assert process.returncode == 128 + signal.SIGTERM


def test_a_finished_stage_leaves_its_metrics(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workplace.path / "termination-log"
    monkeypatch.setenv("PRLCODER_END_REPORT", str(path))
    for _ in range(2):  # the second time the stage is finished already
        path.unlink(missing_ok=True)
        assert workplace.prlcoder("run", "run.yaml", "--stage", "pretrain").returncode == 0
        assert json.loads(path.read_text())["metrics"] == {"units": 4, "loss": 0.5, "train_problems": 4}


def test_on_one_machine_nothing_listens_and_nothing_is_watched(workplace: Workplace) -> None:
    process = workplace.start_and_wait_until("sft:2")
    with open(f"/proc/{process.pid}/net/tcp") as table:
        inodes = {line.split()[9] for line in table.readlines()[1:] if line.split()[3] == "0A"}
    sockets = {os.readlink(f"/proc/{process.pid}/fd/{one}") for one in os.listdir(f"/proc/{process.pid}/fd")}
    assert not {f"socket:[{inode}]" for inode in inodes} & sockets
    process.kill()


def test_the_progress_of_a_stage_has_what_all_stages_will_need() -> None:
    plan = [{"name": "sft", "memory": "1.0 GiB", "how": ["memory: computed"]}]
    assert progress_document(StageInProgress("sft", plan=plan))["plan"] == plan
    assert "plan" not in progress_document(StageInProgress("sft"))
