"""The report of a policy that was trained by reinforcement learning."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.report.test_report_page import read

from prlcoder.report import build
from prlcoder.report.inputs import load
from prlcoder.report.records import ReportedRollout
from prlcoder.report.rollouts import ShownUpdate, shown_updates
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


ALARM = {"name": "reward-hacking", "since": 2, "what": "the score rose", "remedy": "look at the rollouts"}


def test_an_alarm_is_shown_once_per_time_that_it_began() -> None:
    again = {**ALARM, "since": 5, "what": "the score rose again"}
    active = {1: [], 2: [ALARM], 3: [{**ALARM, "what": "the score rose more"}], 4: [], 5: [again]}
    report = rl_report([row(update, alarms=alarms) for update, alarms in active.items()])
    assert report is not None
    assert [(one.name, one.when, one.what) for one in report.alarms] == [
        ("reward hacking", "updates 2 to 3", "the score rose more"),
        ("reward hacking", "since update 5", "the score rose again"),
    ]


def test_the_reward_model_on_own_steps_has_a_plot() -> None:
    before = row(1, phase="value", own_steps={"auroc": 0.9, "false_positive_rate": 0.2})
    report = rl_report([before, row(2), row(3, own_steps={"auroc": 0.8, "false_positive_rate": 0.3})])
    assert report is not None
    captions = {panel.title: panel.caption for panel in report.panels}
    assert captions["reward model on the policy’s own steps"] == ("AUROC 0.9 → 0.8; wrong steps accepted 0.2 → 0.3")


def rollout(update: int, reward: float, verdict: str = "passed") -> dict[str, Any]:
    """A rollout of two lines; the prompt has given the first."""
    program = "def f(v0):\n    return v0 < 1\n"
    given = {"start": 0, "end": 11, "kind": "header", "probability": None, "reward": None, "advantage": None}
    written = {"start": 11, "end": 29, "kind": "return", "probability": 0.82, "reward": 0.25, "advantage": -1.5}
    return {
        "update": update,
        "problem_id": "p1",
        "statement": "Return <b>whether</b> it is small",
        "program": program,
        "verdict": verdict,
        "finished": True,
        "reward": reward,
        "components": {"process": 0.25, "verdict": reward - 0.25},
        "segments": [given, written],
        "after": {"reward": reward - 0.25, "advantage": 0.001},
    }


def shown(rows: list[dict[str, Any]]) -> tuple[ShownUpdate, ...]:
    """The rollouts as the page shows them."""
    return shown_updates([ReportedRollout.model_validate(one) for one in rows])


def test_a_rollout_shows_score_reward_and_advantage_of_each_step() -> None:
    (update,) = shown([rollout(3, 1.25), rollout(3, -0.05, "wrong_answer")])
    assert (update.update, update.problem) == (3, "p1")
    assert update.told == "1 of 2 programs pass, rewards from +1.25 to −0.05"
    best, worst = update.programs
    assert best.title == "Program 1: reward +1.25"
    assert best.parts == "process +0.25, verdict +1.00"
    assert worst.verdict == "wrong_answer"
    assert [(line.text, line.score, line.reward, line.advantage, line.side) for line in best.lines] == [
        ("def f(v0):", "", "–", "–", ""),
        ("    return v0 < 1", "0.82", "+0.25", "−1.50", "bad"),
        ("end of the program", "", "+1.00", "0", ""),
    ]
    assert best.lines[1].colour == "p8"


def test_of_many_updates_the_first_and_the_last_are_shown() -> None:
    updates = [one.update for one in shown([rollout(n, 1.0) for n in range(1, 41)])]
    assert len(updates) == 12
    assert (updates[0], updates[-1]) == (1, 40)


def write_log(folder: Path, updates: int) -> None:
    """The logs of a training in a folder."""
    folder.mkdir(parents=True)
    (folder / "updates.jsonl").write_text("".join(json.dumps(row(n)) + "\n" for n in range(1, updates + 1)))
    (folder / "rollouts.jsonl").write_text(json.dumps(rollout(1, 1.25)) + "\n")


def test_a_training_that_is_not_finished_is_shown_up_to_its_last_whole_row(run_folder: Path) -> None:
    work = run_folder / ".work" / "policy" / "train"
    write_log(work, 2)
    with (work / "updates.jsonl").open("a") as file:
        file.write('{"update": 3, "pha')  # it is being written
    training = read(build(run_folder)).texts["training"]
    assert "The policy’s updates" in training
    assert "Update 1" in training
    assert "Return <b>whether</b> it is small" in training  # as text


def test_a_finished_training_comes_before_what_its_work_folder_has(run_folder: Path) -> None:
    write_log(run_folder / ".work" / "policy" / "train", 5)
    shutil.rmtree(run_folder / "policy")
    write_log(run_folder / "policy", 2)
    assert len(load(run_folder).updates) == 2


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


def test_the_axis_of_a_plot_counts_updates_and_not_optimiser_steps() -> None:
    report = rl_report([row(update, step=4 * update) for update in (1, 2, 3)])
    assert report is not None
    (length,) = (panel for panel in report.panels if panel.title == "length")
    assert ">3</text>" in length.chart
    assert ">12</text>" not in length.chart


def test_code_in_a_remedy_is_shown_as_code(run_folder: Path) -> None:
    alarm = {**ALARM, "remedy": "use `credit: {rule: gated}` or <stop>"}
    (run_folder / "policy" / "updates.jsonl").write_text(json.dumps(row(2, alarms=[alarm])) + "\n")
    page = build(run_folder).read_text()
    assert "What to do: use <code>credit: {rule: gated}</code> or &lt;stop&gt;." in page
