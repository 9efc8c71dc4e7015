"""``prlcoder segment`` prints the segments of a file, writes those of many programs, and refuses invalid input."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path

import pytest

from prlcoder.cli.main import main
from prlcoder.segmenter import segment


def standard_input(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_a_file_is_listed_with_index_kind_and_physical_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"def f(x):\r\n    '\xc3\xa9'\r\n\r\n    return (\r\n        x)")
    assert main(["segment", str(path), "--mode", "line"]) == 0
    assert capsys.readouterr().out == (
        f"{path}: 3 segments, 1 of them steps\n"
        "\n[0] header, context, line 1\n  | def f(x):\n"
        "\n[1] docstring, context, lines 2-3\n  |     'é'\n  |\n"
        "\n[2] return, lines 4-5\n  |     return (\n  |         x)\n"
    )


def test_json_prints_the_row_and_block_is_the_default_mode(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"\xef\xbb\xbfx = 1\r\ny = 2\r\n")
    assert main(["segment", str(path), "--json"]) == 0
    text = "\ufeffx = 1\r\ny = 2\r\n"
    assert json.loads(capsys.readouterr().out) == {
        "id": str(path),
        "segments": [{"start": 0, "end": 15, "kind": "assign", "text": text}],
    }


def test_a_dash_reads_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    standard_input(monkeypatch, "é = 1\n".encode())
    assert main(["segment", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["segments"][0]["text"] == "é = 1\n"


@pytest.mark.parametrize("name", ["in.jsonl", "in.jsonl.gz"])
def test_programs_become_rows_in_input_order_and_refused_ones_say_where(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    programs = {"b": "x = 1\nif x:\n    y = '\U0001f600'\n", "a": "x = (\n", "c": "\n# nothing\n", "d": "\ud800"}
    rows = "".join(json.dumps({"id": name, "program": text}) + "\n" for name, text in programs.items())
    source, out = tmp_path / name, tmp_path / "folder" / name.replace("in", "out")
    source.write_bytes(gzip.compress(rows.encode()) if name.endswith(".gz") else rows.encode())
    assert main(["segment", "--programs", str(source), "--mode", "line", "--out", str(out)]) == 0
    captured = capsys.readouterr()
    data = gzip.decompress(out.read_bytes()) if name.endswith(".gz") else out.read_bytes()
    written = [json.loads(line) for line in data.decode().splitlines()]
    assert [row["id"] for row in written] == ["b", "a", "c", "d"]
    assert "".join(piece["text"] for piece in written[0]["segments"]) == programs["b"]
    assert [(piece["start"], piece["end"], piece["kind"]) for piece in written[0]["segments"]] == [
        (piece.start, piece.end, piece.kind) for piece in segment(programs["b"], "line")
    ]
    assert written[1] == {"id": "a", "error": {"line": 1, "column": 4, "message": "'(' was never closed"}}
    assert written[2]["error"]["message"] == "there is no statement in this text"
    assert written[3]["error"]["column"] == 0
    assert captured.out == ""
    assert "3 segments of 4 programs, mode line; 3 could not be segmented" in captured.err


def test_programs_without_out_go_to_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"id": 7, "program": "x = 1"}\n', encoding="utf-8")
    assert main(["segment", "--programs", str(source)]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == 7


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "{path}: no such file; check the path"),
        (b"", "{path}: is empty; give a Python program"),
        (b"x = 1\n\xff\n", "{path}:2: is not UTF-8 text; is it the right file?"),
        (b"\x7fELF\0\0", "{path}:1: column 4: source code "),  # the rest differs between versions of Python
        (b"x = 1\ny = f(\n", "{path}:2: column 5: '(' was never closed; "),
        (b"# nothing\n", "{path}:1: column 0: there is no statement in this text; "),
    ],
    ids=["missing", "empty", "not text", "binary", "truncated", "comments only"],
)
def test_a_file_that_cannot_be_cut_is_one_message_and_exit_code_2(
    data: bytes | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.py"
    if data is not None:
        path.write_bytes(data)
    assert main(["segment", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"prlcoder segment: {message.format(path=path)}")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "{path}: holds no programs"),
        (b'{"id": 1, "program": "x"}\n{"id": 2}\n', "{path}:2: program: is missing"),
        (b'{"program": "x"}\n', "{path}:1: id: is missing"),
        (b'{"id": true, "program": "x"}\n', "{path}:1: id: a string or an integer was expected, not bool"),
        (b'{"id": 1, "program": null}\n', "{path}:1: program: a string was expected, not null"),
        (b'{"id": 1, "program": "x"}\n{"id": 2, "pro', "{path}:2: not JSON"),
    ],
    ids=["empty", "no program", "no id", "wrong id", "wrong program", "truncated"],
)
def test_a_bad_row_leaves_no_output(
    data: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_bytes(data)
    assert main(["segment", "--programs", str(path), "--out", str(out)]) == 2
    assert f"prlcoder segment: {message.format(path=path)}" in capsys.readouterr().err
    assert [entry.name for entry in tmp_path.iterdir()] == ["in.jsonl"]


def test_out_needs_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segment", str(tmp_path / "a.py"), "--out", str(tmp_path / "o.jsonl")]) == 2
    assert "--out goes with --programs" in capsys.readouterr().err
