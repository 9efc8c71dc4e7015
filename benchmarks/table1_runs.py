"""The runs of ``table1.py``: trains and evaluates each row with ``prlcoder run``, and resumes what was stopped."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prlcoder.files import read_json
from table1_rows import ROLLOUTS, Row

EXAMPLES: Final = Path(__file__).resolve().parents[1] / "examples"
FACTORS: Final = (1.0, 0.33, 3.0)  # of the row's own learning rate
SUMMARY: Final = Path("evaluation") / "summary.json"
VALIDATION: Final = "evaluation.benchmarks=[{source: validation, samples: 0}]"
EVALUATION_S: Final = 25.0  # 2 policies x 300 problems x 5 programs, measured as the times of the rows


@dataclass(frozen=True)
class Tables:
    """The runs of one table: where they are, and with which seeds and learning rates."""

    out: Path
    seeds: Sequence[int]
    rates: int
    rollouts: int
    inputs: Mapping[int, Path]

    def inputs_folder(self, seed: int) -> Path:
        """The run that holds ``pretrain``, ``supervision`` and ``reward`` of a seed."""
        return self.inputs.get(seed, self.out / f"seed-{seed}" / "inputs")

    def folder(self, row: Row, seed: int) -> Path:
        """The run that trains a row."""
        return self.out / f"seed-{seed}" / row.key

    def tested(self, row: Row, seed: int) -> Path:
        """The run that evaluates the trained policy on the test problems."""
        return self.out / f"seed-{seed}" / f"{row.key}-test"

    def tuning_folder(self, row: Row, number: int) -> Path:
        """The run that trains a row with the ``number``-th learning rate; its evaluation is beside it."""
        return self.out / "tuning" / f"{row.key}-{number}"

    def seconds(self, row: Row) -> float:
        """Estimated time of a row on two idle cores, with all seeds and its tuning."""
        runs = len(self.seeds) + self.rates - 1
        evaluations = len(self.seeds) + (self.rates if self.rates > 1 else 0)
        share = self.rollouts / ROLLOUTS if row.learns_from_rollouts else 1.0
        return runs * row.train_s * share + evaluations * EVALUATION_S


class TimeIsOverError(Exception):
    """The time that ``--minutes`` gives is over."""


def run_all(tables: Tables, rows: Sequence[Row], ends: float) -> None:
    """Train, tune and evaluate what is missing. ``TimeIsOverError`` before a run that would start after ``ends``."""
    for seed in tables.seeds:
        if seed not in tables.inputs:
            _call("quickstart", tables.inputs_folder(seed), [f"seed={seed}", "policy=null", "evaluation=null"], ends)
        for row in rows:
            if (tables.tested(row, seed) / SUMMARY).exists():
                continue
            chosen = _tuned(tables, row, ends)
            trained = tables.folder(row, seed)
            if tables.rates > 1 and seed == tables.seeds[0]:
                trained = tables.tuning_folder(row, chosen)
            _train(tables, row, seed, trained, row.rate * FACTORS[chosen], ends)
            _evaluate(tables, row, seed, trained, tables.tested(row, seed), [], ends)


def _tuned(tables: Tables, row: Row, ends: float) -> int:
    """Number of the learning rate with the highest greedy pass@1 on the validation problems (of equals the first)."""
    if tables.rates == 1:
        return 0
    found = []
    for number, factor in enumerate(FACTORS[: tables.rates]):
        folder = tables.tuning_folder(row, number)
        validated = folder.with_name(f"{folder.name}-validation")
        if not (validated / SUMMARY).exists():
            _train(tables, row, tables.seeds[0], folder, row.rate * factor, ends)
            _evaluate(tables, row, tables.seeds[0], folder, validated, [VALIDATION], ends)
        found.append(read_json(validated / SUMMARY)["policies"][row.stage]["pass@1"])
    return found.index(max(found))


def _train(tables: Tables, row: Row, seed: int, folder: Path, rate: float, ends: float) -> None:
    """Run a row's manifest on the inputs of a seed, without its evaluation."""
    _call(f"table1/{row.manifest}", folder, training_sets(tables, row, seed, rate), ends)


def training_sets(tables: Tables, row: Row, seed: int, rate: float) -> list[str]:
    """The fields of the run that trains a row. Inputs that the manifest takes from the quickstart are the seed's."""
    inputs = tables.inputs_folder(seed)
    text = (EXAMPLES / "table1" / f"{row.manifest}.yaml").read_text("utf-8")
    given = [
        f"{part}.from={inputs / part}"
        for part in ("pretrain", "supervision", "sft", "reward")
        if f"{part}: {{from: runs/quickstart" in text
    ]
    chosen = [f"{row.stage}.learningRate={rate:g}", "evaluation=null", *row.shortened(tables.rollouts)]
    return [f"seed={seed}", *given, *row.sets, *chosen]


def _evaluate(
    tables: Tables, row: Row, seed: int, trained: Path, folder: Path, sets: Sequence[str], ends: float
) -> None:
    """Evaluate a trained row beside its base."""
    _call(f"table1/{row.manifest}", folder, [*evaluation_sets(tables, row, seed, trained), *sets], ends)


def evaluation_sets(tables: Tables, row: Row, seed: int, trained: Path) -> list[str]:
    """The fields of the run that evaluates what the run ``trained`` has trained. The reward model is left out, because
    it is not what is measured."""
    base = f"pretrain.from={tables.inputs_folder(seed) / 'pretrain'}"
    none = ["supervision=null", "sft=null", "reward=null"]
    return [f"seed={seed}", base, *none, f"{row.stage}={{from: {trained / row.stage}}}"]


def _call(manifest: str, folder: Path, sets: Sequence[str], ends: float) -> None:
    """``prlcoder run`` with its output in a log beside the run's folder. ``SystemExit`` if it fails."""
    if time.monotonic() > ends:
        raise TimeIsOverError
    every = [*sets, f"metadata.name={folder.name}", f"storage.uri={folder.parent}"]
    command = [sys.executable, "-m", "prlcoder.cli", "run", str(EXAMPLES / f"{manifest}.yaml")]
    command += [part for one in every for part in ("--set", one)]
    folder.parent.mkdir(parents=True, exist_ok=True)
    began, log = time.monotonic(), folder.parent / f"{folder.name}.log"
    print(f"{time.strftime('%H:%M:%S')} {folder} ...", flush=True)
    with log.open("ab") as file:
        code = subprocess.run(command, stdout=file, stderr=file, check=False).returncode
    if code != 0:
        raise SystemExit(f"{' '.join(command)}: exit code {code}; its output is in {log}")
    print(f"{time.strftime('%H:%M:%S')} {folder} done after {time.monotonic() - began:.0f} s", flush=True)
