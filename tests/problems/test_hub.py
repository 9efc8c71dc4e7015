"""Hugging Face data sets: local copies of them, and what is said where the hub cannot be reached."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from prlcoder.errors import InputError
from prlcoder.problems.hub import is_hub_id
from prlcoder.problems.reading import read
from prlcoder.spec import Hub

pytest.importorskip("datasets", reason="the hub's data sets need `datasets` (extra `train`)")


@pytest.fixture
def copy(tmp_path: Path, fixtures: Path) -> Path:
    """MBPP's fixture as a hub data set: Parquet files by split, with columns that are dates."""
    import datetime

    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [json.loads(line) for line in (fixtures / "mbpp.jsonl").read_text().splitlines()]
    for row in rows:
        row["seen"] = datetime.datetime(2024, 1, 2)
    folder = tmp_path / "mbpp-copy"
    (folder / "data").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows[:2]), folder / "data" / "train-00000-of-00001.parquet")
    pq.write_table(pa.Table.from_pylist(rows[2:]), folder / "data" / "validation-00000-of-00001.parquet")
    (folder / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n")
    return folder


def test_all_splits_are_read_in_order(copy: Path, fixtures: Path) -> None:
    assert list(read(str(copy))) == list(read(str(fixtures / "mbpp.jsonl")))


def test_one_split_can_be_named(copy: Path) -> None:
    assert [each.id for each in read(str(copy), hub=Hub(split="validation"))] == ["511"]


def test_the_data_sets_split_counts_where_the_format_knows_none(tmp_path: Path, fixtures: Path) -> None:
    row = json.loads((fixtures / "appsplus.jsonl").read_text().splitlines()[0])
    for name, id in (("train.jsonl", "11"), ("valid.jsonl", "12")):
        (tmp_path / name).write_text(json.dumps(row | {"name": id}))
    assert [(each.id, each.split) for each in read(str(tmp_path))] == [("11", "train"), ("12", "validation")]


def test_an_error_names_the_split_and_the_row(copy: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    validation = copy / "data" / "validation-00000-of-00001.parquet"
    (row,) = pq.read_table(validation).to_pylist()
    pq.write_table(pa.Table.from_pylist([row, row | {"task_id": 512, "text": " "}]), validation)
    with pytest.raises(InputError) as raised:
        list(read(str(copy)))
    assert str(raised.value) == f"{copy} (validation):2: text: is empty"


def test_a_data_set_that_is_a_program_is_read_from_its_files(tmp_path: Path, fixtures: Path) -> None:
    folder = tmp_path / "apps"
    folder.mkdir()
    rows = (fixtures / "apps.jsonl").read_text().splitlines()
    (folder / "apps.py").write_text("raise SystemExit('no program of a data set is run')\n")
    (folder / "train.jsonl").write_text("\n".join(rows[:2]))
    (folder / "test.jsonl").write_text(rows[2])
    assert [(each.id, each.split) for each in read(str(folder))] == [("2", "test"), ("0", "train"), ("1", "train")]
    assert [each.id for each in read(str(folder), hub=Hub(split="train"))] == ["0", "1"]
    with pytest.raises(InputError, match=r"has no split 'dev'; choose one of: test, train$"):
        list(read(str(folder), hub=Hub(split="dev")))


@pytest.mark.parametrize(
    ("hub", "message"),
    [
        (Hub(split="nope"), "Bad split: nope. Available splits: "),
        (Hub(config="full"), "BuilderConfig 'full' not found"),
    ],
)
def test_what_the_data_set_has_not_is_named(hub: Hub, message: str, copy: Path) -> None:
    with pytest.raises(InputError) as raised:
        list(read(str(copy), hub=hub))
    assert str(raised.value).startswith(f"{copy}: {message}")
    assert str(raised.value).endswith("; see problems.hub.config, split and revision")


@pytest.mark.parametrize("words", [[], ["--release", "release_v1"]])
def test_without_the_hub_there_is_one_message(words: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "prlcoder.cli", "problems", "inspect", "some-org/some-set", *words]
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 2
    assert done.stderr.startswith("prlcoder problems: some-org/some-set: ")
    assert "cannot be re" in done.stderr  # reached, or read
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("openai/openai_humaneval", True),
        ("a/b.c-d_e", True),
        ("a/b/c", False),
        ("a", False),
        ("../a", False),
        ("/a/b", False),
    ],
)
def test_hub_ids_have_two_parts(source: str, expected: bool) -> None:
    assert is_hub_id(source) is expected
