"""The page ``docs/reference/values.md``: ``python -m prlcoder.chart.values_reference > docs/reference/values.md``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from prlcoder.chart.values import ChartValues, ServiceValues, ValuesSection

_HEAD = """\
# Values of the Helm chart

Every value of `charts/prlcoder` with its type, its default and its meaning. This page, `values.yaml` and
`values.schema.json` are generated from `operator/prlcoder/chart/values.py`; a test compares them. Helm refuses unknown
names and wrong types. [Kubernetes](../kubernetes.md#install) shows values for clusters with GPUs.
"""

_FIRST_SERVICE = "segmenter"


def page() -> str:
    """The page in Markdown: a table per section. The services after the first show only what differs from it."""
    own = [("", ChartValues())]
    sections = [(name, value) for name, value in _fields(ChartValues()) if isinstance(value, ValuesSection)]
    return _HEAD + "\n" + "\n".join(_section(name, section) for name, section in own + sections)


def _section(name: str, section: ValuesSection) -> str:
    title = f"## {name}\n\n{type(section).__doc__}\n" if name else "## At the top\n"
    note = ""
    if isinstance(section, ServiceValues) and name != _FIRST_SERVICE:
        note = f"\nIt has every value of [{_FIRST_SERVICE}](#{_FIRST_SERVICE}), and these that are its own or differ:\n"
    rows = [row for row in _rows(name, section) if not note or row not in _first_rows(name)]
    return "\n".join([title + note, "| value | type | default | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _first_rows(name: str) -> set[str]:
    """The rows of the first service as they would read for the service ``name``."""
    return set(_rows(name, ServiceValues()))


def _rows(path: str, section: ValuesSection) -> Iterator[str]:
    for key, value in _fields(section):
        where = f"{path}.{key}" if path else key
        field = next(f for n, f in type(section).model_fields.items() if (f.alias or n) == key)
        if isinstance(value, ValuesSection):
            if path:
                yield from _rows(where, value)
        else:
            meaning = " ".join((_description(section, key, field)).split()).replace("|", "\\|")
            yield f"| `{where}` | {_type(section, key)} | `{json.dumps(value)}` | {meaning} |"


def _fields(section: ValuesSection) -> Iterator[tuple[str, Any]]:
    for name, field in type(section).model_fields.items():
        yield field.alias or name, getattr(section, name)


def _description(section: ValuesSection, key: str, field: FieldInfo) -> str:
    """The meaning of a field; a field whose default a subclass changes keeps the meaning of the class above."""
    if field.description:
        return field.description
    for parent in type(section).__mro__[1:]:
        found = next((f for n, f in getattr(parent, "model_fields", {}).items() if (f.alias or n) == key), None)
        if found is not None and found.description:
            return str(found.description)
    return ""


def _type(section: ValuesSection, key: str) -> str:
    """The type in words, from the JSON schema of the section."""
    schema = type(section).model_json_schema(by_alias=True)["properties"][key]
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    words = {"object": "map", "array": "list", "boolean": "true or false", "string": "text", "integer": "integer"}
    return words[schema["type"]]


if __name__ == "__main__":
    print(page(), end="")
