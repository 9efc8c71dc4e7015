"""Mistakes of the user around a run folder give one message and exit code 1 or 2, and leave nothing half-written."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest
from tests.runs.engine.workplace import HERE, Workplace


def one_message(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The last line of standard error, after checking the exit code and that there is no traceback."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def test_another_spec_is_refused_with_every_difference(workplace: Workplace) -> None:
    workplace.prlcoder("run", "run.yaml")
    before = (workplace.run_folder / "run.yaml").read_bytes()
    done = workplace.prlcoder("run", "run.yaml", "--set", "seed=1", "--set", "sft=null", "--set", "policy.epochs=2")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "prlcoder run: runs/example: this run folder belongs to a different spec; "
        "choose another metadata.name for the new spec, or remove the folder",
        "  spec.seed: was 0, is now 1",
        "  spec.sft: was given, is now not given",
        "  spec.policy.epochs: was 3.0, is now 2.0",
    ]
    assert (workplace.run_folder / "run.yaml").read_bytes() == before


def test_other_problems_than_at_the_beginning_are_refused(workplace: Workplace) -> None:
    workplace.prlcoder("run", "run.yaml", fake="sft:0:fail")
    path = workplace.run_folder / "splits.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "digest": "other"}))
    message = one_message(workplace.prlcoder("run", "run.yaml"), 2)
    assert "runs/example/splits.json: digest: the problems differ from those that this run began with" in message


def test_a_folder_that_is_no_run_folder_is_left_alone(workplace: Workplace) -> None:
    workplace.run_folder.mkdir(parents=True)
    (workplace.run_folder / "thesis.tex").write_text("mine")
    message = one_message(workplace.prlcoder("run", "run.yaml"), 2)
    assert "runs/example: holds thesis.tex but no run.yaml" in message
    assert [path.name for path in workplace.run_folder.iterdir()] == ["thesis.tex"]


def test_a_damaged_state_file_is_named(workplace: Workplace) -> None:
    workplace.prlcoder("run", "run.yaml")
    (workplace.run_folder / "state.json").write_text('{"stages": {"sft"')
    assert "runs/example/state.json: is damaged" in one_message(workplace.prlcoder("run", "run.yaml"), 2)


def test_a_damaged_run_manifest_is_named(workplace: Workplace) -> None:
    workplace.prlcoder("run", "run.yaml", fake="pretrain:0:fail")
    (workplace.run_folder / "run.yaml").write_text("kind: [")
    assert "runs/example/run.yaml:1: not YAML" in one_message(workplace.prlcoder("run", "run.yaml"), 2)


@pytest.mark.parametrize("uri", ["file", "file/below"])
def test_storage_that_is_no_folder_is_named(workplace: Workplace, uri: str) -> None:
    (workplace.path / "file").write_text("")
    done = workplace.prlcoder("run", "run.yaml", "--set", f"spec.storage.uri={uri}")
    assert f"{uri}" in one_message(done, 1)
    assert "cannot be written (Not a directory); free some space or make it writable" in done.stderr
    assert (workplace.path / "file").read_text() == ""


def test_storage_that_cannot_be_made_is_named(workplace: Workplace) -> None:
    message = one_message(workplace.prlcoder("run", "run.yaml", "--set", "storage.uri=/proc/nowhere"), 1)
    assert message.startswith("prlcoder run: /proc/nowhere/example: cannot be written (")


def test_a_stage_that_fails_names_its_log_and_can_go_on(workplace: Workplace) -> None:
    done = workplace.prlcoder("run", "run.yaml", fake="reward:2:fail")
    message = one_message(done, 1)
    assert message == "prlcoder run: 2 of 4 items could not be executed; run again"
    assert "its log is runs/example/logs/reward.log" in done.stderr
    assert workplace.state()["reward"]["status"] == "failed"
    assert workplace.state()["reward"]["error"] == "2 of 4 items could not be executed; run again"
    assert "reward begins with 2 units" in workplace.prlcoder("run", "run.yaml").stderr


def test_a_bug_in_a_stage_keeps_its_trace_in_the_log(workplace: Workplace) -> None:
    done = workplace.prlcoder("run", "run.yaml", fake="reward:2:bug")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("prlcoder run: stage reward: ZeroDivisionError: a bug of ours; the traceback is in ")
    assert "ZeroDivisionError" in (workplace.run_folder / "logs" / "reward.log").read_text()


def test_a_file_too_large_for_the_storage_is_named_and_the_run_goes_on_later(
    workplace: Workplace, undisturbed: dict[str, str]
) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))

    done = workplace.prlcoder("run", "run.yaml", fake="sft:1:fill", preexec_fn=small_files)
    message = one_message(done, 1)
    assert "cannot be written (File too large); free some space or make it writable" in message
    assert not (workplace.run_folder / "sft").exists()
    assert workplace.prlcoder("run", "run.yaml").returncode == 0
    assert workplace.artefacts() == undisturbed


def test_a_full_disk_is_named(workplace: Workplace) -> None:
    """On a file system of 2 MiB, mounted in a user namespace of its own."""
    disk = workplace.path / "disk"
    disk.mkdir()
    inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs -o size=2m tmpfs {disk}"
    if shutil.which("unshare") is None or subprocess.run([*inside, mount], capture_output=True).returncode:
        pytest.skip("needs user namespaces and `unshare` to mount a small file system")
    command = f"{sys.executable} {HERE / 'fake_prlcoder.py'} run run.yaml --set storage.uri={disk}"
    again = f"rm -r {disk}/example/.work/sft/kept/big; FAKE= {command}"
    done = subprocess.run(
        [*inside, f"{mount} && FAKE=sft:1:fill {command}; echo status $?; {again}"],
        cwd=workplace.path,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("status 1\n"), done.stderr
    assert "cannot be written (No space left on device); free some space" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 0, done.stderr  # and with space it goes on
    assert "sft begins with 1 units" in done.stderr


@pytest.mark.parametrize("command", ["run", "plan", "validate", "evaluate"])
def test_a_missing_manifest_is_one_message(workplace: Workplace, command: str) -> None:
    message = one_message(workplace.prlcoder(command, "nowhere.yaml"), 2)
    assert message == f"prlcoder {command}: nowhere.yaml: no such file; check the path"


def test_a_missing_problem_file_leaves_no_stage_begun(workplace: Workplace, edit: Callable[[str, str], None]) -> None:
    edit("source: nano", "source: nowhere.jsonl")
    message = one_message(workplace.prlcoder("run", "run.yaml"), 2)
    assert "nowhere.jsonl" in message
    assert not (workplace.run_folder / "pretrain").exists()
