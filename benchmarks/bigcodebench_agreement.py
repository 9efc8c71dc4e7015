"""Compares verdicts on problems in BigCodeBench's form with BigCodeBench's own evaluator, sample by sample.

    pip install --no-deps bigcodebench && pip install numpy matplotlib
    python benchmarks/bigcodebench_agreement.py [PROBLEMS] [--mutants 300] [--workers 2]

Without PROBLEMS (rows of bigcode/bigcodebench as JSON Lines) the problems are those of ``bigcodebench_records``. The
samples are the canonical programs and the rule teacher's mutations of them. BigCodeBench judges each with
``untrusted_check``, in its calibrated mode. Every disagreement is listed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot  # noqa: F401 (BigCodeBench imports it in every process that it forks for a sample)
from bigcodebench.eval import PASS, untrusted_check

from agreement import LIMITS, Mutant, mutants
from bigcodebench_records import RECORDS
from prlcoder.executor import ExecutionRequest, Executor
from prlcoder.problems.reading import read

TIME_LIMIT_S = 10.0
MEMORY_MIB = 30 * 1024  # BigCodeBench's default for address space and data; its default for the stack is 10 MiB
STACK_MIB = 10


def main() -> None:
    """Print the share of agreement and every difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", type=Path, help="rows of bigcode/bigcodebench as JSON Lines")
    parser.add_argument("--mutants", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    records = RECORDS
    if arguments.source is not None:
        records = [json.loads(line) for line in arguments.source.read_text("utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bigcodebench.jsonl")
        path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
        problems = list(read(str(path), format="bigcodebench"))
    drawn = [Mutant(problem, "canonical", problem.canonical) for problem in problems]
    drawn += mutants(problems, arguments.mutants)
    with Executor(workers=arguments.workers, limits=LIMITS) as executor:
        items = (ExecutionRequest(one.program, one.problem.tests, one.problem.preamble) for one in drawn)
        ours = list(executor.run(items))
    by_id = {record["task_id"]: record for record in records}
    agreed = passed = 0
    for mutant, result in zip(drawn, ours, strict=True):
        theirs = bigcodebench_passes(by_id[mutant.problem.id], mutant.program)
        agreed += result.passed == theirs
        passed += theirs
        if result.passed != theirs:
            ours_said = f"{result.verdict or ''} {result.reason} {result.test_exception}".strip()
            print(f"{mutant.problem.id} {mutant.operator}: {ours_said}; BigCodeBench passes: {theirs}")
    print(
        f"{len(problems)} problems, {len(drawn):,} samples, {passed:,} pass in BigCodeBench, {agreed:,} verdicts agree"
    )


def bigcodebench_passes(record: Mapping[str, str], program: str) -> bool:
    """The verdict of BigCodeBench's evaluator."""
    calibrated = f"{record['code_prompt']}\n    pass\n{program}"
    with contextlib.redirect_stdout(io.StringIO()):
        status, _ = untrusted_check(
            calibrated,
            record["test"],
            record["entry_point"],
            MEMORY_MIB,
            MEMORY_MIB,
            STACK_MIB,
            min_time_limit=TIME_LIMIT_S,
            gt_time_limit=TIME_LIMIT_S,
        )
    return bool(status == PASS)


if __name__ == "__main__":
    main()
