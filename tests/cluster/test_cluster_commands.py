"""The commands for clusters against a real API server: what they do, and what they say when they cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from tests.cluster.control_plane import ControlPlane, control_plane
from tests.cluster.operator_process import eventually, operator, play, pod_of, training_run

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def prlcoder(plane: ControlPlane, tmp_path: Path) -> Command:
    """Run a command with the administrator's kubeconfig, or with another one."""

    def run(*arguments: str, kubeconfig: Path = plane.kubeconfig) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        command = [sys.executable, "-m", "prlcoder.cli", *arguments]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


def manifest(folder: Path, name: str) -> str:
    """A file with a small run."""
    path = folder / f"{name}.yaml"
    run = training_run(name)
    del run["metadata"]["namespace"]
    path.write_text(yaml.safe_dump(run), encoding="utf-8")
    return str(path)


def test_a_run_is_submitted_watched_and_cancelled(plane: ControlPlane, prlcoder: Command, tmp_path: Path) -> None:
    submitted = prlcoder("submit", manifest(tmp_path, "mine"), "--set", "seed=7")
    assert submitted.returncode == 0, submitted.stderr
    assert "mine: submitted to namespace default (context test)" in submitted.stdout
    assert plane.get("trun", "mine")["spec"]["seed"] == 7
    assert "no operator has looked at it yet" in prlcoder("status", "mine").stdout
    with operator(plane, tmp_path / "log"):
        play(plane, pod_of(plane, "pretrain", "mine"), "Running")
        shown = eventually(
            lambda: text if "running" in (text := prlcoder("status", "mine").stdout) else None, "the stage"
        )
    assert shown.splitlines()[0] == "run mine: Running"
    assert [line.split()[:2] for line in shown.splitlines()[3:6]] == [
        ["pretrain", "running"],
        ["supervise", "to"],
        ["evaluate", "to"],
    ]
    assert [line.split()[:2] for line in shown.splitlines()[7:]] == [
        ["needs", "memory"],
        ["pretrain", "unknown"],  # until a stage estimates it
        ["supervise", "unknown"],
        ["evaluate", "unknown"],
    ]
    listed = prlcoder("ls").stdout.splitlines()
    assert listed[0].split() == ["run", "phase", "stage", "step", "restarts", "age", "reason"]
    assert any(line.split()[:3] == ["mine", "Running", "pretrain"] for line in listed)
    assert "mine" in {run["metadata"]["name"] for run in json.loads(prlcoder("ls", "-A", "--json").stdout)}
    cancelled = prlcoder("cancel", "mine")
    assert cancelled.returncode == 0, cancelled.stderr
    assert "checkpoints, results and logs stay in the storage" in cancelled.stdout
    eventually(lambda: not plane.get("trun,jobs,pods", "-l", "prlcoder.dev/run=mine")["items"] or None, "the clean-up")


def test_a_name_that_is_taken_and_one_that_is_unknown(prlcoder: Command, tmp_path: Path) -> None:
    path = manifest(tmp_path, "taken-twice")
    assert prlcoder("submit", path).returncode == 0
    again = prlcoder("submit", path)
    assert again.returncode == 2
    assert again.stderr == (
        "prlcoder submit: taken-twice: namespace default has a run of that name; choose another metadata.name, "
        "or end that run first: `prlcoder cancel taken-twice`\n"
    )
    for command in ("status", "logs", "cancel"):
        unknown = prlcoder(command, "nobody")
        assert unknown.returncode == 2
        assert "nobody: namespace default has no such run; `prlcoder ls` lists the runs" in unknown.stderr


def test_a_namespace_that_does_not_exist(prlcoder: Command, tmp_path: Path) -> None:
    refused = prlcoder("submit", manifest(tmp_path, "nowhere"), "-n", "no-such-place")
    assert refused.returncode == 2
    assert "--namespace no-such-place: context test has no such namespace; create it first" in refused.stderr


def test_a_mistake_is_named_before_the_cluster_is_asked(prlcoder: Command, tmp_path: Path) -> None:
    path = manifest(tmp_path, "typo")
    refused = prlcoder("submit", path, "--set", "segmentatoin=line", kubeconfig=tmp_path / "absent")
    assert refused.returncode == 2
    assert "did you mean `segmentation`?" in refused.stderr


def test_logs_say_why_there_are_none(prlcoder: Command, tmp_path: Path) -> None:
    prlcoder("submit", manifest(tmp_path, "silent"))
    shown = prlcoder("logs", "silent")
    assert (shown.returncode, shown.stdout) == (0, "")
    assert "silent: no pod has started yet" in shown.stderr


def test_no_kubeconfig_and_an_unknown_context(plane: ControlPlane, prlcoder: Command, tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    refused = prlcoder("ls", kubeconfig=absent)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"prlcoder ls: {absent}: there is no kubeconfig; set KUBECONFIG to the file")
    unknown = prlcoder("ls", "--context", "other")
    assert unknown.returncode == 2
    assert unknown.stderr == (
        f"prlcoder ls: --context other: {plane.kubeconfig} has no such context; its contexts are: test\n"
    )


def test_a_user_without_rights_and_one_without_valid_credentials(
    plane: ControlPlane, prlcoder: Command, tmp_path: Path
) -> None:
    plane.kubectl("create", "serviceaccount", "visitor")
    token = plane.kubectl("create", "token", "visitor").stdout.strip()
    config = yaml.safe_load(plane.kubeconfig.read_text(encoding="utf-8"))
    for token_given, expected in ((token, "ask the cluster's administrator for this right"), ("x", "log in again")):
        config["users"][0]["user"]["token"] = token_given
        path = tmp_path / "visitor"
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        refused = prlcoder("ls", kubeconfig=path)
        assert refused.returncode == 1
        assert expected in refused.stderr
        assert "Traceback" not in refused.stderr


def test_a_cluster_that_does_not_answer(plane: ControlPlane, prlcoder: Command, tmp_path: Path) -> None:
    config = yaml.safe_load(plane.kubeconfig.read_text(encoding="utf-8"))
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    path = tmp_path / "away"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    refused = prlcoder("ls", kubeconfig=path)
    assert refused.returncode == 1
    assert "context test: the cluster at https://127.0.0.1:1 cannot be reached" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.fixture(scope="module")
def bare() -> Iterator[ControlPlane]:
    """A cluster on which nothing of PRLCoder is installed."""
    with control_plane() as running:
        yield running


def test_a_cluster_without_the_type(bare: ControlPlane, prlcoder: Command, tmp_path: Path) -> None:
    for arguments in (("ls",), ("status", "mine"), ("submit", manifest(tmp_path, "mine"))):
        refused = prlcoder(*arguments, kubeconfig=bare.kubeconfig)
        assert refused.returncode == 1
        assert "the cluster does not know TrainingRuns; install PRLCoder's operator there" in refused.stderr


def test_stored_logs_are_read_without_a_cluster(prlcoder: Command, tmp_path: Path) -> None:
    logs = tmp_path / "runs" / "old" / "logs"
    logs.mkdir(parents=True)
    (logs / "sft.log").write_text("second\n")
    (logs / "pretrain.log").write_text("first\n")
    shown = prlcoder("logs", "old", "--storage", str(tmp_path / "runs"), kubeconfig=tmp_path / "absent")
    assert (shown.returncode, shown.stdout) == (0, "first\nsecond\n")
    missing = prlcoder("logs", "old", "--storage", str(tmp_path / "runs"), "--stage", "policy")
    assert missing.returncode == 2
    assert "holds no log of stage policy" in missing.stderr
