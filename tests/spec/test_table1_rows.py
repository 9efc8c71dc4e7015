"""The rows of ``benchmarks/table1.py``: each is a valid manifest, all have the same base, and all roll out equally."""

from __future__ import annotations

from pathlib import Path

import pytest

from prlcoder.spec import TrainingRun, manifest
from prlcoder.spec.supervision import PolicyTeacher
from table1_figures import over_seeds
from table1_rows import ROLLOUTS, ROWS, Row
from table1_runs import EXAMPLES, VALIDATION, Tables, evaluation_sets, training_sets

ROW_IDS = [row.key for row in ROWS]


def loaded(row: Row) -> TrainingRun:
    """The manifest of a row."""
    return manifest.load(EXAMPLES / "table1" / f"{row.manifest}.yaml", list(row.sets))


def rollouts(run: TrainingRun) -> int:
    """Programs that the row's policy, or the supervision that it learns from, samples from the policy."""
    policy, supervision = run.spec.policy, run.spec.supervision
    if policy is not None and policy.rl is not None:
        updates = policy.rl.updates + (policy.rl.value.pretrain_updates if policy.rl.value else 0)
        return updates * policy.rl.prompts * policy.rl.samples
    if policy is not None and policy.dpo is not None and policy.dpo.rounds > 1:
        return policy.dpo.rounds * policy.dpo.sampling.prompts * policy.dpo.sampling.samples
    if supervision is None:
        return 0
    source = run if supervision.from_ is None else manifest.load(EXAMPLES / "quickstart.yaml")
    assert source.spec.supervision is not None
    [teacher] = [one for one in source.spec.supervision.teachers if isinstance(one, PolicyTeacher)]
    assert source.spec.problems.nano is not None
    return teacher.samples * source.spec.problems.nano.train


@pytest.mark.parametrize("row", ROWS, ids=ROW_IDS)
def test_a_row_has_the_rollouts_that_it_states(row: Row) -> None:
    assert row.rollouts == rollouts(loaded(row))
    assert row.rollouts in (0, ROLLOUTS)


@pytest.mark.parametrize("row", ROWS, ids=ROW_IDS)
def test_rows_differ_in_their_training_only(row: Row) -> None:
    own, other = loaded(row).spec, loaded(ROWS[0]).spec
    same = ("seed", "model", "problems", "execution", "pretrain", "storage")
    assert {name: getattr(own, name) for name in same} == {name: getattr(other, name) for name in same}
    assert own.evaluation == other.evaluation


@pytest.mark.parametrize("row", ROWS, ids=ROW_IDS)
def test_a_row_is_trained_at_the_rate_that_is_tuned(row: Row) -> None:
    assert getattr(loaded(row).spec, row.stage).learning_rate == row.rate


@pytest.mark.parametrize("row", ROWS, ids=ROW_IDS)
def test_the_runs_of_the_driver_are_valid_manifests(row: Row) -> None:
    """Training with a quarter of the rate and half of the rollouts, validation, and test."""
    tables = Tables(Path("runs/table1"), [1], rates=2, rollouts=1200, inputs={})
    path = EXAMPLES / "table1" / f"{row.manifest}.yaml"
    trained = manifest.load(path, training_sets(tables, row, 1, row.rate / 4))
    assert trained.stages()[-1] == row.stage
    assert getattr(trained.spec, row.stage).learning_rate == pytest.approx(row.rate / 4)
    if trained.spec.policy is not None and trained.spec.policy.rl is not None:
        assert rollouts(trained) == 1200
    for sets, source in (([], "held-out"), ([VALIDATION], "validation")):
        tested = manifest.load(path, [*evaluation_sets(tables, row, 1, tables.folder(row, 1)), *sets])
        assert tested.given(row.stage) == f"runs/table1/seed-1/{row.key}/{row.stage}"
        assert tested.spec.evaluation is not None
        assert [one.source for one in tested.spec.evaluation.benchmarks] == [source]
        assert tested.stages() == ["pretrain", row.stage, "evaluate"]


def test_every_row_is_a_command_of_the_page() -> None:
    page = (EXAMPLES / "table1" / "README.md").read_text("utf-8")
    assert [row.key for row in ROWS if f"`{row.command}`" not in page] == []
    named = {row.manifest for row in ROWS}
    assert sorted(path.stem for path in Path(EXAMPLES / "table1").glob("*.yaml") if path.stem not in named) == []


def test_problems_are_averaged_over_seeds() -> None:
    assert over_seeds([{"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 0.0}]) == {"a": 0.5, "b": 0.0}
