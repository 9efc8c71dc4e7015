"""Compares verdicts on problems in EvalPlus's form with EvalPlus's own evaluator, sample by sample.

    pip install evalplus
    python benchmarks/evalplus_agreement.py HumanEval.jsonl.gz [--mutants 1000] [--workers 2]

The problems are HumanEval's: the arguments of their asserts become `base_input`, generated inputs become `plus_input`.
They are written as EvalPlus writes its file and read by the format `humanevalplus`; the expected results are those of
the canonical solution, computed on either side by its own means. The samples are the rule teacher's mutations of the
canonical programs. EvalPlus judges each with `untrusted_check`. Every disagreement is listed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalplus.eval import PASS, untrusted_check
from evalplus.gen.util import trusted_exec

from agreement import LIMITS, Mutant, mutants
from prlcoder.executor import ExecutionRequest, Executor
from prlcoder.problems.model import AssertTests, CallTests, Problem
from prlcoder.problems.reading import read
from prlcoder.supervision.generated_inputs import generate, given_calls

PLUS_INPUTS = 16


def main() -> None:
    """Print the share of agreement and every difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="HumanEval.jsonl.gz")
    parser.add_argument("--mutants", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    records = {record["task_id"]: record for record in map(evalplus_record, read(arguments.source)) if record}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plus.jsonl"
        path.write_text("".join(f"{json.dumps(record)}\n" for record in records.values()))
        problems = list(read(str(path)))
    drawn = mutants(problems, arguments.mutants)
    with Executor(workers=arguments.workers, limits=LIMITS) as executor:
        ours = list(executor.run(ExecutionRequest(mutant.program, mutant.problem.tests) for mutant in drawn))
    agreed = passed = 0
    for mutant, result in zip(drawn, ours, strict=True):
        theirs = evalplus_passes(records[mutant.problem.id], mutant)
        agreed += result.passed == theirs
        passed += theirs
        if result.passed != theirs:
            print(
                f"{mutant.problem.id} {mutant.operator}: {result.verdict or result.reason}; EvalPlus passes: {theirs}"
            )
    print(f"{len(problems)} problems, {len(drawn):,} samples, {passed:,} pass in EvalPlus, {agreed:,} verdicts agree")


def evalplus_record(problem: Problem) -> dict[str, Any] | None:
    """The problem as a line of EvalPlus's file; None if its tests are not plain calls."""
    assert isinstance(problem.tests, AssertTests)
    function = problem.tests.entry_point
    base = [list(arguments) for arguments, keywords in given_calls(problem.tests) if not keywords]
    generated = generate(problem, seed=0, count=PLUS_INPUTS)
    plus = [list(case.args) for case in generated.cases] if isinstance(generated, CallTests) else []
    record = {
        "task_id": problem.id,
        "prompt": problem.prompt,
        "entry_point": function,
        "canonical_solution": problem.canonical.removeprefix(problem.prompt),
        "base_input": list(usable(problem.canonical, function, base)),
        "plus_input": list(usable(problem.canonical, function, plus)),
        "atol": 1e-4 if function == "find_zero" else 0,
    }
    return record if record["base_input"] else None


def usable(program: str, function: str, inputs: list[list[Any]]) -> Iterator[list[Any]]:
    """The inputs that JSON expresses exactly and on which the program gives a result."""
    for arguments in inputs:
        try:
            if json.loads(json.dumps(arguments)) == arguments:
                trusted_exec(program, [arguments], function)
                yield arguments
        except Exception:  # whatever the program raises
            continue


def evalplus_passes(record: dict[str, Any], mutant: Mutant) -> bool:
    """The verdict of EvalPlus's evaluator."""
    inputs = record["base_input"] + record["plus_input"]
    expected, times = trusted_exec(mutant.problem.canonical, inputs, record["entry_point"], record_time=True)
    status, _ = untrusted_check(
        "humaneval", mutant.program, inputs, record["entry_point"], expected, record["atol"], times, fast_check=True
    )
    return bool(status == PASS)


if __name__ == "__main__":
    main()
