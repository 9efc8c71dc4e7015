"""The metrics of a training, in a real registry."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from prlcoder.telemetry.training_figures import TrainingFigures, figures_heard, note_figures
from prlcoder.telemetry.training_metrics import VALUES, TrainingMetrics


def test_counters_add_up_and_gauges_have_the_newest_value() -> None:
    registry = CollectorRegistry()
    metrics = TrainingMetrics(registry)
    for loss in (0.5, 0.25):
        metrics.note(
            TrainingFigures(
                steps=2,
                tokens=100,
                samples=8,
                seconds={"rollout": 1.5},
                dropped={"truncated": 3},
                values={"loss": loss, "unknown": 1.0},
                rewards={"verdict": (-0.3, 0.1)},
            )
        )
    assert registry.get_sample_value("prlcoder_train_steps_total") == 4
    assert registry.get_sample_value("prlcoder_train_tokens_total") == 200
    assert registry.get_sample_value("prlcoder_train_samples_total") == 16
    assert registry.get_sample_value("prlcoder_train_phase_seconds_total", {"phase": "rollout"}) == 3.0
    assert registry.get_sample_value("prlcoder_train_dropped_total", {"reason": "truncated"}) == 6
    assert registry.get_sample_value("prlcoder_train_loss") == 0.25
    assert registry.get_sample_value("prlcoder_train_reward", {"component": "verdict", "stat": "mean"}) == -0.3
    assert registry.get_sample_value("prlcoder_train_reward", {"component": "verdict", "stat": "std"}) == 0.1


def test_a_gauge_is_absent_until_its_first_value() -> None:
    registry = CollectorRegistry()
    TrainingMetrics(registry)
    names = {family.name for family in registry.collect()}
    assert names.isdisjoint(metric.name for metric in VALUES.values())
    assert "prlcoder_train_last_checkpoint_timestamp_seconds" not in names


def test_an_alarm_is_counted_when_it_begins() -> None:
    registry = CollectorRegistry()
    metrics = TrainingMetrics(registry)

    def values() -> tuple[float | None, float | None]:
        label = {"alarm": "divergence"}
        count = registry.get_sample_value("prlcoder_train_alarms_total", label)
        return count, registry.get_sample_value("prlcoder_train_alarm", label)

    seen = []
    for active in ([], ["divergence"], ["divergence"], [], ["divergence"]):
        metrics.note(TrainingFigures(alarms=active))
        metrics.note(TrainingFigures())  # of another training, which has no alarms
        seen.append(values())
    assert seen == [(None, None), (1, 1), (1, 1), (1, 0), (2, 1)]


def test_only_listeners_within_the_block_hear() -> None:
    heard: list[int] = []
    note_figures(TrainingFigures(steps=1))
    with figures_heard(lambda figures: heard.append(figures.steps)):
        note_figures(TrainingFigures(steps=2))
    note_figures(TrainingFigures(steps=3))
    assert heard == [2]
