"""The tree of exceptions in ``prlcoder.errors`` is the tree of the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from prlcoder import errors

ROOT = Path(__file__).resolve().parents[2]


def test_the_documented_tree_is_that_of_the_code() -> None:
    bases = {
        node.name: [base.id for base in node.bases if isinstance(base, ast.Name)]
        for path in (ROOT / "services" / "prlcoder").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }

    def tree(name: str, depth: int) -> dict[str, int]:
        below = [child for child, parents in bases.items() if name in parents]
        return {name: depth} | {key: value for child in below for key, value in tree(child, depth + 1).items()}

    documented = re.findall(r"^    ([ |]*)(?:\+-- )?(\w+Error)\b", errors.__doc__ or "", flags=re.MULTILINE)
    drawn = {name: len(indent) // 4 + (name != "PrlcoderError") for indent, name in documented}
    assert drawn == tree("PrlcoderError", 0)
