"""A run whose storage is an object store: the same artefacts, and nothing that it needs is on the machine."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.object_store import BUCKET, S3Server, s3_server
from tests.runs.engine.workplace import FOLDERS, MANIFEST, STAGES, Workplace

from prlcoder.storage import Location, location


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture
def stored(server: S3Server, workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> Location:
    """The workplace's run is kept in the bucket of the server; this is its folder there."""
    import s3fs

    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PRLCODER_SCRATCH", str(workplace.path / "scratch"))
    s3fs.S3FileSystem.clear_instance_cache()
    uri = f"s3://{BUCKET}/{workplace.path.name}"
    place = location(uri)
    if not place.system.exists(BUCKET):
        place.system.mkdir(BUCKET)
    (workplace.path / "run.yaml").write_text(f"{MANIFEST}  storage: {{uri: {uri}}}\n")
    return place / "example"


def another_machine(workplace: Workplace) -> None:
    """Nothing of the run is left here."""
    shutil.rmtree(workplace.path / "scratch")


def test_a_run_in_a_bucket_has_the_artefacts_of_a_run_in_a_folder(
    stored: Location, workplace: Workplace, undisturbed: dict[str, str]
) -> None:
    done = workplace.prlcoder("run", "run.yaml")
    assert done.returncode == 0, done.stderr
    assert workplace.stored_artefacts(stored) == undisturbed
    names = set(stored.files())
    assert {"run.yaml", "state.json", "splits.json", "report.html", *(f"logs/{stage}.log" for stage in STAGES)} <= names
    assert {f"{folder}/.complete.json" for folder in FOLDERS} <= names
    assert not any(name.startswith(".work") for name in names)


@pytest.mark.parametrize("where", ["pretrain:0", "supervise:3", "policy:2", "evaluate:1"])
def test_a_killed_run_goes_on_on_another_machine(
    stored: Location, workplace: Workplace, undisturbed: dict[str, str], where: str
) -> None:
    assert workplace.stop(where, signal.SIGKILL).returncode == -signal.SIGKILL
    another_machine(workplace)
    resumed = workplace.prlcoder("run", "run.yaml")
    assert resumed.returncode == 0, resumed.stderr
    stage, unit = where.split(":")
    assert f"{stage} begins with {unit} units" in resumed.stderr
    assert workplace.stored_artefacts(stored) == undisturbed


def test_stages_may_run_on_different_machines(
    stored: Location, workplace: Workplace, undisturbed: dict[str, str]
) -> None:
    for stage in STAGES:
        done = workplace.prlcoder("run", "run.yaml", "--stage", stage)
        assert done.returncode == 0, done.stderr
        another_machine(workplace)
    assert workplace.stored_artefacts(stored) == undisturbed
    assert workplace.prlcoder("plan", "run.yaml").stdout.count("done") == len(STAGES)


def test_a_checkpoint_is_complete_or_not_there(stored: Location, workplace: Workplace) -> None:
    workplace.stop("sft:2", signal.SIGKILL)
    index = json.loads((stored / ".work" / "sft" / "index.json").read_bytes() or b"{}")
    assert sorted(index["files"]) == ["unit-0", "unit-1"]
    (stored / ".work" / "sft" / "3" / "unit-2").write_bytes(b"half a ch")  # an upload that was cut short
    another_machine(workplace)
    assert "sft begins with 2 units" in workplace.prlcoder("run", "run.yaml").stderr


def test_a_folder_without_its_list_does_not_count(
    stored: Location, workplace: Workplace, undisturbed: dict[str, str]
) -> None:
    workplace.prlcoder("run", "run.yaml")
    (stored / "sft").remove([".complete.json"])
    again = workplace.prlcoder("run", "run.yaml")
    assert again.returncode == 0, again.stderr
    assert "sft: starts" in again.stderr
    assert "pretrain: finished" in again.stderr
    assert workplace.stored_artefacts(stored) == undisturbed


def test_a_copy_that_another_machine_has_replaced_is_fetched_anew(
    stored: Location, workplace: Workplace, undisturbed: dict[str, str]
) -> None:
    """The other machine's folder has the same files with the same sizes, as newly trained weights have."""
    for stage in STAGES[:3]:
        workplace.prlcoder("run", "run.yaml", "--stage", stage)
    path = stored / "sft"
    content = (path / "digest.json").read_bytes() or b""
    (path / "digest.json").write_bytes(content.replace(b"0", b"1"))
    listed = json.loads((path / ".complete.json").read_bytes() or b"")
    (path / ".complete.json").write_bytes(json.dumps({**listed, "id": "another"}).encode())
    workplace.prlcoder("run", "run.yaml")
    assert workplace.stored_artefacts(stored)["evaluation"] != undisturbed["evaluation"]


def test_a_stopped_run_leaves_its_log_in_the_bucket(stored: Location, workplace: Workplace) -> None:
    assert workplace.stop("sft:2", signal.SIGTERM).returncode == 143
    assert b"sft begins with 0 units" in ((stored / "logs" / "sft.log").read_bytes() or b"")
    shown = workplace.prlcoder("logs", "example", "--storage", stored.name.removesuffix("/example"), "--stage", "sft")
    assert "sft begins with 0 units" in shown.stdout


def test_a_store_that_is_away_for_a_while_loses_nothing(
    stored: Location, server: S3Server, workplace: Workplace, undisturbed: dict[str, str]
) -> None:
    server.away = True
    try:
        process = workplace.start("run", "run.yaml")
        assert process.stderr is not None
        note = next(line for line in process.stderr if line.startswith("storage: "))
    finally:
        server.away = False
    assert "again in 1 s" in note
    _, rest = process.communicate(timeout=400)
    assert process.returncode == 0, rest
    assert workplace.stored_artefacts(stored) == undisturbed


def test_a_bucket_that_does_not_exist_is_named(stored: Location, workplace: Workplace) -> None:
    path = workplace.path / "run.yaml"
    path.write_text(path.read_text().replace(f"s3://{BUCKET}", "s3://no-such-bucket"))
    refused = workplace.prlcoder("run", "run.yaml")
    assert refused.returncode == 1
    assert "s3://no-such-bucket" in refused.stderr
    assert "Traceback" not in refused.stderr
    preflight = workplace.prlcoder("preflight", "run.yaml", "--stage", "sft")
    assert preflight.returncode == 75
    assert "storage: s3://no-such-bucket/" in preflight.stderr


def test_preflight_writes_to_the_bucket_and_leaves_nothing(stored: Location, workplace: Workplace) -> None:
    done = workplace.prlcoder("preflight", "run.yaml", "--stage", "sft")
    assert done.returncode == 0, done.stderr
    assert location(stored.name.removesuffix("/example")).files() == {}


def test_a_finished_folder_in_a_bucket_is_given_to_another_run(
    stored: Location, workplace: Workplace, undisturbed: dict[str, str]
) -> None:
    workplace.prlcoder("run", "run.yaml")
    given = MANIFEST.replace("example", "other").replace("  sft: {}\n", f"  sft: {{from: {stored.name}/sft}}\n")
    (workplace.path / "other.yaml").write_text(given)
    done = workplace.prlcoder("run", "other.yaml")
    assert done.returncode == 0, done.stderr
    copied = workplace.path / "runs" / "other" / "sft"
    assert copied.is_symlink()
    assert (copied / "digest.json").read_text() == undisturbed["sft"]
    another = Path(str(copied.resolve()))
    assert another.is_relative_to(workplace.path / "scratch")
