"""Builds the page: reads a run folder and writes one HTML file."""

from __future__ import annotations

import base64
import hashlib
from functools import partial
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from prlcoder.files import atomic_output
from prlcoder.report import names, needs
from prlcoder.report.curves import heading, panels
from prlcoder.report.headline import headline
from prlcoder.report.inputs import RunFiles, load
from prlcoder.report.records import ReportedSplits
from prlcoder.report.results import results
from prlcoder.report.reward import HEADINGS, measured_sets
from prlcoder.report.scales import duration, percent, points
from prlcoder.report.supervision import statistics
from prlcoder.report.timings import finished_at, stage_rows, total_seconds, unfinished
from prlcoder.report.trust import sentences
from prlcoder.report.updates import rl_report
from prlcoder.report.viewer import viewer_data


def build(run_folder: Path) -> Path:
    """Write ``report.html`` into a run folder and return its path.

    It reads only that folder. The page of an unfinished run names the stages that are missing. Raises ``InputError`` if
    the folder is not a run folder or a file in it is damaged, and ``WorkError`` if the page cannot be written.
    """
    page = render(load(run_folder))
    path = run_folder / "report.html"
    with atomic_output(path) as file:
        file.write(page)
    return path


def render(run: RunFiles) -> str:
    """The whole page as text."""
    names.trained_by(run.manifest.spec.algorithm)
    style, script = _asset("style.css"), _asset("viewer.js")
    environment = Environment(autoescape=True, trim_blocks=True, undefined=StrictUndefined)
    text = environment.from_string(_asset("template.html")).render(
        _sections(run),
        policy=content_policy(style, script),
        style=Markup(style),
        script=Markup(script),
        version=version("prlcoder"),
        percent=percent,
        points=points,
        plain=names.plain,
        unfinished=partial(unfinished, run.state),
    )
    return text.encode("utf-8", "backslashreplace").decode("utf-8")  # a lone surrogate is not UTF-8


def content_policy(style: str, script: str) -> str:
    """A content security policy under which only this page's own style and script run and nothing is fetched."""
    allowed = "script-src {}; style-src {}".format(*(_digest(text) for text in (script, style)))
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def _asset(name: str) -> str:
    return files("prlcoder.report").joinpath(name).read_text(encoding="utf-8")


def _sections(run: RunFiles) -> dict[str, Any]:
    summary, state, viewer = run.summary, run.state, viewer_data(run.programs)
    summaries = [one for one in (summary, *run.further) if one]
    return {
        "name": run.manifest.metadata.name,
        "facts": facts(run),
        "headline": headline(summary, run.samples) if summary else None,
        "benchmarks": [results(one) for one in summaries],
        "viewer": viewer,
        "problems": max(viewer.total, sum(_sizes(run.splits)) if run.splits else 0),
        "curves": [(heading(name), plots) for name, plots in panels(run.logs).items()],
        "rl": rl_report(run.updates, run.rollouts),
        "has_validation": any("eval_loss" in row for rows in run.logs.values() for row in rows),
        "trust": [text for one in summaries for text in sentences(one, run.step_figures[one.benchmark])],
        "has_reward": state is not None and "reward" in state.stages,
        "reward_headings": HEADINGS,
        "reward": [
            group
            for one in summaries
            for group in measured_sets(one.benchmark, run.step_figures[one.benchmark], one.leak)
        ],
        "supervision": statistics(run.supervision, run.samples.verdicts) if run.supervision else None,
        "stages": stage_rows(state) if state else (),
        "need_headings": needs.HEADINGS,
        "needs": needs.need_rows(run.estimate, state),
        "manifest": run.manifest_text,
    }


def facts(run: RunFiles) -> list[tuple[str, str]]:
    """The facts that identify the run, as (title, value) for the page's head; unknown ones are left out."""
    spec, state, splits = run.manifest.spec, run.state, run.splits
    found: list[tuple[str, str | None]] = [
        ("Model", _model(spec.model)),
        ("Problems", spec.problems.source),
        ("Train / validation / test", " / ".join(map(str, _sizes(splits))) if splits else None),
        ("Segmentation", spec.segmentation),
        ("Seed", str(spec.seed)),
        ("Finished", f"{finished_at(state):%Y-%m-%d %H:%M} UTC" if state and finished_at(state) else None),
        ("Total time", duration(total_seconds(state)) if state else None),
        ("Spec digest", hashlib.sha256(run.manifest_text.encode()).hexdigest()[:12]),
    ]
    return [(title, value) for title, value in found if value is not None]


def _sizes(splits: ReportedSplits) -> tuple[int, int, int]:
    return len(splits.train), len(splits.validation), len(splits.test)


def _model(model: dict[str, Any]) -> str:
    scratch = model.get("scratch")
    return f"{scratch.get('preset', 'nano')}, from scratch" if isinstance(scratch, dict) else str(model.get("path", ""))
