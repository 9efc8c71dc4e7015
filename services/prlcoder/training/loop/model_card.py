"""Model cards: the README of a model folder, with its origin, settings and measurements."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from prlcoder.training.loop.job import Job


def model_card(job: Job, *, title: str, base: str, pipeline: str, facts: Mapping[str, float | int | str]) -> str:
    """The text of the README, beginning with the front matter that model hubs read."""
    origin = Path(base).name if Path(base).is_dir() else base
    settings = job.section.model_dump(by_alias=True, exclude={"from_", "controls"})
    rows = [*settings.items(), ("seed", job.seed), ("promptTemplate", job.template.name), ("dtype", job.dtype)]
    if job.peft is not None:
        rows += [(f"peft.{name}", value) for name, value in job.peft.model_dump(by_alias=True).items()]
    lines = [
        "---",
        *(["library_name: peft", f"base_model: {origin}"] if job.publishes_adapter else ["library_name: transformers"]),
        f"pipeline_tag: {pipeline}",
        "tags: [prlcoder, code]",
        "---",
        "",
        f"# {title}",
        "",
        f"Made by PRLCoder, training `{job.name}`, from `{origin}`.",
        "",
        "| setting | value |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows),
        "",
        "| measured | value |",
        "|---|---|",
        *(f"| {name} | {_shown(value)} |" for name, value in facts.items()),
        "",
        "The prompt format is named in `prompt_template.json`; `training_log.json` holds the loss curve.",
        "",
    ]
    return "\n".join(lines)


def _shown(value: float | int | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
