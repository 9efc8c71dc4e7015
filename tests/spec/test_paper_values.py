"""``docs/paper.md`` lists every value of the paper; the manifests in ``examples/paper`` have these values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from prlcoder.spec import manifest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "paper"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def stated() -> list[tuple[str, str, str]]:
    """Manifest, field and value of each row of the page's table ``Every value``."""
    section = (ROOT / "docs" / "paper.md").read_text("utf-8").partition("## Every value")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")][1:]
    cells = [[cell.strip() for cell in row] for row in rows]
    return [
        (name, field.strip("`"), value.strip("`"))
        for _, _, _, names, field, value in cells
        for name in (NAMES if names == "all" else names.split(", "))
    ]


def at(data: Any, field: str) -> Any:
    """The value at a path such as ``stages.sft.resources.limits.nvidia.com/gpu``."""
    if field in ("", None):
        return data
    if isinstance(data, dict) and field in data:
        return data[field]
    head, _, rest = field.partition(".")
    return at(data[int(head)] if isinstance(data, list) else data[head], rest)


@pytest.mark.parametrize(("name", "field", "value"), stated(), ids=lambda part: part)
def test_a_manifest_has_the_papers_value(name: str, field: str, value: str) -> None:
    spec = manifest.load(FOLDER / f"{name}.yaml").spec.model_dump(mode="json", by_alias=True)
    expected = yaml.safe_load(value)
    found = at(spec, field)
    assert found == (float(expected) if isinstance(found, float) else expected)


def test_every_manifest_of_the_paper_is_on_the_page() -> None:
    text = (ROOT / "docs" / "paper.md").read_text("utf-8")
    assert {name for name, _, _ in stated()} == set(NAMES)
    assert [name for name in NAMES if f"`examples/paper/{name}.yaml`" not in text] == []
