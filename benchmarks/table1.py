"""The paper's Table 1 in miniature: every algorithm on the generated nano problems, with equal rollouts.

    python benchmarks/table1.py plan
    python benchmarks/table1.py run [--seeds 0 1 2] [--rows sft dpo-line ...] [--rates 1]
        [--rollouts 2400] [--minutes 240] [--out FOLDER] [--inputs 0=FOLDER]
    python benchmarks/table1.py table [--out FOLDER]

``run`` prints the plan (rows, estimated minutes), and then calls ``prlcoder run`` for each row and seed. A row is a
manifest in ``examples/table1`` with the fields that ``ROWS`` sets. All rows of a seed start from one base, one
supervision and one reward model, which ``examples/quickstart.yaml`` makes for this seed; ``--inputs 0=FOLDER`` takes
those of a finished quickstart. Every row that samples has 2,400 rollouts; ``--rollouts`` shortens the rows of
reinforcement learning, in multiples of the 120 of an update.

Learning rates are tuned on the validation problems with the first seed: the row's own rate times each of ``FACTORS``,
of which ``--rates`` takes the first few. The test problems are used once per row and seed, with the chosen rate.

The command may be killed and run again: finished runs stay, and ``prlcoder run`` resumes an unfinished one.
``--minutes`` ends the command before the first run that would start after that time. ``table`` writes ``table.md``:
pass@1 of every row, and differences that are paired by problem, with 95 % intervals.

It does not measure time, because the machine may do other work. All seeds use the same problems.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Final

from prlcoder.evaluation.intervals import paired_difference
from prlcoder.files import read_json, write_json
from prlcoder.text import aligned

ROOT: Final = Path(__file__).resolve().parents[1]
EXAMPLES: Final = ROOT / "examples"
FACTORS: Final = (1.0, 0.33, 3.0)  # of the row's own learning rate
ROLLOUTS: Final = 2400
ROLLOUTS_PER_UPDATE: Final = 120
VALUE_SHARE: Final = 0.15  # of PPO's updates train the value model alone: 3 of 20
SUMMARY: Final = Path("evaluation") / "summary.json"

# Measured on 2 idle cores, 24 GiB, at commit fe95f86: examples/ppo.yaml, rloo.yaml and quickstart.yaml.
INPUTS_S: Final = 297.0  # pretrain 168, supervise 50, sft 26, reward 52
PPO_S_PER_ROLLOUT: Final = 182 / 5504
RLOO_S_PER_ROLLOUT: Final = 120 / 5120
EVALUATION_S: Final = 25.0  # 2 policies x 300 problems x 5 programs


@dataclass(frozen=True)
class Row:
    """One row of the table: a manifest, the fields that are set in it, and the policy of its evaluation to report."""

    key: str
    title: str
    manifest: str
    sets: tuple[str, ...] = ()
    stage: str = "policy"
    rate: float = 3e-4
    train_s: float = ROLLOUTS * PPO_S_PER_ROLLOUT
    rollouts: int = ROLLOUTS
    policies: Mapping[str, str] = field(default_factory=dict)
    """Titles of further policies that the same run trains, by their name in the evaluation."""
    paper: float | None = None
    """Pass@1 on APPS+ in the paper's Table 1 or 3, in per cent."""

    @property
    def learns_from_rollouts(self) -> bool:
        """Whether the row is reinforcement learning, so that its number of updates can be chosen."""
        return self.key.startswith("rloo-") or self.key in PPO_ROWS

    def shortened(self, rollouts: int) -> list[str]:
        """The fields that give the row ``rollouts``, if it is reinforcement learning."""
        updates = rollouts // ROLLOUTS_PER_UPDATE
        if not self.learns_from_rollouts or rollouts == ROLLOUTS:
            return []
        ahead = 0 if self.key.startswith("rloo-") else round(VALUE_SHARE * updates)
        fields = [f"policy.rl.updates={updates - ahead}"]
        return [*fields, f"policy.rl.value.pretrainUpdates={ahead}"] if ahead else fields

    @property
    def command(self) -> str:
        """How a user runs the row alone, after ``make quickstart``."""
        named = [f"metadata.name={self.key}"] if self.sets else []
        sets = "".join(f" --set '{one}'" if " " in one else f" --set {one}" for one in (*named, *self.sets))
        return f"prlcoder run examples/table1/{self.manifest}.yaml{sets}"


OUTCOME_ONLY: Final = "policy.rl.rewards=[{kind: verdict}]"


def _rloo(rule: str, title: str, *sets: str) -> Row:
    chosen = (f"policy.rl.credit.rule={rule}", *sets)
    key = f"rloo-{rule}" + ("-execution" if "policy.rl.credit.by=execution" in sets else "")
    return Row(key, f"RLOO, {title}", "rloo", chosen, train_s=ROLLOUTS * RLOO_S_PER_ROLLOUT)


ROWS: Final = (
    Row("sft", "SFT", "sft", stage="sft", train_s=26.0, rollouts=0, paper=30.0),
    Row(
        "dpo-line",
        "DPO, line",
        "dpo-line",
        rate=1e-4,
        train_s=30.0,
        policies={"nll": "NLL on verified steps", "rft": "RFT"},
        paper=36.7,
    ),
    Row("compiler-ppo", "PPO, compiler signal", "compiler-ppo"),
    Row("prm-ppo", "PPO, PRM, line", "prm-ppo", paper=35.2),
    _rloo("outcome", "outcome", OUTCOME_ONLY),
    _rloo("mean", "mean"),
    Row("basic-orm-ppo", "PPO, basic ORM", "basic-orm-ppo", train_s=ROLLOUTS * PPO_S_PER_ROLLOUT + 45, paper=30.8),
    Row("ppocoder", "PPOCoder", "ppocoder", paper=32.1),
    Row("rltf", "RLTF", "rltf", paper=32.4),
    Row("stepcoder", "StepCoder", "stepcoder", train_s=1.3 * ROLLOUTS * PPO_S_PER_ROLLOUT, paper=36.1),
    _rloo("sum", "sum"),
    _rloo("min", "min"),
    _rloo("gated", "gated"),
    _rloo("first-error", "first error by PRM"),
    _rloo("first-error", "first error by execution", "policy.rl.credit.by=execution"),
    _rloo("filter", "filter", OUTCOME_ONLY),
    Row("online-dpo", "online DPO, line", "online-dpo", rate=1e-4, train_s=65.0),
    Row("dpo-block", "DPO, block", "dpo-block", rate=1e-4, train_s=80.0, paper=38.8),
    Row("dai", "PPO, dense and value from PRM", "dai"),
    Row("dai-dense", "PPO, dense, value from policy", "dai", ("policy.rl.value.init=policy",)),
    Row("dai-value", "PPO, outcome, value from PRM", "dai", (OUTCOME_ONLY, "policy.rl.credit.rule=outcome")),
    _rloo("last", "last"),
)
"""All rows, the most important first. ``compiler-ppo`` is also the corner of Dai et al. with neither use of the PRM."""
BASE_PAPER: Final = 29.1


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


def main() -> None:
    """Print the plan, run what is missing, or write the table."""
    arguments = _arguments()
    tables = Tables(arguments.out, arguments.seeds, arguments.rates, arguments.rollouts, dict(arguments.inputs))
    rows = [row for row in ROWS if row.key in arguments.rows]
    if arguments.command != "table":
        print(plan_text(tables, rows), flush=True)
    if arguments.command == "run":
        ends = time.monotonic() + arguments.minutes * 60
        try:
            _run_all(tables, rows, ends)
        except TimeIsOverError:
            print("the time is over; run the same command again to continue", flush=True)
    if arguments.command != "plan":
        text = table_text(tables, rows)
        (tables.out / "table.md").write_text(text, "utf-8")
        print(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("plan", "run", "table"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    keys = [row.key for row in ROWS]
    parser.add_argument("--rows", nargs="+", default=keys, choices=keys, metavar="ROW", help=", ".join(keys))
    parser.add_argument("--rates", type=int, default=2, choices=(1, 2, 3), help="learning rates per row; 1: no tuning")
    parser.add_argument("--rollouts", type=int, default=ROLLOUTS, help="of each row of reinforcement learning")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="start no run after these")
    parser.add_argument("--out", type=Path, default=Path("runs/table1"))
    parser.add_argument("--inputs", nargs="*", default=[], type=_seed_folder, metavar="SEED=FOLDER")
    return parser.parse_args()


def _seed_folder(text: str) -> tuple[int, Path]:
    seed, _, folder = text.partition("=")
    if not seed.isdecimal() or not folder:
        raise argparse.ArgumentTypeError(f"{text!r} is not SEED=FOLDER, such as 0=runs/quickstart")
    return int(seed), Path(folder)


def plan_text(tables: Tables, rows: Sequence[Row]) -> str:
    """The plan as text: one line per row with its rollouts and its estimated minutes, and their sums."""
    lines = [["row", "manifest", "rollouts", "runs", "finished", "minutes"]]
    for row in rows:
        done = sum((tables.tested(row, seed) / SUMMARY).exists() for seed in tables.seeds)
        minutes = f"{tables.seconds(row) / 60:.1f}"
        rollouts = tables.rollouts if row.learns_from_rollouts else row.rollouts
        lines.append([row.title, f"{row.manifest}.yaml", str(rollouts), str(len(tables.seeds)), str(done), minutes])
    made = [seed for seed in tables.seeds if seed not in tables.inputs]
    total = sum(tables.seconds(row) for row in rows) + len(made) * INPUTS_S
    tuned = "no tuning" if tables.rates == 1 else f"{tables.rates} learning rates on the validation problems"
    return (
        f"{aligned(lines)}\n"
        f"seeds {', '.join(map(str, tables.seeds))}; {tuned}; inputs made for {len(made)} seeds; "
        f"about {total / 60:.0f} minutes on two idle cores"
    )


def _run_all(tables: Tables, rows: Sequence[Row], ends: float) -> None:
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


VALIDATION: Final = "evaluation.benchmarks=[{source: validation, samples: 0}]"


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


PPO_ROWS: Final = (
    "compiler-ppo",
    "prm-ppo",
    "basic-orm-ppo",
    "ppocoder",
    "rltf",
    "stepcoder",
    "dai",
    "dai-dense",
    "dai-value",
)


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


if __name__ == "__main__":
    main()
