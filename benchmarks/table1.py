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
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from prlcoder.text import aligned
from table1_figures import table_text
from table1_rows import ROLLOUTS, ROWS, Row
from table1_runs import SUMMARY, Tables, TimeIsOverError, run_all

# Measured on 2 idle cores, 24 GiB, at commit fe95f86: pretrain 168, supervise 50, sft 26, reward 52.
INPUTS_S: Final = 297.0


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
            run_all(tables, rows, ends)
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


if __name__ == "__main__":
    main()
