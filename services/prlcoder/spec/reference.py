"""Prints the reference page of the TrainingRun, generated from the models: ``python -m prlcoder.spec.reference``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from prlcoder.spec.section import Section
from prlcoder.spec.supervision import RulesTeacher
from prlcoder.spec.trainingrun import Spec

HEADER = """# TrainingRun (`prlcoder.dev/v1alpha1`)

This page lists every field with its values, its default and its meaning. `python -m prlcoder.spec.reference >
docs/reference/trainingrun.md` generates it from `services/prlcoder/spec/`, and a test checks that it is up to date.
A section that is left out is a stage that is left out. Unknown fields are refused.
`prlcoder validate FILE` checks a manifest, and `--set spec.seed=1` sets a field from the command line.
"""


def page() -> str:
    """The whole page, as Markdown."""
    sections = [_section("spec", Spec)]
    seen: set[type[Section]] = {Spec}
    queue = list(_children("spec", Spec))
    while queue:
        path, model = queue.pop(0)
        if model not in seen:
            seen.add(model)
            sections.append(_section(path, model))
            queue.extend(_children(path, model))
    return HEADER + "\n" + "\n".join(sections)


def _section(path: str, model: type[Section]) -> str:
    lines = [
        f"## `{path}`",
        "",
        _one_line(model.__doc__ or ""),
        "",
        "| field | values | default | meaning |",
        "|---|---|---|---|",
    ]
    for name, info in model.model_fields.items():
        meaning = _one_line(info.description or "").replace("|", "\\|")
        cells = (f"`{info.alias or name}`", _values(info.annotation, info), _default(info), meaning)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _children(path: str, model: type[Section]) -> Iterator[tuple[str, type[Section]]]:
    for name, info in model.model_fields.items():
        for part in _models(info.annotation):
            yield f"{path}.{info.alias or name}", part


def _models(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _values(annotation: Any, info: FieldInfo | None = None) -> str:
    bounds = ", ".join(_bound(item) for item in (info.metadata if info else []) if _bound(item))
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner = FieldInfo.from_annotation(annotation)
        return _values(arguments[0], inner)
    if origin is Literal:
        text = " \\| ".join(f"`{value}`" for value in arguments)
    elif origin in (Union, UnionType):
        text = " or ".join(_values(part) for part in arguments if part is not NoneType)
    elif origin is tuple:
        text = f"list of {_values(arguments[0])}"
    elif origin is dict:
        text = "map of strings"
    elif isinstance(annotation, type) and issubclass(annotation, Section):
        kind = annotation.model_fields.get("kind")
        one = kind is not None and kind.is_required() and len(get_args(kind.annotation)) == 1
        text = f"`kind: {get_args(kind.annotation)[0]}`" if kind and one else "section"
    else:
        text = {
            str: "text",
            int: "integer",
            float: "number",
            bool: "`true` \\| `false`",
            date: "day (`2024-12-31`)",
        }.get(annotation, "value")
    return f"{text} ({bounds})" if bounds else text


def _bound(item: Any) -> str:
    for name, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<")):
        if getattr(item, name, None) is not None:
            return f"{sign} {getattr(item, name):g}"
    return ""


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    if info.default is None:
        return "none"
    if isinstance(info.default, Section):
        return "see below"
    if isinstance(info.default, bool):
        return f"`{str(info.default).lower()}`"
    if isinstance(info.default, tuple):
        items = [part.kind if isinstance(part, RulesTeacher) else part for part in info.default]
        simple = all(isinstance(part, str | int) for part in items)
        return f"`[{', '.join(map(str, items))}]`" if simple else "see below"
    return f"`{info.default}`"


if __name__ == "__main__":
    print(page(), end="")
