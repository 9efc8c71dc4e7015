"""Generated malformed problem files of every format: one message or problems, never anything else.

``PRLCODER_FUZZ_SECONDS`` says for how long (CI: a minute), ``PRLCODER_FUZZ_SEED`` where to begin. A failure names
the seed of its file, which makes the same file again. A hang ends in pytest's time-out, with the stack.
"""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import os
import pickle
import random
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prlcoder.errors import InputError
from prlcoder.problems.enumeration import enumeration
from prlcoder.problems.formats import FORMATS
from prlcoder.problems.model import Problem
from prlcoder.problems.reading import read
from prlcoder.problems.writing import problem_writer
from prlcoder.spec import Select

SECONDS = float(os.environ.get("PRLCODER_FUZZ_SECONDS", "10"))
FIRST_SEED = int(os.environ.get("PRLCODER_FUZZ_SEED", "0"))
Fields = dict[str, Any]

STRANGE: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**63,
    10**4299,
    1.5,
    float("inf"),
    float("nan"),
    "",
    " ",
    "\0",
    "\ud800",
    "\u2028",
    "x" * 70_000,
    "1" * 5_000,
    "2024-02-30",
    "\r\n\f\x0b",
    "[]",
    "{}",
    "[" * 5_000,
    '{"a": ' * 500,
    '["print(1)"]',
    "def f(x:\n",
    "def f(x):\n\treturn x\n        y\n",
    "(" * 300,
    "if 1:\n" * 120,
    "class Solution:\n  pass",
    "f'{'",
    "assert f(1) == 2",
    "def check(candidate):\n    pass",
    '{"inputs": [[1]], "outputs": [1], "fn_name": "f"}',
    [],
    {},
    [[]],
    [None],
    [[None]],
    {"": None},
    {"inputs": [], "outputs": []},
    {"inputs": [1], "outputs": [[]], "fn_name": "f"},
    {"kind": []},
    {"kind": "stdio", "cases": [{}]},
    {"kind": "calls", "entry_point": "f", "cases": [{"input": "1)(2", "output": "[" * 300}]},
)
PICKLES: tuple[Any, ...] = (
    "[]",
    "[{}]",
    "[" * 5_000,
    "\ud800",
    [{"input": "1"}],
    [[1]],
    {1, 2},
    b"x",
    None,
    Path("x"),
)


def packed(draw: random.Random) -> str:
    """Something in LiveCodeBench's wrapping, often damaged in one of its layers."""
    data = damaged(draw, pickle.dumps(draw.choice(PICKLES), draw.randrange(6)), 0.3)
    return base64.b64encode(damaged(draw, zlib.compress(data), 0.3)).decode()


def damaged(draw: random.Random, data: bytes, chance: float) -> bytes:
    """Bytes changed, lost or added, with this chance."""
    if draw.random() >= chance or not data:
        return data
    at = draw.randrange(len(data))
    return draw.choice(
        (
            data[:at],
            data[:at] + draw.randbytes(draw.randrange(1, 9)) + data[at + 1 :],
            data[:at] + data[at:] * 2,
            data[at:],
        )
    )


def mutated(draw: random.Random, value: Any, depth: int = 0) -> Any:
    """The value with something in it replaced, removed, doubled or renamed."""
    if draw.random() < 0.25 or depth > 6:
        return packed(draw) if draw.random() < 0.1 else draw.choice(STRANGE)
    if isinstance(value, dict) and value:
        key = draw.choice(list(value))
        changed = {**value, key: mutated(draw, value[key], depth + 1)}
        if draw.random() < 0.15:
            del changed[key]
        if draw.random() < 0.1:
            changed[draw.choice(["", "id", "tests", "solutions", "\ud800", key + "s"])] = draw.choice(STRANGE)
        return changed
    if isinstance(value, list) and value:
        at = draw.randrange(len(value))
        return value[:at] + [mutated(draw, value[at], depth + 1)] * draw.randrange(3) + value[at + 1 :]
    if isinstance(value, str) and value:
        if value[0] in "[{" and draw.random() < 0.5:
            try:
                return json.dumps(mutated(draw, json.loads(value), depth + 1))
            except (ValueError, RecursionError):
                return value[1:]
        return damaged(draw, value.encode(errors="surrogatepass"), 1.0).decode(errors="replace")
    return draw.choice(STRANGE)


def rows_of(draw: random.Random, rows: list[Fields]) -> list[Any]:
    """Some good rows, some mutated ones, some twice."""
    chosen = draw.choices(rows, k=draw.randrange(1, 5))
    return [row if draw.random() < 0.3 else mutated(draw, row) for row in chosen]


def as_lines(draw: random.Random, rows: list[Any], folder: Path) -> Path:
    path = folder / draw.choice(["p.jsonl", "p.jsonl.gz"])
    data = damaged(draw, "\n".join(map(json.dumps, rows)).encode(), 0.2)
    path.write_bytes(damaged(draw, gzip.compress(data), 0.2) if path.suffix == ".gz" else data)
    return path


def as_json(draw: random.Random, rows: list[Any], folder: Path) -> Path:
    path = folder / "p.json"
    whole: Any = rows if draw.random() < 0.6 else {str(index): row for index, row in enumerate(rows)}
    path.write_bytes(damaged(draw, json.dumps(whole, indent=draw.choice([None, 1])).encode(), 0.3))
    return path


def as_table(draw: random.Random, rows: list[Any], folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / "p.parquet"
    try:
        pq.write_table(pa.Table.from_pylist([row for row in rows if isinstance(row, dict)] or [{}]), path)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError, TypeError, ValueError):
        path.write_bytes(draw.randbytes(40))  # columns of two types, values that Arrow has no type for
    path.write_bytes(damaged(draw, path.read_bytes(), 0.2))
    return path


def as_apps_folders(draw: random.Random, rows: list[Any], folder: Path) -> Path:
    files = ("question.txt", "input_output.json", "solutions.json", "metadata.json", "starter_code.py")
    root = folder / "apps"
    part = draw.choice(["", "train", "test"])
    for number, row in enumerate(rows):
        place = root / part / f"{number:04d}"
        place.mkdir(parents=True)
        values = list(row.values()) if isinstance(row, dict) else [row]
        for file in files:
            if draw.random() < 0.85 or (number == 0 and file == files[0]):  # else it is a folder of another kind
                value = draw.choice([*values, "Print x.", {"inputs": ["a"], "outputs": ["a"]}, ["print(1)"]])
                text = value if isinstance(value, str) and draw.random() < 0.5 else json.dumps(value)
                (place / file).write_bytes(damaged(draw, text.encode(errors="surrogatepass"), 0.1))
    return root


Form = Callable[[random.Random, list[Any], Path], Path]
FORMS: tuple[Form, ...] = (as_lines, as_lines, as_json, as_table, as_apps_folders)


def outcome(draw: random.Random, source: Path, name: str, folder: Path) -> None:
    """Read it as a user might, and do with the problems what comes next; only ``InputError`` may come out."""
    aside: list[Fields] = []
    try:
        problems = list(
            read(
                str(source),
                format=draw.choice(["auto", name, name]),
                normalize_indent=draw.choice(["spaces4", "tab", "keep"]),
                skip_invalid=draw.random() < 0.7,
                quarantine=aside.append,
                select=Select(difficulty=("easy",)) if draw.random() < 0.1 else None,
            )
        )
        assert all(isinstance(problem, Problem) for problem in problems)
        for problem in problems:
            enumeration(problem.solutions[0] if problem.solutions else "")
        with problem_writer(folder / draw.choice(["out.jsonl", "out.parquet"])) as write:
            for problem in problems:
                write(problem)
    except InputError as error:
        message = str(error)
    else:
        message = "read"
    assert len(message.splitlines()) == 1, message
    json.dumps(aside).encode()


@pytest.mark.parametrize("name", FORMATS)
def test_malformed_files_are_messages_or_problems(name: str, fixtures: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (fixtures / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    deadline = time.monotonic() + SECONDS / len(FORMATS)
    for seed in itertools.count(FIRST_SEED):
        draw = random.Random(f"{name} {seed}")
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            outcome(draw, draw.choice(FORMS)(draw, rows_of(draw, rows), folder), name, folder)
        except Exception as error:
            raise AssertionError(f"PRLCODER_FUZZ_SEED={seed} makes the file again: {folder}") from error
        if time.monotonic() > deadline:
            break
