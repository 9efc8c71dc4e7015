"""The pure parts around a run folder: the plan, the differences of manifests, the messages of storage errors."""

from __future__ import annotations

import errno
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from prlcoder.errors import InputError, WorkError
from prlcoder.runs.folder import RunFolder
from prlcoder.runs.plan import check_stage, observe, redo_from
from prlcoder.runs.results import pass_table
from prlcoder.runs.stage_functions import LOCAL_MODULES, stage_function
from prlcoder.runs.state import RunState, StageRecord, save_state
from prlcoder.runs.storage_errors import storage_error
from prlcoder.spec import TrainingRun, manifest
from prlcoder.spec.diff import differences
from prlcoder.storage import location

RUN = TrainingRun.model_validate(
    {
        "apiVersion": "prlcoder.dev/v1alpha1",
        "kind": "TrainingRun",
        "metadata": {"name": "example"},
        "spec": {
            "model": {"scratch": {}, "promptTemplate": "nano"},
            "problems": {"source": "nano"},
            "supervision": {"teachers": [{"kind": "rules"}, {"kind": "policy"}]},
            "sft": {},
            "reward": {},
            "policy": {"dpo": {"beta": 0.5}},
            "evaluation": {},
        },
    }
)


def changed(**spec: object) -> TrainingRun:
    """``RUN`` with some fields of its spec replaced."""
    data = RUN.model_dump(by_alias=True)
    return TrainingRun.model_validate({**data, "spec": {**data["spec"], **spec}})


def test_no_difference_between_equal_runs() -> None:
    assert differences(RUN, changed()) == []


def test_differences_are_fields_with_both_values() -> None:
    other = changed(seed=1, sft=None, supervision={"teachers": [{"kind": "rules", "mutations": 2}]})
    assert differences(RUN, other) == [
        "spec.seed: was 0, is now 1",
        "spec.supervision.teachers[0].mutations: was 4, is now 2",
        "spec.supervision.teachers[1]: was given, is now not given",
        "spec.sft: was given, is now not given",
    ]


def test_the_policy_reads_sft_only_to_start_from_it() -> None:
    assert RUN.reads("policy") == ("pretrain", "supervise")
    assert changed(policy={"init": "sft"}).reads("policy") == ("pretrain", "supervise", "sft")
    assert changed(reward={"model": "sft"}).reads("reward") == ("pretrain", "supervise", "sft")
    assert changed(reward=None).reads("evaluate") == ("pretrain", "supervise", "sft", "policy")


def test_redo_from_keeps_attempts_and_what_went_before() -> None:
    done = RunState({name: StageRecord("done", attempt=2) for name in RUN.stages()})
    state = redo_from(done, "policy")
    assert [record.status for record in state.stages.values()] == ["done"] * 4 + ["to do"] * 2
    assert state.stages["policy"].attempt == 2


def test_an_unknown_stage_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean `supervise`"):
        check_stage("supervision", RUN.stages())


def publish(folder: RunFolder, name: str, attempt: int) -> None:
    """Publish a folder as attempt ``attempt`` does."""
    artifact = folder.artifact(name)
    artifact.mkdir(parents=True)
    (artifact / "stage.json").write_text(json.dumps(asdict(StageRecord("done", attempt=attempt))))


def test_a_published_folder_counts_only_for_the_attempt_that_made_it(tmp_path: Path) -> None:
    folder = RunFolder(location(str(tmp_path)))
    publish(folder, "pretrain", attempt=1)
    publish(folder, "sft", attempt=1)
    records = {"pretrain": StageRecord("running", attempt=1), "supervise": StageRecord("done", attempt=1)}
    records["sft"] = StageRecord("running", attempt=2)
    save_state(folder.state, RunState(records))
    state = observe(RUN, folder)
    assert [record.status for record in state.stages.values()] == ["done", "to do", "running", *["to do"] * 3]


def test_what_read_a_missing_folder_is_to_do_again(tmp_path: Path) -> None:
    folder = RunFolder(location(str(tmp_path)))
    for name in ("pretrain", "sft", "reward", "policy", "evaluate"):
        publish(folder, name, attempt=1)
    save_state(folder.state, RunState({name: StageRecord("done", attempt=1) for name in RUN.stages()}))
    state = observe(RUN, folder)
    assert [name for name, record in state.stages.items() if record.status == "done"] == ["pretrain"]


def test_a_stage_without_its_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stage_without_package.py").write_text("import a_package_that_nobody_has\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(LOCAL_MODULES, "sft", "stage_without_package")
    with pytest.raises(WorkError, match=r"a_package_that_nobody_has, which is not installed; .*prlcoder\[train\]"):
        stage_function("sft")


@pytest.mark.parametrize(
    ("error", "place", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/far/away"), "/far/away", "No space left on device"),
        (OSError(errno.EACCES, "Permission denied", "/run/sft/x"), "/run/sft/x", "Permission denied"),
        (OSError(errno.EROFS, "Read-only file system", "/"), "/", "Read-only file system"),  # making a parent
        (RuntimeError("[enforce fail] PytorchStreamWriter failed writing file data/0"), "/run", "PytorchStreamWriter"),
        (ValueError("SafetensorError: I/O error: No space left on device (os error 28)"), "/run", "No space left"),
    ],
)
def test_refused_writes_are_recognised(error: Exception, place: str, reason: str) -> None:
    wrapped = RuntimeError("saving failed")
    wrapped.__cause__ = error
    message = str(storage_error(wrapped, Path("/run")))
    assert message.startswith(f"{place}: cannot be written ({reason}")
    assert message.endswith("to another place; then run again")


@pytest.mark.parametrize(
    "error", [OSError(errno.EACCES, "Permission denied", "/elsewhere/in.jsonl"), KeyError("x"), OSError("odd")]
)
def test_other_errors_are_not_the_storages(error: Exception) -> None:
    assert storage_error(error, Path("/run")) is None


def test_the_table_leaves_out_what_no_policy_has() -> None:
    base = {"pass@1": 0.25, "ci95": [0.1, 0.5], "n": 20}
    policy = {
        **base,
        "pass@1": 0.5,
        "vs_base": {"difference": 0.25, "ci95": [0.05, 0.45]},
        "sampled": {"n": 8, "pass@1": 0.4, "pass@8": 0.75},
        "best_of_n": {"n": 8, "pass@1": 0.6},
    }
    assert pass_table({"base": base}).splitlines() == [
        "policy  pass@1   95 % interval   n  vs base  95 % interval",
        "base     0.250  [0.100, 0.500]  20",
    ]
    assert pass_table({"base": base, "policy": policy}).splitlines()[0].split("  ")[-3:] == [
        "sampled pass@1",
        "sampled pass@8",
        "best of 8",
    ]
    assert pass_table({"base": base, "policy": policy}).splitlines()[2].split()[-3:] == ["0.400", "0.750", "0.600"]


def test_dumped_manifests_are_yaml_that_loads(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(manifest.dump(RUN))
    assert manifest.load(path) == RUN
