"""What a supervision folder promises: order-free hashes, markers last, refusals that say why."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from prlcoder.errors import InputError
from prlcoder.supervision import store
from prlcoder.supervision.rows import Program, as_dict, row_digest


def program(number: int) -> Program:
    return Program(problem_id=f"p{number}", program="x\n", label="chosen", verdict="passed", origin="canonical")


def write(folder: Path, shards: list[list[Program]]) -> None:
    for number, rows in enumerate(shards):
        store.write_shard(folder, number, {"steps": [], "pairs": [], "programs": rows}, [], {"counts": {}})


def test_the_content_hash_is_that_of_the_rows_sorted_by_id(tmp_path: Path) -> None:
    rows = [program(number) for number in range(5)]
    write(tmp_path, [rows])
    lines = sorted(f"{row.id} {row_digest('programs', as_dict(row))}\n" for row in rows)
    assert store.content_hash(tmp_path) == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_the_content_hash_does_not_depend_on_the_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [program(number) for number in range(60)]
    write(tmp_path / "one", [rows])
    write(tmp_path / "many", [rows[40:], rows[:7], rows[7:40]])
    expected = store.content_hash(tmp_path / "one")
    assert store.content_hash(tmp_path / "many") == expected
    monkeypatch.setattr(store, "ROWS_HASHED_AT_ONCE", 7)
    assert store.content_hash(tmp_path / "many") == expected


def test_one_different_row_changes_the_content_hash(tmp_path: Path) -> None:
    write(tmp_path / "a", [[program(1), program(2)]])
    write(tmp_path / "b", [[program(1), program(3)]])
    assert store.content_hash(tmp_path / "a") != store.content_hash(tmp_path / "b")


def test_which_limit_a_program_met_first_does_not_change_the_content_hash() -> None:
    def digest(verdict: str, reason: str) -> str:
        return row_digest("steps", {"id": "a", "verdict": verdict, "reason": reason})

    assert digest("timeout", "cpu") == digest("timeout", "wall") == digest("runtime_error", "memory")
    assert digest("timeout", "cpu") != digest("runtime_error", "IndexError") != digest("wrong_answer", "")


def test_rows_come_back_as_written(tmp_path: Path) -> None:
    write(tmp_path, [[program(1)], [program(2)]])
    assert list(store.read_rows(tmp_path, "programs")) == [as_dict(program(1)), as_dict(program(2))]


def test_a_shard_without_its_marker_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, [[program(1)], [program(2)]])
    (tmp_path / "parts" / "00001.json").unlink()
    assert store.finished_shards(tmp_path) == {0}


def test_other_settings_are_refused_with_the_difference(tmp_path: Path) -> None:
    store.start(tmp_path, {"seed": 0, "labels": "paper"})
    store.start(tmp_path, {"seed": 0, "labels": "paper"})
    with pytest.raises(InputError, match="seed: was 0, now 1"):
        store.start(tmp_path, {"seed": 1, "labels": "paper"})


def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match="neither empty"):
        store.start(tmp_path, {"seed": 0})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"counts": {}}'])
def test_a_damaged_manifest_is_an_input_error(tmp_path: Path, text: str) -> None:
    (tmp_path / store.MANIFEST).write_text(text)
    with pytest.raises(InputError):
        store.read_manifest(tmp_path)


def test_a_truncated_shard_is_an_input_error(tmp_path: Path) -> None:
    write(tmp_path, [[program(1)]])
    path = store.table_path(tmp_path, "programs", 0)
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(InputError, match="not a readable Parquet file"):
        list(store.read_rows(tmp_path, "programs"))


def test_quarantined_items_are_written_as_json_lines(tmp_path: Path) -> None:
    tables: dict[str, list[Program]] = {"steps": [], "pairs": [], "programs": []}
    store.write_shard(tmp_path, 0, tables, [{"problem_id": "a", "reason": "why"}], {"counts": {}})
    store.finish(tmp_path, {"content_hash": "0"})
    assert [json.loads(line) for line in (tmp_path / "quarantine.jsonl").read_text().splitlines()] == [
        {"problem_id": "a", "reason": "why"}
    ]
