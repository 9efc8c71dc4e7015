"""Shards built apart and merged are one build; what does not belong together is refused with the difference."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prlcoder.errors import InputError
from prlcoder.executor import Executor, ResourceLimits
from prlcoder.mutator import RuleTeacher
from prlcoder.problems.nano.suite import problems
from prlcoder.spec import NanoSuite
from prlcoder.supervision import store
from prlcoder.supervision.build import Settings, build
from prlcoder.supervision.merging import merge

pytestmark = pytest.mark.needs_sandbox
LIMITS = ResourceLimits(cpu_s=1.0, wall_s=5.0, memory_mib=256)
SIZES = NanoSuite(train=5, validation=1, test=1)
COUNT = 3


def build_shard(folder: Path, shard: tuple[int, int], **changes: Any) -> dict[str, Any]:
    values = {
        "mode": "line",
        "seed": 0,
        "pairs_per_segment": 2,
        "limits": LIMITS,
        "described": [],
        "shard_problems": 2,
        "shard": shard,
        **changes,
    }
    with Executor(workers=1, limits=LIMITS) as executor:
        teacher = RuleTeacher(0, mutations=2, refactorings=1)
        manifest, _ = build(lambda: problems(SIZES), folder, Settings(**values), teachers=[teacher], executor=executor)
    return manifest


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("shards")
    for number in range(1, COUNT + 1):
        build_shard(folder / f"{number}", (number, COUNT))
    return [folder / f"{number}" for number in range(1, COUNT + 1)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("whole")
    return folder, build_shard(folder, (1, 1))


def altered(shard: Path, folder: Path, change: Any) -> Path:
    """A copy of a shard whose manifest ``change`` has changed."""
    shutil.copytree(shard, folder)
    manifest = json.loads((folder / store.MANIFEST).read_text())
    change(manifest)
    (folder / store.MANIFEST).write_text(json.dumps(manifest))
    return folder


def test_merged_shards_have_the_content_hash_of_one_build(
    tmp_path: Path, shards: list[Path], whole: tuple[Path, dict[str, Any]], totals: Callable[[dict[str, Any]], object]
) -> None:
    one = json.loads(json.dumps(whole[1]))
    for order, out in ((shards, "a"), (shards[::-1], "b")):
        manifest = merge(order, tmp_path / out)
        assert manifest["content_hash"] == one["content_hash"]
        assert totals(manifest) == totals(one)
        assert {**manifest, "counts": 0, "timings_s": 0} == {**one, "counts": 0, "timings_s": 0}
        assert store.read_manifest(tmp_path / out) == json.loads(json.dumps(manifest))
    assert not list(tmp_path.glob(".*"))


def test_a_merged_folder_holds_the_rows_and_is_a_finished_build(
    tmp_path: Path, shards: list[Path], whole: tuple[Path, dict[str, Any]]
) -> None:
    merge(shards, tmp_path / "out")
    for table in ("steps", "pairs", "programs"):
        ids = [{row["id"] for row in store.read_rows(folder, table)} for folder in (tmp_path / "out", whole[0])]
        assert ids[0] == ids[1] != set()
    before = store.read_manifest(tmp_path / "out")
    assert build_shard(tmp_path / "out", (1, 1)) == before


def test_each_problem_is_in_one_shard(shards: list[Path]) -> None:
    of = [{row["problem_id"] for row in store.read_rows(folder, "programs")} for folder in shards]
    assert [len(ids) for ids in of] == [3, 2, 2]
    assert len(set.union(*of)) == 7


def test_more_shards_than_problems_merge_too(tmp_path: Path, whole: tuple[Path, dict[str, Any]]) -> None:
    folders = [tmp_path / f"{number}" for number in range(1, 10)]
    for number, folder in enumerate(folders, start=1):
        build_shard(folder, (number, 9))
    assert merge(folders, tmp_path / "out")["content_hash"] == whole[1]["content_hash"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda manifest: manifest["settings"].update(seed=7), r"settings\.seed: 7 instead of 0"),
        (
            lambda manifest: manifest["settings"].update(labels="paper"),
            r"settings\.labels: 'paper' instead of 'strict'",
        ),
        (lambda manifest: manifest.update(input="other"), "input: 'other' instead of"),
        (lambda manifest: manifest.update(shard="2/4"), "number of shards: '4' instead of '3'"),
        (lambda manifest: manifest["versions"].update(prlcoder="9.9"), "prlcoder: '9.9' instead of"),
        (lambda manifest: manifest["versions"].update(python="3.99.1"), "python: '3.99' instead of"),
        (lambda manifest: manifest.pop("shard"), "is not a shard"),
        (lambda manifest: manifest.update(content_hash="0"), "content_hash: does not match its parts"),
    ],
    ids=["seed", "labels", "problems", "number", "version", "python", "no shard", "damaged"],
)
def test_what_does_not_belong_together_is_named(tmp_path: Path, shards: list[Path], change: Any, message: str) -> None:
    other = altered(shards[1], tmp_path / "other", change)
    with pytest.raises(InputError, match=message):
        merge([shards[0], other, shards[2]], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_patch_release_of_python_may_have_built_a_shard(tmp_path: Path, shards: list[Path]) -> None:
    def patch(manifest: dict[str, Any]) -> None:
        manifest["versions"]["python"] = ".".join([*manifest["versions"]["python"].split(".")[:2], "99"])

    merge([shards[0], altered(shards[1], tmp_path / "other", patch), shards[2]], tmp_path / "out")


def test_missing_and_repeated_shards_are_named(tmp_path: Path, shards: list[Path]) -> None:
    with pytest.raises(InputError, match="shards 2/3, 3/3: are missing"):
        merge(shards[:1], tmp_path / "out")
    with pytest.raises(InputError, match=r"shard 2/3: is given 2 times"):
        merge([shards[1], *shards], tmp_path / "out")


def test_a_shard_that_was_not_copied_whole_is_named(tmp_path: Path, shards: list[Path]) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(shards[1], folder)
    store.table_path(folder, "pairs", 0).unlink()
    with pytest.raises(InputError, match=r"pairs.00000\.parquet: is missing; was the folder copied completely"):
        merge([shards[0], folder, shards[2]], tmp_path / "out")


def test_an_unfinished_shard_and_a_used_output_are_refused(tmp_path: Path, shards: list[Path]) -> None:
    folder = tmp_path / "unfinished"
    shutil.copytree(shards[1], folder)
    (folder / store.MANIFEST).unlink()
    with pytest.raises(InputError, match="contains no finished supervision"):
        merge([shards[0], folder, shards[2]], tmp_path / "out")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    with pytest.raises(InputError, match="already exists"):
        merge(shards, tmp_path / "used")


def supervise(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "prlcoder.cli", "supervise", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def test_the_command_merges(tmp_path: Path, shards: list[Path], whole: tuple[Path, dict[str, Any]]) -> None:
    done = supervise("--merge", *shards, "--out", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"content hash {whole[1]['content_hash']}" in done.stdout
    assert "label noise: " in done.stdout
    assert "survivor" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--problems", "nano", "--shard", "0/3"), "'0/3' is not i/n"),
        (("--problems", "nano", "--shard", "4/3"), "'4/3' is not i/n"),
        (("--problems", "nano", "--shard", "3"), "'3' is not i/n"),
        (("--problems", "nano", "--merge", "x"), "not allowed with"),
        ((), "one of the arguments --problems --merge is required"),
        (("--merge", "nowhere", "--shard", "1/2"), "--shard: applies to --problems"),
        (("--merge", "nowhere"), "nowhere: contains no finished supervision"),
    ],
)
def test_wrong_usage_is_one_message(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = supervise(*arguments, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
