"""The report of a policy that was trained by reinforcement learning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.report.test_report_page import read

from prlcoder.report import build
from prlcoder.report.updates import rl_report


def row(update: int, phase: str = "policy", **more: Any) -> dict[str, Any]:
    """One update: 40 programs, of which 30 were trained on."""
    return {
        "update": update,
        "phase": phase,
        "sampled": 40,
        "trained": 30,
        "pass_rate": 0.25 * update,
        "prm_mean": 0.5,
        "rewards": {"process": 0.1, "verdict": -0.3 + 0.1 * update, "total": -0.2 + 0.1 * update},
        "kl": 0.01 * update,
        "length": 60.0,
        "entropy": 0.8,
        "explained_variance": 0.4,
        "dropped": {"sandbox_error": 2, "truncated": 8},
        "seconds": {"rollout": 2.0, "update": 6.0},
        **more,
    }


def test_the_figures_of_the_updates() -> None:
    report = rl_report([row(1, phase="value"), row(2), row(3)])
    assert report is not None
    assert report.facts == (("2", "updates of the policy"), ("120", "programs sampled"), ("90", "programs trained on"))
    captions = {panel.title: panel.caption for panel in report.panels}
    assert captions["reward"] == "total 0 → 0.1; process 0.1 → 0.1; verdict −0.1 → 0"
    assert captions["pass rate and reward model"] == "passing 0.5 → 0.75; mean PRM score 0.5 → 0.5"
    assert captions["value model"] == "explained variance 0.4 → 0.4"
    assert "clipped tokens" not in captions  # no row has it
    assert [(bar.title, bar.figure, bar.count) for bar in report.dropped] == [
        ("cut at maxNewTokens; not trained on", "20.0 %", "24"),
        ("the sandbox failed", "5.0 %", "6"),
    ]
    assert [(bar.title, bar.count) for bar in report.parts] == [("sampling", "25 %"), ("optimiser steps", "75 %")]


def test_without_updates_there_is_no_section(run_folder: Path) -> None:
    assert rl_report([]) is None
    assert "The policy’s updates" not in read(build(run_folder)).texts["training"]


def test_the_page_shows_the_updates_and_names_the_algorithm(run_folder: Path) -> None:
    manifest = run_folder / "run.yaml"
    manifest.write_text(manifest.read_text() + "  policy: {algorithm: ppo}\n")
    (run_folder / "policy").mkdir(exist_ok=True)
    (run_folder / "policy" / "updates.jsonl").write_text("".join(json.dumps(row(n)) + "\n" for n in (1, 2)))
    texts = read(build(run_folder)).texts
    assert "The policy’s updates" in texts["training"]
    assert "the sandbox failed" in texts["training"]
    assert "PPO" in texts["results"]
    assert "Step-DPO" not in texts["results"]
