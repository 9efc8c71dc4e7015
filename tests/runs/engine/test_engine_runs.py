"""A run leaves its artefacts behind, and a second run continues from them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest
from tests.runs.engine.workplace import FOLDERS, STAGES, Workplace

from prlcoder.spec import manifest


def test_a_run_publishes_every_stage_and_prints_the_table(workplace: Workplace) -> None:
    done = workplace.prlcoder("run", "run.yaml")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "policy  pass@1   95 % interval  n  vs base     95 % interval\n"
        "base     0.500  [0.150, 0.850]  4\n"
        "policy   0.750  [0.300, 0.950]  4   +0.250  [-0.200, +0.600]\n"
    )
    state = workplace.state()
    assert list(state) == list(STAGES)
    assert {record["status"] for record in state.values()} == {"done"}
    assert state["sft"]["metrics"] == {"units": 4, "loss": 0.5, "train_problems": 4}
    assert all(record["wall_s"] > 0 and record["started"] < record["finished"] for record in state.values())
    for name in (*FOLDERS, "run.yaml", "splits.json", "report.html", "logs/sft.log"):
        assert (workplace.run_folder / name).exists(), name
    assert list((workplace.run_folder / ".work").iterdir()) == []
    splits = json.loads((workplace.run_folder / "splits.json").read_text())
    assert [len(splits[name]) for name in ("train", "validation", "test")] == [4, 2, 4]


def test_the_resolved_manifest_loads_to_the_same_run(workplace: Workplace) -> None:
    workplace.prlcoder("run", "run.yaml", "--set", "seed=3", "--set", "spec.policy.learningRate=1e-4")
    given = manifest.load(workplace.path / "run.yaml", ["seed=3", "spec.policy.learningRate=1e-4"])
    assert manifest.load(workplace.run_folder / "run.yaml") == given


def test_finished_stages_are_not_run_again_and_the_run_says_so(workplace: Workplace) -> None:
    first = workplace.prlcoder("run", "run.yaml", "--json")
    before = workplace.state()
    second = workplace.prlcoder("run", "run.yaml", "--json")
    assert second.returncode == 0
    assert second.stderr.count("not run again") == len(STAGES)
    assert workplace.state() == before
    assert first.stdout == second.stdout
    assert json.loads(second.stdout) == json.loads((workplace.run_folder / "evaluation" / "summary.json").read_text())


def test_from_stage_runs_it_and_all_after_it_again(workplace: Workplace) -> None:
    workplace.prlcoder("run", "run.yaml")
    before = workplace.artefacts()
    again = workplace.prlcoder("run", "run.yaml", "--from-stage", "reward")
    assert again.returncode == 0
    assert workplace.attempts() == dict(zip(STAGES, (1, 1, 1, 2, 2, 2), strict=True))
    assert workplace.artefacts() == before


def test_from_an_unknown_stage_names_the_known_ones(workplace: Workplace) -> None:
    done = workplace.prlcoder("run", "run.yaml", "--from-stage", "rewards")
    assert done.returncode == 2
    assert "rewards: this run has no such stage; did you mean `reward`?" in done.stderr
    assert not workplace.run_folder.exists()


def test_a_removed_artefact_is_made_again_with_all_that_read_it(workplace: Workplace) -> None:
    workplace.prlcoder("run", "run.yaml")
    before = workplace.artefacts()
    subprocess.run(["rm", "-r", workplace.run_folder / "reward"], check=True)
    assert workplace.prlcoder("run", "run.yaml").returncode == 0
    assert workplace.attempts() == dict(zip(STAGES, (1, 1, 1, 2, 1, 2), strict=True))  # evaluate read it, policy not
    assert workplace.artefacts() == before


def test_everything_a_stage_prints_is_shown_and_kept(workplace: Workplace) -> None:
    done = workplace.prlcoder("run", "run.yaml", "--json", fake="sft:1:print")
    log = (workplace.run_folder / "logs" / "sft.log").read_text()
    for text in (done.stderr, log):
        for line in ("on standard output", "on standard error", "from a child", "from a child too"):
            assert line in text
    assert log.startswith("--- stage sft, attempt 1, ")
    assert "\n100 %\n" in log
    json.loads(done.stdout)  # results only


def test_a_stage_sees_the_terminal_and_the_log_holds_no_rewritten_lines(workplace: Workplace) -> None:
    ours, theirs = pty.openpty()
    process = workplace.start("run", "run.yaml", fake="sft:1:print", stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            data = os.read(ours, 4096)
        except OSError:  # the other end was closed
            break
        shown += data
    process.communicate()
    os.close(ours)
    assert process.returncode == 0
    assert b"10 %\r50 %\r100 %" in shown
    assert "10 %\r" not in (workplace.run_folder / "logs" / "sft.log").read_text()


def test_plan_shows_what_is_done_and_changes_nothing(workplace: Workplace) -> None:
    plan = json.loads(workplace.prlcoder("plan", "run.yaml", "--json").stdout)
    assert [(step["stage"], step["state"]) for step in plan["stages"]] == [(name, "run") for name in STAGES]
    assert plan["stages"][3]["reads"] == ["runs/example/pretrain", "runs/example/supervision"]
    assert not workplace.run_folder.exists()
    workplace.prlcoder("run", "run.yaml", fake="reward:2:fail")
    before = sorted(workplace.run_folder.rglob("*"))
    lines = workplace.prlcoder("plan", "run.yaml").stdout.splitlines()
    states = [line.split()[1] for line in lines[2:8]]
    assert states == ["done", "done", "done", "resume", "run", "run"]
    assert sorted(workplace.run_folder.rglob("*")) == before


def test_train_runs_one_stage_once_its_predecessors_are_there(workplace: Workplace) -> None:
    early = workplace.prlcoder("train", "reward", "run.yaml")
    assert early.returncode == 1
    assert "stage reward needs stage pretrain, which has not finished here" in early.stderr
    workplace.prlcoder("run", "run.yaml", fake="sft:0:fail")
    assert workplace.prlcoder("train", "reward", "run.yaml").stdout == "reward: units 4, loss 0.5, train_problems 4\n"
    assert workplace.attempts() == dict(zip(STAGES, (1, 1, 1, 1, 0, 0), strict=True))
    late = workplace.prlcoder("evaluate", "run.yaml")
    assert late.returncode == 1
    assert "stage evaluate needs stage sft" in late.stderr
    assert workplace.prlcoder("run", "run.yaml").returncode == 0
    assert "not run again" in workplace.prlcoder("evaluate", "run.yaml").stderr


def test_a_stage_is_taken_from_a_folder(workplace: Workplace, tmp_path: Path) -> None:
    workplace.prlcoder("run", "run.yaml")
    before = workplace.artefacts()
    text = (workplace.path / "run.yaml").read_text()
    text = text.replace("name: example", "name: second").replace("sft: {}", "sft: {from: runs/example/sft}")
    (workplace.path / "second.yaml").write_text(text)
    done = workplace.prlcoder("run", "second.yaml")
    assert done.returncode == 0, done.stderr
    assert "sft: taken from" in done.stderr
    second = workplace.path / "runs" / "second"
    assert (second / "sft").resolve() == (workplace.run_folder / "sft").resolve()
    assert {name: (second / name / "digest.json").read_text() for name in FOLDERS} == before
    again = workplace.prlcoder("run", "second.yaml", "--from-stage", "sft")  # never touches what it was given
    assert again.returncode == 0, again.stderr
    assert workplace.artefacts() == before


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere", "no such folder"),
        (".", "holds no config.json or adapter_config.json, so it is no finished sft folder"),
    ],
)
def test_a_given_folder_must_look_right(workplace: Workplace, place: str, message: str) -> None:
    done = workplace.prlcoder("run", "run.yaml", "--set", f"spec.sft.from={place}")
    assert done.returncode == 2
    assert message in done.stderr
    assert not workplace.run_folder.exists()
