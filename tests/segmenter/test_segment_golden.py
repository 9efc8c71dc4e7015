"""A program that uses most of Python's statements, cut in both modes as kept in ``golden/``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from prlcoder.cli.main import main

GOLDEN = Path(__file__).parent / "golden"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "segmentation.md"


@pytest.mark.parametrize("mode", ["line", "block"])
def test_the_golden_program_is_cut_as_before(
    mode: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(GOLDEN / "shortest_path.py.txt", tmp_path / "shortest_path.py")
    monkeypatch.chdir(tmp_path)
    assert main(["segment", "shortest_path.py", "--mode", mode]) == 0
    assert capsys.readouterr().out == (GOLDEN / f"shortest_path.{mode}.txt").read_text(encoding="utf-8")


def test_the_documentation_shows_the_golden_program() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name in ("shortest_path.line.txt", "shortest_path.block.txt"):
        assert (GOLDEN / name).read_text(encoding="utf-8") in page
