"""The outcome reward model: one label per whole program, and otherwise the process reward model's way."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from prlcoder.errors import InputError
from prlcoder.modeling.reward_record import RewardRecord, require_kind
from prlcoder.prm.scoring import LocalStepScorer
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import render
from prlcoder.segmenter import Segment
from prlcoder.spec import Reward
from prlcoder.stages.context import StageContext
from prlcoder.supervision import store
from prlcoder.supervision.rows import Program
from prlcoder.supervision.store import read_rows
from prlcoder.training.examples import outcomes
from prlcoder.training.examples.steps import step_sequences
from prlcoder.training.stages import reward

pytestmark = pytest.mark.needs_torch
SECTION = Reward(kind="orm", epochs=25, learning_rate=3e-3, batch_tokens=1500, warmup_ratio=0.0, logging_steps=5)


def as_one_step(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the table ``programs`` as a row of ``steps`` whose only step is the program."""
    return {**row, "prefix": "", "segment": row["program"], "rest": "", "end": len(row["program"])}


def test_a_program_is_learnt_as_one_step_that_ends_where_the_program_ends(
    make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    context = make_context(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(context.base_model())
    prompts = {problem.id: render(problem, "nano") for problem in context.train}
    rows = [row for row in read_rows(context.artifacts["supervise"], "programs") if row["problem_id"] in prompts]
    found = outcomes.program_sequences(tokenizer, prompts, rows)
    distinct = {(row["problem_id"], row["program"]): row["label"] == "chosen" for row in rows}
    assert len(found) == len(distinct) < len(rows)
    for sequence, ((name, program), right) in zip(found, distinct.items(), strict=True):
        assert (sequence.problem_id, sequence.labels) == (name, [int(right)])
        assert sequence.positions == [len(sequence.ids) - 1]
        assert tokenizer.decode(sequence.ids).rstrip().endswith(program.rstrip().splitlines()[-1].strip())
    assert {label for sequence in found for label in sequence.labels} == {0, 1}
    steps = step_sequences(tokenizer, prompts, [as_one_step(row) for row in rows])
    # the process model also labels a program that begins like another one and is right; none does here
    assert steps == found


def test_it_learns_and_its_folder_says_what_it_is(make_context: Callable[..., StageContext], tmp_path: Path) -> None:
    context = make_context(tmp_path, reward=SECTION)
    metrics = reward.run(context)
    train = {problem.id for problem in context.train}
    rows = [row for row in read_rows(context.artifacts["supervise"], "programs") if row["problem_id"] in train]
    assert metrics["programs_labelled"] == len({(row["problem_id"], row["program"]) for row in rows})
    log = [entry["loss"] for entry in json.loads((context.output / "training_log.json").read_text()) if "loss" in entry]
    assert log[-1] < 0.5 * log[0], log
    record = RewardRecord.of(str(context.output))
    assert record == RewardRecord("orm", metrics["temperature"], metrics["offset"])
    assert "# An outcome reward model" in (context.output / "README.md").read_text()
    with pytest.raises(InputError, match=r"spec\.reward\.kind: .* is a reward model of the kind orm, not prm"):
        require_kind(str(context.output), "prm", "spec.reward.kind")
    require_kind(str(context.output), "orm", "spec.reward.kind")
    scorer = LocalStepScorer(str(context.output))
    problem = context.train[0]
    text = problem.canonical
    ((score,),) = scorer.score([(render(problem, "nano"), text, [Segment(0, len(text), "program", text)])])
    assert 0.0 < score.probability < 1.0


def test_without_labelled_programs_or_with_one_kind_it_is_refused(
    make_context: Callable[..., StageContext], suite: tuple[Problem, ...], tmp_path: Path
) -> None:
    context = make_context(tmp_path / "run", reward=SECTION)
    for kinds, said in (((), "holds no labelled program"), (("chosen",), "holds only programs labelled chosen")):
        folder = tmp_path / f"supervision-{len(kinds)}"
        shutil.copytree(context.artifacts["supervise"] / "steps", folder / "steps")
        rows = [Program(one.id, one.canonical, kind, "passed", "canonical") for one in suite for kind in kinds]
        store.write_table(store.table_path(folder, "programs", 0), "programs", rows)
        given = replace(context, artifacts={**context.artifacts, "supervise": folder})
        with pytest.raises(InputError, match=rf"spec\.reward\.kind: orm learns .* {said}"):
            reward.run(given)


def test_a_record_that_is_damaged_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert RewardRecord.of(str(tmp_path)) == RewardRecord()
    (tmp_path / "reward_model.json").write_text('{"kind": "prm"}')
    with pytest.raises(InputError, match=r"reward_model\.json: is not a reward model's record"):
        RewardRecord.of(str(tmp_path))
