"""Supervision folders and stage contexts for the training tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prlcoder.problems.model import Problem
from prlcoder.segmenter import segment
from prlcoder.spec import Model, Peft, Problems, Scratch, Sft, Spec
from prlcoder.stages.context import StageContext
from prlcoder.supervision import store
from prlcoder.supervision.rows import Pair, Program, Step, SupervisionRow


def labelled_rows(problem: Problem) -> dict[str, list[SupervisionRow]]:
    """The canonical steps of a problem, one wrong variant of each, the pairs of both, and the whole programs."""
    rows: dict[str, list[SupervisionRow]] = {"steps": [], "pairs": [], "programs": []}
    source = problem.canonical
    for index, part in enumerate(segment(source, "line")):
        if not part.is_step or part.end <= len(problem.prompt):
            continue
        prefix, rest = source[: part.start], source[part.end :]
        wrong = part.text.rstrip("\n") + "1\n"
        for label, text, origin, verdict in (
            ("chosen", part.text, "canonical", "passed"),
            ("rejected", wrong, "policy", "wrong_answer"),
        ):
            rows["steps"].append(
                Step(
                    problem.id,
                    index,
                    part.start,
                    part.start + len(text),
                    prefix,
                    text,
                    rest,
                    label,
                    label,
                    origin,
                    "",
                    "",
                    verdict,
                    "",
                    part.kind,
                )
            )
        rows["pairs"].append(Pair(problem.id, index, prefix, part.text, wrong, rest, "canonical", "policy"))
    rows["programs"] = [Program(problem.id, source, "chosen", "passed", origin) for origin in ("canonical", "policy")]
    rows["programs"] += [
        Program(problem.id, pair.prefix + pair.rejected + pair.rest, "rejected", "wrong_answer", "policy")
        for pair in rows["pairs"]
        if isinstance(pair, Pair)
    ]
    return rows


@pytest.fixture(scope="session")
def supervision(suite: tuple[Problem, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A supervision folder of the training problems and, for the reward model's metrics, the validation problems."""
    folder = tmp_path_factory.mktemp("supervision")
    for table in ("steps", "pairs", "programs"):
        rows = [row for problem in suite if problem.split != "test" for row in labelled_rows(problem)[table]]
        store.write_table(store.table_path(folder, table, 0), table, rows)
    return folder


@pytest.fixture(scope="session")
def make_context(suite: tuple[Problem, ...], nano_folder: Path, supervision: Path) -> Callable[..., StageContext]:
    """``make_context(folder, **sections)``: a stage's context with its own work and output folders."""

    def make(folder: Path, *, peft: Peft | None = None, **sections: Any) -> StageContext:
        spec = Spec(
            model=Model(scratch=Scratch(), prompt_template="nano", max_length=512, peft=peft),
            problems=Problems(source="nano"),
            **sections,
        )
        for name in ("work", "output"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        split = {name: tuple(p for p in suite if p.split == name) for name in ("train", "validation", "test")}
        artifacts = {"pretrain": nano_folder, "supervise": supervision}
        return StageContext(spec, folder / "work", folder / "output", artifacts, **split)

    return make


@pytest.fixture(scope="session")
def taught_policy(make_context: Callable[..., StageContext], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy that knows the first four training problems by heart, and half the time with a wrong last line."""
    from prlcoder.training.stages import sft

    section = Sft(learning_rate=5e-3, epochs=120, batch_size=8, warmup_ratio=0.1, save_steps=1000)
    context = make_context(tmp_path_factory.mktemp("taught"), sft=section)
    known = context.train[:4]
    wrong = [replace(problem, solutions=(_with_wrong_end(problem.canonical),)) for problem in known]
    sft.run(replace(context, train=(*known, *wrong), artifacts={"pretrain": context.artifacts["pretrain"]}))
    return context.output


def _with_wrong_end(program: str) -> str:
    *lines, _ = program.splitlines(keepends=True)
    return "".join([*lines, "    return None\n"])
