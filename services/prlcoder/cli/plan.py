"""``prlcoder plan FILE``: show what ``prlcoder run`` would do with each stage, and what the stage will need."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import yaml

from prlcoder.cli.manifest_arguments import add_manifest_arguments, load_manifest
from prlcoder.errors import InputError
from prlcoder.runs.estimates.stages import StageEstimate, estimates
from prlcoder.runs.estimates.table import estimate_record, estimate_text
from prlcoder.runs.folder import RunFolder
from prlcoder.runs.given import check_given
from prlcoder.runs.plan import PlannedStage, check_same_spec, observe, plan
from prlcoder.spec import Spec, TrainingRun
from prlcoder.text import aligned


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``prlcoder plan``."""
    add_manifest_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the plan as JSON instead of a table")


def run(arguments: argparse.Namespace) -> int:
    """Print the plan and change nothing in the run."""
    training_run = load_manifest(arguments)
    folder = RunFolder.of(training_run)
    if (store := folder.store()) is not None:
        store.fetch(())
    check_same_spec(training_run, folder)
    check_given(training_run)
    state = observe(training_run, folder)
    steps = plan(training_run, folder, state)
    rl = resolved_rl(training_run.spec)
    found, missing = _estimates(training_run, [step.name for step in steps if step.action in ("run", "resume")])
    if arguments.json:
        record: dict[str, object] = {"folder": str(folder.path), "stages": [_stage_record(step) for step in steps]}
        record["estimates"] = [estimate_record(one) for one in found]
        print(json.dumps({**record, **({"policy.rl": rl} if rl else {})}, indent=2))
    else:
        rows = [
            [step.name, step.action, step.writes.name, ", ".join(path.name for path in step.reads)] for step in steps
        ]
        print(f"run folder {folder.path}")
        print(aligned([["stage", "state", "writes", "reads"], *rows], numbers=False))
        if found:
            print(f"estimates of what the stages need\n{estimate_text(found)}")
        if missing:
            print(f"no estimate: {missing}")
        if rl:
            print("policy.rl, with its preset and all defaults:")
            print(yaml.safe_dump(rl, sort_keys=False, default_flow_style=None, width=100), end="")
    if training_run.spec.model.path is not None and any(step.action in ("run", "resume") for step in steps):
        _check_model(training_run.spec, quiet=arguments.json)
    return 0


def _estimates(training_run: TrainingRun, stages: list[str]) -> tuple[list[StageEstimate], str]:
    """What the stages will need; or nothing, and why not."""
    if not stages:
        return [], ""
    from prlcoder.runs.estimates.facts import facts_of

    try:
        return estimates(training_run, facts_of(training_run), stages), ""
    except InputError as error:
        return [], str(error)


def _check_model(spec: Spec, *, quiet: bool) -> None:
    """Check the model if it is on this machine. ``prlcoder run`` checks one of the hub before its first stage."""
    model = spec.model.location
    if model is None or not Path(model).exists():
        if not quiet:
            print(f"model {model}: is not on this machine; the run checks it before its first stage")
        return
    from prlcoder.runs.model_check import check_spec_models

    facts = check_spec_models(spec)
    if facts is not None and not quiet:
        print(f"model: {facts}")


def resolved_rl(spec: Spec) -> dict[str, Any]:
    """The section ``policy.rl`` with its preset and all defaults; empty if the policy is not trained by RL."""
    rl = None if spec.policy is None else spec.policy.rl
    return {} if rl is None else rl.model_dump(mode="json", by_alias=True)


def _stage_record(step: PlannedStage) -> dict[str, object]:
    return {
        "stage": step.name,
        "state": step.action,
        "reads": [str(path) for path in step.reads],
        "writes": str(step.writes),
    }
