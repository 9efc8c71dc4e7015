"""The reference page of the manifest is that of the models."""

from __future__ import annotations

from pathlib import Path

from prlcoder.spec.reference import page

ROOT = Path(__file__).resolve().parents[2]


def test_the_trainingrun_page_is_the_models() -> None:
    assert (ROOT / "docs" / "reference" / "trainingrun.md").read_text() == page()
