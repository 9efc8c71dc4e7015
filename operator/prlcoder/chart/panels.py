"""Panels and variables of Grafana dashboards, as Grafana's JSON model. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

SCHEMA_VERSION: Final = 39  # of Grafana 10.4's JSON model, which later versions migrate
PANEL_WIDTH, PANEL_HEIGHT, GRID_WIDTH = 12, 8, 24
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True)
class TimeSeriesPanel:
    """One diagram over time. ``queries`` maps each legend (with Grafana's ``{{label}}``) to its PromQL expression;
    ``unit`` is one of Grafana's; ``meaning`` is shown at the panel's corner."""

    title: str
    meaning: str
    unit: str
    queries: Mapping[str, str]
    floor: int | None = 0  # lower end of the axis; None where values may be negative


@dataclass(frozen=True)
class QueryVariable:
    """A variable whose values are those of a label, as in ``label_values(metric, label)``. ``regex`` takes a part."""

    name: str
    metric: str
    label: str
    regex: str = ""


def dashboard(uid: str, title: str, variables: Sequence[QueryVariable], panels: Sequence[TimeSeriesPanel]) -> Any:
    """A dashboard of two panels per row, with the data source as its first variable."""
    source = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    return {
        "uid": uid,
        "title": title,
        "tags": ["prlcoder"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "utc",
        "templating": {"list": [source, *map(_variable, variables)]},
        "panels": [_panel(number, panel) for number, panel in enumerate(panels)],
    }


def _variable(variable: QueryVariable) -> dict[str, Any]:
    query = f"label_values({variable.metric}, {variable.label})"
    return {
        "name": variable.name,
        "label": variable.name.capitalize(),
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": variable.name},
        "regex": variable.regex,
        "refresh": 2,  # whenever the time range changes
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panel(number: int, panel: TimeSeriesPanel) -> dict[str, Any]:
    row, column = divmod(number, GRID_WIDTH // PANEL_WIDTH)
    targets = [
        {"refId": chr(ord("A") + index), "datasource": _SOURCE, "expr": expression, "legendFormat": legend}
        for index, (legend, expression) in enumerate(panel.queries.items())
    ]
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.meaning,
        "datasource": _SOURCE,
        "gridPos": {"x": column * PANEL_WIDTH, "y": row * PANEL_HEIGHT, "w": PANEL_WIDTH, "h": PANEL_HEIGHT},
        "fieldConfig": {"defaults": _axis(panel), "overrides": []},
        "targets": targets,
    }


def _axis(panel: TimeSeriesPanel) -> dict[str, Any]:
    return {"unit": panel.unit} | ({} if panel.floor is None else {"min": panel.floor})
