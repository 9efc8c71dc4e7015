"""Reads a run folder. A missing file is None, because an unfinished run has a report, too. A damaged file raises an
``InputError`` that names file and field.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from prlcoder.errors import InputError, located
from prlcoder.files import parse_object, read_objects
from prlcoder.report.records import (
    CountTable,
    Manifest,
    ReportedEstimate,
    ReportedProgram,
    ReportedRollout,
    ReportedSplits,
    ReportedState,
    ReportedSupervision,
    ReportRecord,
    StepFigures,
    Summary,
)


@dataclass(frozen=True)
class Samples:
    """evaluation/samples.jsonl in summary. Samples without a verdict (the sandbox failed) are left out."""

    verdicts: dict[str, CountTable]  # policy → verdict → number of samples, greedy and sampled
    greedy: dict[str, dict[str, bool]]  # policy → problem id → whether its greedy program passed


@dataclass(frozen=True)
class RunFiles:
    """One run folder."""

    folder: Path
    manifest: Manifest
    manifest_text: str
    state: ReportedState | None
    splits: ReportedSplits | None
    summary: Summary | None
    supervision: ReportedSupervision | None
    programs: tuple[ReportedProgram, ...]
    samples: Samples
    logs: dict[str, tuple[dict[str, Any], ...]]
    updates: tuple[dict[str, Any], ...] = ()  # of a policy that was, or is being, trained by reinforcement learning
    rollouts: tuple[ReportedRollout, ...] = ()  # of some of these updates
    estimate: ReportedEstimate | None = None
    further: tuple[Summary, ...] = ()  # of the benchmarks after the first
    step_figures: dict[str, dict[str, StepFigures]] = field(default_factory=dict)
    """By benchmark, then by the keys of ``summary.json`` that lead to them, joined by ``/``."""


def load(folder: Path) -> RunFiles:
    """Read the files that exist. Raises ``InputError`` if ``folder`` is not a run folder or a file in it is damaged."""
    path = folder / "run.yaml"
    if not path.is_file():
        raise InputError(f"{folder}: not a run folder (it has no run.yaml); name a folder that `prlcoder run` wrote")
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise located(path, None, None, f"not YAML ({error.__class__.__name__})", "restore the file") from None
    first, *others = [folder / "evaluation" / "summary.json", *sorted((folder / "evaluation").glob("*/summary.json"))]
    summary = _json(Summary, first)
    further = tuple(_parse(Summary, _read_json(path), path) for path in others)
    evaluated = [(one, path) for one, path in zip((summary, *further), (first, *others), strict=True) if one]
    return RunFiles(
        folder=folder,
        manifest=_parse(Manifest, document, path),
        manifest_text=text,
        state=_json(ReportedState, folder / "state.json"),
        splits=_json(ReportedSplits, folder / "splits.json"),
        summary=summary,
        supervision=_json(ReportedSupervision, folder / "supervision" / "manifest.json"),
        programs=_programs(folder / "evaluation" / "steps.jsonl"),
        samples=_samples(folder / "evaluation" / "samples.jsonl"),
        logs=_logs(folder),
        updates=tuple(row for _, row in _records(_update_log(folder, "updates.jsonl"))),
        rollouts=_rollouts(_update_log(folder, "rollouts.jsonl")),
        estimate=_json(ReportedEstimate, folder / "estimate.json"),
        further=further,
        step_figures={one.benchmark: _step_figures(one.reward_model, path) for one, path in evaluated},
    )


T = TypeVar("T", bound=ReportRecord)


def _parse(kind: type[T], value: object, path: Path, line: int | None = None) -> T:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or None
        raise located(path, line, field, first["msg"], "was the file changed by hand?") from None


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise located(path, None, None, f"not JSON ({error})", "run the stage that writes it again") from None


def _json(kind: type[T], path: Path) -> T | None:
    return _parse(kind, _read_json(path), path) if path.is_file() else None


def _step_figures(tree: Mapping[str, Any], path: Path, keys: tuple[str, ...] = ()) -> dict[str, StepFigures]:
    """All sets of figures in ``reward_model``, at any depth; empty sets of steps are left out."""
    if "accuracy" in tree:
        return {"/".join(keys): _parse(StepFigures, tree, path)}
    found: dict[str, StepFigures] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found |= _step_figures(value, path, (*keys, key))
    return found


def _programs(path: Path) -> tuple[ReportedProgram, ...]:
    if not path.is_file():
        return ()
    return tuple(_parse(ReportedProgram, value, path, number) for number, value in read_objects(path))


def _update_log(folder: Path, name: str) -> Path:
    """A log of the policy's updates: of the finished stage, or else of the one that is training."""
    path = folder / "policy" / name
    in_work = sorted((folder / ".work" / "policy").rglob(name), key=lambda one: one.stat().st_mtime)
    return path if path.is_file() or not in_work else in_work[-1]


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a log with their line numbers. A row that is being written is left out."""
    if path.is_file():
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        yield from ((number, parse_object(path, number, line)) for number, line in enumerate(lines, start=1))


def _rollouts(path: Path) -> tuple[ReportedRollout, ...]:
    return tuple(_parse(ReportedRollout, row, path, number) for number, row in _records(path))


def _samples(path: Path) -> Samples:
    verdicts: dict[str, CountTable] = {}
    greedy: dict[str, dict[str, bool]] = {}
    for _, row in read_objects(path) if path.is_file() else ():
        policy, verdict = str(row.get("policy", "")), row.get("verdict")
        if verdict:
            counts = verdicts.setdefault(policy, {})
            counts[verdict] = counts.get(verdict, 0) + 1
            if row.get("temperature") == 0:
                greedy.setdefault(policy, {})[str(row.get("problem_id"))] = verdict == "passed"
    return Samples(verdicts, greedy)


def _logs(folder: Path) -> dict[str, tuple[dict[str, Any], ...]]:
    """Training logs by their folder (``sft``, ``policy``, ``policy/nll``), in the order of the stages."""
    order = ("pretrain", "sft", "reward", "policy")
    paths = [
        path
        for stage in order
        for path in sorted((folder / stage).rglob("training_log.json"), key=lambda path: (len(path.parts), path))
    ]
    logs = {}
    for path in paths:
        rows = _read_json(path)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise located(path, None, None, "a list of log records was expected", "run the stage again")
        logs[path.parent.relative_to(folder).as_posix()] = tuple(rows)
    return logs
