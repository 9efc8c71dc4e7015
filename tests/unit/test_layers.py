"""The rooms of ``docs/architecture.md``: who may import whom, and one meaning per public class name."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (ROOT / "services" / "prlcoder", ROOT / "operator" / "prlcoder")

# From the lowest layer to the highest. A room imports rooms of lower layers only, and never another of its own layer.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "lru_cache", "text"),
    ("files", "signals", "storage"),
    ("telemetry",),
    ("spec", "rpc"),
    ("segmenter",),
    ("problems",),
    ("executor",),
    ("mutator",),
    ("modeling",),
    ("prm", "policy"),
    ("segmenter/serving",),  # the mutator's and the PRM's services use its messages
    ("executor/serving", "mutator/serving", "prm/serving", "policy/serving"),
    ("stages",),
    ("supervision",),
    ("training",),
    ("evaluation",),
    ("report",),
    ("runs",),
    ("adapters", "chart", "cli", "operator"),
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}


def modules() -> dict[str, Path]:
    """Every module of the project by its dotted name; a package by the name of its folder."""
    found = {}
    for folder in SOURCES:
        for path in folder.rglob("*.py"):
            parts = ("prlcoder", *path.relative_to(folder).with_suffix("").parts)
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imported(path: Path) -> Iterator[str]:
    """Every ``prlcoder`` module that a file imports, also inside functions and under ``TYPE_CHECKING``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("prlcoder."))
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise AssertionError(f"{path}: relative imports hide the room; write the whole name")
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "prlcoder":
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module


def room_of(module: str) -> str:
    """``prlcoder.executor.serving.http`` stands in the room ``executor/serving``."""
    parts = module.split(".")[1:]
    return "/".join(parts[:2]) if parts[1:2] == ["serving"] else parts[0]


def dependencies() -> dict[str, set[str]]:
    """The imports of each module, the generated protocol buffers left out."""
    return {
        module: {name for name in imported(path) if not name.startswith("prlcoder.v1") and name != module}
        for module, path in MODULES.items()
    }


def violation(module: str, target: str) -> str | None:
    """Why ``module`` may not import ``target``, or None if it may."""
    here, there = room_of(module), room_of(target)
    if here == there or LEVEL[there] < LEVEL[here]:
        return None
    return f"{module} may not import {target}: {here} is no higher than {there}"


def test_every_module_stands_in_a_room() -> None:
    assert {room_of(module) for module in MODULES} - LEVEL.keys() == set()


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_the_pages_show_these_layers(page: str) -> None:
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    rows = [line.strip().strip("|").split("|") for line in lines if re.match(r"\s*\| \d+ \|", line)]
    assert [int(row[0]) for row in rows] == list(range(len(LAYERS)))
    shown = [tuple(re.findall(r"`([^`]+)`", row[1])) for row in rows]
    assert shown == list(LAYERS), f"change the table of {page} with LAYERS"


def test_no_room_imports_a_higher_one_or_its_neighbour() -> None:
    found = [violation(module, target) for module, targets in dependencies().items() for target in sorted(targets)]
    assert [reason for reason in found if reason] == []


def test_no_module_imports_itself_through_others() -> None:
    assert circle({module: {t for t in targets if t in MODULES} for module, targets in dependencies().items()}) == []


@pytest.mark.parametrize(
    ("module", "target", "allowed"),
    [
        ("prlcoder.prm.serving.live", "prlcoder.training.losses", False),
        ("prlcoder.spec.training", "prlcoder.runs.engine", False),
        ("prlcoder.prm.items", "prlcoder.policy.sampling", False),
        ("prlcoder.mutator.serving.client", "prlcoder.segmenter.serving.messages", True),
        ("prlcoder.executor.serving.http", "prlcoder.executor.verdicts", True),
        ("prlcoder.executor.judging.calls", "prlcoder.executor.comparison", True),
    ],
)
def test_the_rule_itself(module: str, target: str, allowed: bool) -> None:
    assert (violation(module, target) is None) == allowed


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["b", "c"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def circle(edges: Mapping[str, set[str]]) -> list[str]:
    """The modules of the first import circle, sorted; empty if there is none."""
    finished: set[str] = set()

    def search(module: str, trail: list[str]) -> list[str]:
        if module in trail:
            return sorted(trail[trail.index(module) :])
        if module in finished:
            return []
        for target in sorted(edges[module]):
            if found := search(target, [*trail, module]):
                return found
        finished.add(module)
        return []

    return next((found for module in sorted(edges) if (found := search(module, []))), [])


def test_a_public_class_name_is_defined_once() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for module, path in MODULES.items():
        for name in class_names(ast.parse(path.read_text(encoding="utf-8"))):
            places[name].append(module)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def class_names(tree: ast.Module) -> Iterator[str]:
    """Public classes and type aliases (names in capitalised words) of a module."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        else:
            names = []
        yield from (name for name in names if name[0].isupper() and not name.isupper() and "_" not in name)
