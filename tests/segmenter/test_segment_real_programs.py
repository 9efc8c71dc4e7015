"""Both modes on every canonical solution of the published problem sets, and on Python's own sources."""

from __future__ import annotations

import ast
import gzip
import io
import json
import sysconfig
import tokenize
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prlcoder.segmenter import segment
from prlcoder.segmenter.lines import logical_lines

SETS: dict[str, tuple[int, Callable[[dict[str, Any]], str]]] = {
    "HumanEval": (164, lambda row: row["prompt"] + row["canonical_solution"]),
    "mbpp": (974, lambda row: row["code"]),
    "LeetCodeDataset-v0.2.0-train": (1890, lambda row: row["completion"]),
    "LeetCodeDataset-v0.3.0-test": (386, lambda row: row["completion"]),
}


def tokenized_lines(source: str) -> list[int]:
    """1-based numbers of the physical lines on which ``tokenize`` begins a logical line."""
    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    numbers, fresh = [], True
    for token in tokenize.generate_tokens(io.StringIO(source, newline=None).readline):
        if token.type in skipped:
            continue
        if fresh:
            numbers.append(token.start[0])
        fresh = token.type == tokenize.NEWLINE
    return numbers


def check(source: str) -> None:
    lines = logical_lines(source)
    assert lines.numbers == tokenized_lines(source)
    allowed = set(lines.offsets)
    boundaries = {}
    for mode in ("line", "block"):
        pieces = segment(source, mode)
        assert "".join(piece.text for piece in pieces) == source
        assert all(piece.text.strip() for piece in pieces)
        boundaries[mode] = {piece.start for piece in pieces}
    assert boundaries["block"] <= boundaries["line"] <= allowed


@pytest.mark.parametrize("name", SETS)
def test_every_canonical_solution_is_cut_at_logical_lines(name: str, shared_data: Path) -> None:
    count, program = SETS[name]
    with gzip.open(shared_data / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        sources = [program(json.loads(line)) for line in file]
    assert len(sources) == count
    for source in sources:
        check(source)


def test_pythons_own_sources_are_cut_at_logical_lines() -> None:
    folder = Path(sysconfig.get_path("stdlib"))
    paths = [*sorted(folder.glob("*.py")), *folder.glob("asyncio/*.py"), *folder.glob("test/test_*string*.py")]
    checked = 0
    for path in paths[::3]:
        source = path.read_text(encoding="utf-8")
        if ast.parse(source).body:
            check(source)
            checked += 1
    assert checked > 30
