"""Alarms of a training: each fires on a log made for it, and none on the log of a training that goes well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from prlcoder.spec import RlMonitors
from prlcoder.training.rl.alarms import RULES, Alarm, active_alarms, changes
from prlcoder.training.rl.watch import watched

SETTINGS = RlMonitors(window=2)


def row(update: int, **more: Any) -> dict[str, Any]:
    """An update of a training in which nothing is wrong."""
    return {
        "update": update,
        "phase": "policy",
        "step": 4 * update,
        "sampled": 8,
        "tokens": 100,
        "dropped": {},
        "seconds": {"rollout": 0.5},
        "rewards": {"total": 0.5},
        "pass_rate": 0.3 + 0.02 * update,
        "prm_mean": 0.6 + 0.02 * update,
        "entropy": 0.06,
        "kl": 0.02,
        "comment_ratio": 0.05,
        "blank_ratio": 0.0,
        "explained_variance": -0.1 if update % 2 else 0.3,
        "empty": 0.0,
        "own_steps": {"steps": 60, "wrong": 20, "auroc": 0.8},
        **more,
    }


def log(updates: int, **of_update: Callable[[int], Any]) -> list[dict[str, Any]]:
    """The rows of a training, with some fields as functions of the update, from 1."""
    numbers = range(1, updates + 1)
    return [row(n, **{name: value(n) for name, value in of_update.items()}) for n in numbers]


WRONG: dict[str, dict[str, Callable[[int], Any]]] = {
    "reward-hacking": {"pass_rate": lambda n: 0.5 - 0.01 * n},
    "weak-reward-model": {"own_steps": lambda n: {"steps": 60, "wrong": 20, "auroc": 0.55}},
    "entropy-collapse": {"entropy": lambda n: 0.06 if n < 3 else 0.005},
    "comments": {"comment_ratio": lambda n: 0.05 if n < 3 else 0.2},
    "value-model": {"explained_variance": lambda n: -0.2},
    "divergence": {"kl": lambda n: 0.3},
    "empty-programs": {"empty": lambda n: 0.75},
}


def test_there_is_a_case_for_every_alarm() -> None:
    assert WRONG.keys() == RULES.keys()


def test_a_training_that_goes_well_has_no_alarm() -> None:
    for updates in range(1, 12):
        assert active_alarms(log(updates), SETTINGS) == []


@pytest.mark.parametrize("name", WRONG)
def test_an_alarm_fires_alone(name: str) -> None:
    (alarm,) = active_alarms(log(6, **WRONG[name]), SETTINGS)
    assert alarm.name == name
    assert alarm.line == f"alarm {name} since update 6: {alarm.what}; {alarm.remedy}"


@pytest.mark.parametrize("name", WRONG)
def test_an_alarm_needs_a_whole_window(name: str) -> None:
    rows = log(1, **WRONG[name])
    expected = ["weak-reward-model"] if name == "weak-reward-model" else []  # a measurement stands for itself
    assert [alarm.name for alarm in active_alarms(rows, SETTINGS)] == expected


def test_the_figures_of_an_alarm() -> None:
    (alarm,) = active_alarms(log(4, **WRONG["reward-hacking"]), SETTINGS)
    told = "the mean PRM score rose from 0.630 to 0.670 and the pass rate went from 0.485 to 0.465"
    assert alarm.what == f"{told}, means of 2 updates each"


def test_a_reward_model_that_rises_with_the_pass_rate_is_no_alarm() -> None:
    rising = {"pass_rate": lambda n: 0.1 * n, "prm_mean": lambda n: 0.1 * n}
    assert active_alarms(log(6, **rising), SETTINGS) == []


def test_an_auroc_of_few_wrong_steps_is_no_alarm() -> None:
    few = {"own_steps": lambda n: {"steps": 60, "wrong": 9, "auroc": 0.3}}
    assert active_alarms(log(6, **few), SETTINGS) == []


def test_an_auroc_stays_until_the_next_measurement() -> None:
    once = {"own_steps": lambda n: {"steps": 60, "wrong": 20, "auroc": 0.5} if n == 3 else {}}
    assert [alarm.name for alarm in active_alarms(log(5, **once), SETTINGS)] == ["weak-reward-model"]


def test_while_only_the_value_model_learns_there_is_no_alarm() -> None:
    rows = log(6, phase=lambda n: "value", explained_variance=lambda n: -1.0)
    assert active_alarms(rows, SETTINGS) == []


def test_an_alarm_keeps_its_beginning_and_its_end_is_told() -> None:
    divergence = {n: 0.3 if 2 < n < 6 else 0.01 for n in range(1, 9)}
    rows: list[dict[str, Any]] = []
    lines: list[str] = []
    for n in divergence:
        rows.append(row(n, kl=divergence[n]))
        rows[-1]["alarms"] = [alarm.record for alarm in active_alarms(rows, RlMonitors(window=1))]
        lines += changes(rows[-2] if n > 1 else None, rows[-1])
    assert [one["since"] for r in rows for one in r["alarms"]] == [3, 3, 3]
    begins, ends = lines
    assert begins == Alarm(**rows[2]["alarms"][0]).line
    assert ends == "alarm divergence is over at update 6"


def test_a_watched_row_tells_its_alarms_once(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, Any]] = []
    for n in range(1, 5):
        rows.append(watched(row(n, kl=0.3), rows, SETTINGS))
    assert [[one["name"] for one in r["alarms"]] for r in rows] == [[], ["divergence"], ["divergence"], ["divergence"]]
    told = capsys.readouterr().err.splitlines()
    assert [line[:43] for line in told] == ["policy: alarm divergence since update 2: th"]
    assert "raise rl.kl.coefficient" in told[0]
