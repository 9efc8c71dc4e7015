"""The chart's ``values.schema.json``: ``python -m prlcoder.chart.values_schema > charts/prlcoder/values.schema.json``.

Helm refuses a value with an unknown name or a wrong type by this schema, and names the value.
"""

from __future__ import annotations

import json
from typing import Any

from prlcoder.chart.values import ChartValues


def page() -> str:
    """The schema as JSON, by draft 7 of JSON Schema."""
    schema = _plain(ChartValues.model_json_schema(by_alias=True))
    return json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", **schema}, indent=2) + "\n"


def _plain(node: Any) -> Any:
    """Without titles and defaults: ``values.yaml`` has the defaults. Keys of ``properties`` are names, not keywords."""
    if isinstance(node, list):
        return [_plain(one) for one in node]
    if not isinstance(node, dict):
        return node
    kept = {key: value for key, value in node.items() if key not in ("title", "default")}
    if "$ref" in kept:
        return {"$ref": kept["$ref"]}  # draft 7 ignores what stands beside a reference
    return {
        key: {name: _plain(one) for name, one in value.items()} if key in ("properties", "$defs") else _plain(value)
        for key, value in kept.items()
    }


if __name__ == "__main__":
    print(page(), end="")
