"""The page ``docs/reference/metrics.md``, made of the metrics' definitions:

python -m prlcoder.telemetry.reference > docs/reference/metrics.md
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import prlcoder
from prlcoder.telemetry.metrics import HistogramMetric, MetricDefinition

_HEAD: Final = """\
# Metrics

Prometheus metrics that PRLCoder's processes serve at `/metrics`. Servers use their `--metrics-port`. The pods of stages
use port 9400 (`PRLCODER_PROGRESS_PORT`; on one machine a stage serves nothing unless it is set). The operator uses the
port in `PRLCODER_OPERATOR_METRICS_PORT`. This page is generated from the definitions in the code
(`python -m prlcoder.telemetry.reference`); a test compares the two.

"Absent" says when a scrape does not contain the metric. A metric with labels has one series per combination of labels,
from the moment when that combination first occurs. Each server also has the metrics of its process, as every Python
client of Prometheus gives them: `process_*` and `python_*`.
"""


def metric_definitions() -> list[MetricDefinition]:
    """The metrics of every module whose name ends in ``metrics``, in the order of their modules and definitions."""
    return [metric for name in sorted(set(_module_names())) for metric in _defined_in(name)]


def _module_names() -> Iterator[str]:
    """The modules are found by their files, because no room below may import them."""
    for folder in prlcoder.__path__:  # one folder per part of the distribution
        for path in Path(folder).rglob("*metrics.py"):
            yield ".".join(("prlcoder", *path.relative_to(folder).with_suffix("").parts))


def _defined_in(module: str) -> list[MetricDefinition]:
    return [value for value in vars(importlib.import_module(module)).values() if isinstance(value, MetricDefinition)]


def page(metrics: Iterable[MetricDefinition] | None = None) -> str:
    """The page in Markdown: a table of the metrics (by default all), then each one's labels and buckets."""
    metrics = metric_definitions() if metrics is None else list(metrics)
    rows = [f"| [`{one.exposed_name}`](#{one.exposed_name}) | {one.kind} | {one.unit} |" for one in metrics]
    table = "\n".join(["| metric | kind | unit |", "|---|---|---|", *rows])
    return "\n".join([_HEAD, table, *map(_section, metrics)]) + "\n"


def _section(metric: MetricDefinition) -> str:
    lines = [f"\n## {metric.exposed_name}\n", metric.help, ""]
    lines += [f"- Kind: {metric.kind}. Unit: {metric.unit}.", f"- Absent: {metric.absent or _default_absence(metric)}."]
    lines += [f"- Label `{name}`: {meaning}." for name, meaning in metric.labels.items()]
    if isinstance(metric, HistogramMetric):
        lines.append(f"- Buckets: {', '.join(f'{bound:g}' for bound in metric.buckets)}.")
    return "\n".join(lines)


def _default_absence(metric: MetricDefinition) -> str:
    return "until its labels first occur" if metric.labels else "never"


if __name__ == "__main__":
    print(page(), end="")
