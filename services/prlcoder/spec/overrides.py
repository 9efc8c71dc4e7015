"""Sets single fields of a manifest from the command line: ``--set a.b[0].c=value``."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import yaml

from prlcoder.errors import InputError, located
from prlcoder.spec.document import FieldPath, dotted

ROOTS = ("apiVersion", "kind", "metadata", "spec")
_PART = re.compile(r"([^.\[\]=]+)|\[(\d+)\]")


def parse(text: str) -> tuple[FieldPath, Any]:
    """Location and value of an override: ``"seed=1"`` gives ``(("spec", "seed"), 1)``. Values are YAML.

    Raises ``InputError`` if ``text`` is not ``FIELD=VALUE``.
    """
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise _refusal(text, None, "is not FIELD=VALUE", "write it as in --set spec.seed=1")
    if not re.fullmatch(rf"(?:{_PART.pattern})(?:\.?(?:{_PART.pattern}))*", path):
        raise _refusal(text, None, f"`{path}` is not a field's path", "write it as in spec.policy.controls[0].kind")
    parts: list[str | int] = [int(m[2] or m[1]) if (m[2] or m[1]).isdigit() else m[1] for m in _PART.finditer(path)]
    if parts[0] not in ROOTS:
        parts.insert(0, "spec")
    try:
        return tuple(parts), yaml.safe_load(value)
    except yaml.YAMLError:
        raise _refusal(text, dotted(tuple(parts)), "the value is not YAML", "quote it") from None


def apply(data: dict[str, Any], texts: list[str]) -> tuple[dict[str, Any], dict[FieldPath, str]]:
    """A copy of ``data`` with each override applied in turn, and the override by each location that it set.

    Missing or null sections on the way are created. Whether a field exists is checked later, against the schema.
    """
    result = copy.deepcopy(data)
    origins: dict[FieldPath, str] = {}
    for text in texts:
        location, value = parse(text)
        container = _container(result, location, text)
        _set_item(container, location, value, text)
        origins[location] = text
    return result, origins


def _container(data: Any, location: FieldPath, text: str) -> Any:
    current = data
    for depth, part in enumerate(location[:-1], start=1):
        following = _item(current, part, location[:depth], text)
        if following is None and isinstance(current, dict):
            following = current[part] = {}
        current = following
    return current


def _item(container: Any, part: str | int, location: FieldPath, text: str) -> Any:
    if isinstance(container, dict):
        return container.get(part)
    _check_index(container, part, location, text)
    return container[part]


def _set_item(container: Any, location: FieldPath, value: Any, text: str) -> None:
    if not isinstance(container, dict):
        _check_index(container, location[-1], location, text)
    container[location[-1]] = value


def _check_index(container: Any, part: str | int, location: FieldPath, text: str) -> None:
    outer = dotted(location[:-1])
    if not isinstance(container, list):
        raise _refusal(text, dotted(location), f"`{outer}` holds no fields", f"set {outer} as a whole")
    if not isinstance(part, int):
        raise _refusal(text, dotted(location), f"`{outer}` is a list", f"give an index, as in {outer}[0]")
    if part >= len(container):
        remedy = f"set {outer} as a whole" if not container else f"give an index up to {len(container) - 1}"
        raise _refusal(text, dotted(location), f"`{outer}` has {len(container)} items", remedy)


def _refusal(text: str, field: str | None, problem: str, remedy: str) -> InputError:
    return located(Path(f"--set {text}"), None, field, problem, remedy)
