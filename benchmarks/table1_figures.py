"""The finished table of ``table1.py``: pass@1 of every row, and differences that are paired by problem."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Final

from prlcoder.evaluation.intervals import paired_difference
from prlcoder.files import read_json, write_json
from table1_rows import PPO_ROWS, Row
from table1_runs import SUMMARY, Tables

BASE_PAPER: Final = 29.1

Passes = Mapping[str, float]
"""Share of a policy's programs that passed, by problem."""


@dataclass(frozen=True)
class Measured:
    """One row of the finished table. Figures are shares, averaged over seeds."""

    title: str
    paper: float | None
    rollouts: int
    greedy_by_seed: Sequence[float]
    sampled_by_seed: Sequence[float]
    greedy: Passes
    sampled: Passes
    base_greedy: Passes
    base_sampled: Passes
    hard: float
    train_s: float


def passes(samples: Path, policy: str, *, greedy: bool) -> dict[str, float]:
    """Share of passing programs by problem, of the greedy programs or of the sampled ones, from ``samples.jsonl``."""
    found: dict[str, list[bool]] = {}
    with samples.open(encoding="utf-8") as file:
        for row in map(json.loads, file):
            if row["policy"] == policy and (row["temperature"] == 0) == greedy:
                found.setdefault(row["problem_id"], []).append(row["verdict"] == "passed")
    return {problem: mean(results) for problem, results in found.items()}


def over_seeds(by_seed: Sequence[Passes]) -> dict[str, float]:
    """The mean over seeds by problem; every seed has the same problems."""
    return {problem: mean(one[problem] for one in by_seed) for problem in by_seed[0]}


def measured(tables: Tables, row: Row, policy: str, title: str) -> Measured | None:
    """The figures of a row over its finished seeds, or None if no seed has finished."""
    folders = [tables.tested(row, seed) for seed in tables.seeds]
    folders = [folder for folder in folders if (folder / SUMMARY).exists()]
    if not folders:
        return None
    trained = [(folder / row.stage).resolve().parent for folder in folders]  # a link to what was trained
    samples = [folder / "evaluation" / "samples.jsonl" for folder in folders]
    greedy, sampled = ([passes(file, policy, greedy=kind) for file in samples] for kind in (True, False))
    base = [over_seeds([passes(file, "base", greedy=kind) for file in samples]) for kind in (True, False)]
    figures = [read_json(folder / SUMMARY)["policies"][policy] for folder in folders]
    hard = mean(one["by_difficulty"]["hard"]["pass@1"] for one in figures)
    return Measured(
        title,
        row.paper if policy == row.stage else None,
        _rollouts(trained[0], row),
        [mean(one.values()) for one in greedy],
        [mean(one.values()) for one in sampled],
        over_seeds(greedy),
        over_seeds(sampled),
        base[0],
        base[1],
        hard,
        mean(_training_seconds(folder, row.stage) for folder in trained),
    )


def _rollouts(folder: Path, row: Row) -> int:
    """The rollouts that a finished training has made."""
    made = read_json(folder / "state.json")["stages"][row.stage]["metrics"].get("sampled")
    return row.rollouts if made is None else int(made)


def _training_seconds(folder: Path, stage: str) -> float:
    stages: dict[str, Any] = read_json(folder / "state.json")["stages"]
    return float(stages[stage]["wall_s"])


def table_text(tables: Tables, rows: Sequence[Row]) -> str:
    """The table in Markdown, with the differences to outcome-only RLOO and the order beside the paper's."""
    found: dict[str, Measured] = {}
    for row in rows:
        for policy, title in {row.stage: row.title, **row.policies}.items():
            one = measured(tables, row, policy, title)
            if one is not None:
                found[row.key if policy == row.stage else policy] = one
    if not found:
        return "No run has finished.\n"
    tables.out.mkdir(parents=True, exist_ok=True)
    write_json(tables.out / "table.json", {key: _record(one) for key, one in found.items()})
    return "\n\n".join([_main_table(found), _credit_table(found), _order_table(found)]) + "\n"


def _record(one: Measured) -> dict[str, Any]:
    return {"title": one.title, "greedy": list(one.greedy_by_seed), "sampled": list(one.sampled_by_seed)}


def _main_table(found: Mapping[str, Measured]) -> str:
    first = next(iter(found.values()))
    base = f"| base | {len(first.greedy_by_seed)} | 0 | {_percent(mean(first.base_greedy.values()))} | "
    base += f"| {_percent(mean(first.base_sampled.values()))} | | | | {BASE_PAPER} |"
    head = "| row | seeds | rollouts | greedy pass@1 | against base, paired | pass@1 at T=0.8 | against base, paired "
    lines = [head + "| hard, greedy | training | the paper, APPS+ |", "|" + "---|" * 10, base]
    for one in found.values():
        gains = [_gain(one.greedy, one.base_greedy), _gain(one.sampled, one.base_sampled)]
        cells = [
            one.title,
            str(len(one.greedy_by_seed)),
            f"{one.rollouts:,}",
            _spread(one.greedy_by_seed),
            gains[0],
            _spread(one.sampled_by_seed),
            gains[1],
            _percent(one.hard),
            f"{one.train_s:.0f} s",
            "" if one.paper is None else str(one.paper),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _credit_table(found: Mapping[str, Measured]) -> str:
    """Every rule against the outcome alone, with the same algorithm and the same rollouts."""
    pairs = [(key, "rloo-outcome") for key in found if key.startswith("rloo-") and key != "rloo-outcome"]
    pairs += [(key, "compiler-ppo") for key in found if key in PPO_ROWS[1:]]
    lines = ["| row | compared with | greedy, paired | T=0.8, paired |", "|---|---|---|---|"]
    for key, reference in pairs:
        if reference in found:
            one, other = found[key], found[reference]
            gains = f"{_gain(one.greedy, other.greedy)} | {_gain(one.sampled, other.sampled)}"
            lines.append(f"| {one.title} | {other.title} | {gains} |")
    return "\n".join(lines)


def _order_table(found: Mapping[str, Measured]) -> str:
    """The rows that the paper has, in its order and in ours (by sampled pass@1)."""
    known = [one for one in found.values() if one.paper is not None]
    paper = sorted(known, key=lambda one: -(one.paper or 0))
    ours = sorted(known, key=lambda one: -mean(one.sampled_by_seed))
    lines = ["| place | the paper | here, by pass@1 at T=0.8 |", "|---|---|---|"]
    for place, (first, second) in enumerate(zip(paper, ours, strict=True), start=1):
        lines.append(f"| {place} | {first.title} | {second.title} |")
    return "\n".join(lines)


def _gain(after: Passes, before: Passes) -> str:
    problems = list(after)
    difference, low, high = paired_difference([after[p] for p in problems], [before[p] for p in problems])
    return f"{difference * 100:+.1f} [{low * 100:+.1f}, {high * 100:+.1f}]"


def _spread(values: Sequence[float]) -> str:
    """Mean, and the standard deviation over seeds where there is more than one."""
    around = f" ± {stdev(values) * 100:.1f}" if len(values) > 1 else ""
    return f"{mean(values) * 100:.1f}{around} %"


def _percent(value: float) -> str:
    return f"{value * 100:.1f} %"
