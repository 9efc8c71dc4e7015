"""Watches the updates of a training: alarms into each row of the log, warnings on standard error, and figures for the
metrics of the process."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from prlcoder.spec import RlMonitors
from prlcoder.telemetry.training_figures import TrainingFigures, note_figures
from prlcoder.training.rl.alarms import active_alarms, changes


def watched(row: dict[str, Any], before: Sequence[Mapping[str, Any]], settings: RlMonitors) -> dict[str, Any]:
    """The row of an update with its alarms. ``before`` are the rows of the earlier updates.

    Each alarm that begins or ends is one line on standard error. Its first line says what to do.
    """
    alarms = active_alarms([*before, row], settings)
    complete = {**row, "alarms": [alarm.record for alarm in alarms]}
    for line in changes(before[-1] if before else None, complete):
        print(f"policy: {line}", file=sys.stderr)
    note_figures(figures_of(complete, before[-1]["step"] if before else 0))
    return complete


def figures_of(row: Mapping[str, Any], steps_before: int) -> TrainingFigures:
    """The row as figures for the metrics."""
    values = {name: value for name, value in row.items() if isinstance(value, int | float)}
    values |= {f"prm_{name}": value for name, value in row.get("own_steps", {}).items()}
    if row["phase"] == "policy" and "policy_loss" in row:
        values["loss"] = row["policy_loss"]
    else:
        values.pop("gradient_norm", None)  # the policy has none while the value model learns alone
    spread = row.get("reward_std", {})
    return TrainingFigures(
        steps=row["step"] - steps_before,
        tokens=row["tokens"],
        samples=row["sampled"],
        seconds=row["seconds"],
        dropped=row["dropped"],
        values=values,
        rewards={name: (value, spread.get(name, 0.0)) for name, value in row["rewards"].items()},
        alarms=[one["name"] for one in row["alarms"]],
    )
