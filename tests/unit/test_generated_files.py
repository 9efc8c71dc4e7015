"""Files that are generated from the code are up to date."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GENERATED = {
    "docs/reference/trainingrun.md": "prlcoder.spec.reference",
    "docs/reference/cli.md": "prlcoder.cli.reference",
    "docs/reference/metrics.md": "prlcoder.telemetry.reference",
    "docs/reference/values.md": "prlcoder.chart.values_reference",
    "charts/prlcoder/values.yaml": "prlcoder.chart.values_file",
    "charts/prlcoder/values.schema.json": "prlcoder.chart.values_schema",
    "charts/prlcoder/files/alerts.yaml": "prlcoder.chart.alerts",
    "charts/prlcoder/files/trainingruns.yaml": "prlcoder.spec.crd",
}
"""Each file, and the module whose ``page()`` is its content."""


@pytest.mark.parametrize("path", GENERATED)
def test_a_generated_file_is_up_to_date(path: str) -> None:
    module = GENERATED[path]
    current = importlib.import_module(module).page()
    assert (ROOT / path).read_text(encoding="utf-8") == current, f"run: python -m {module} > {path}"
