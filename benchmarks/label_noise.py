"""Measures how many "chosen" mutations are wrong, and how many of these generated tests catch.

    python benchmarks/label_noise.py LeetCodeDataset-v0.3.0-test.jsonl.gz [--given 3] [--limit N]

Each problem keeps only its first ``--given`` tests; the other tests are the reference. ``labels: paper`` labels a
mutation that passes the given tests as chosen. It is *wrong* if it fails the reference. ``labels: strict`` puts it into
``rejected_generated`` if a generated test refutes it, else into ``survivor``. Prints one JSON object; intermediate
counts go to standard error.

A refuted mutation that passes the reference is not proven right, because the reference may also lack the decisive
input. ``--examples N`` prints N such mutations.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from prlcoder.executor import Executor, ResourceLimits
from prlcoder.mutator import RuleTeacher
from prlcoder.problems.model import AssertTests, Problem
from prlcoder.problems.reading import read
from prlcoder.supervision.labelling import execute, label
from prlcoder.supervision.rows import Step

LIMITS = ResourceLimits(cpu_s=10.0, wall_s=20.0, memory_mib=1024)
GROUP = 20  # problems labelled at once


def split_tests(problem: Problem, given: int) -> tuple[Problem, Problem] | None:
    """The problem with its first ``given`` asserts, and with the others; None if there are no others."""
    tests = problem.tests
    if not isinstance(tests, AssertTests) or not tests.check:
        return None
    module = ast.parse(tests.source)
    check = next((node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == "check"), None)
    if check is None or not all(isinstance(statement, ast.Assert) for statement in check.body):
        return None
    if len(check.body) <= given:
        return None

    def with_asserts(statements: list[ast.stmt]) -> Problem:
        body = [replace_body(node, statements) if node is check else node for node in module.body]
        source = ast.unparse(ast.Module(body, type_ignores=[]))
        return replace(problem, tests=replace(tests, source=source))

    return with_asserts(check.body[:given]), with_asserts(check.body[given:])


def replace_body(function: ast.FunctionDef, statements: list[ast.stmt]) -> ast.FunctionDef:
    """The function with another body."""
    return ast.FunctionDef(function.name, function.args, statements, [], lineno=function.lineno, col_offset=0)


def groups(problems: Iterable[tuple[Problem, Problem]]) -> Iterator[list[tuple[Problem, Problem]]]:
    """The problems in lists of ``GROUP``."""
    group: list[tuple[Problem, Problem]] = []
    for pair in problems:
        group.append(pair)
        if len(group) == GROUP:
            yield group
            group = []
    if group:
        yield group


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("problems", help="a LeetCodeDataset file")
    parser.add_argument("--given", type=int, default=3, metavar="N", help="tests that each problem keeps")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N problems")
    parser.add_argument("--workers", type=int, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--examples", type=int, default=0, metavar="N")
    arguments = parser.parse_args()

    began = time.monotonic()
    counts: Counter[str] = Counter()
    split = (split_tests(problem, arguments.given) for problem in read(arguments.problems, limit=arguments.limit))
    with Executor(workers=arguments.workers, limits=LIMITS) as executor:
        for group in groups(pair for pair in split if pair is not None):
            reference = {other.id: other for _, other in group}
            labelled = label(
                [given for given, _ in group],
                mode="block",
                teachers=[RuleTeacher(arguments.seed)],
                executor=executor,
                limits=LIMITS,
                labels="strict",
                seed=arguments.seed,
            )
            assert labelled.referee is not None
            counts.update(labelled.referee.counts())
            counts["problems"] += len(labelled.verified)
            counts["executions"] += labelled.executions
            judged = [
                (f"{step.origin}s", step.bucket, step.problem_id, whole(step))
                for step in labelled.steps
                if step.origin in ("mutation", "refactoring")
            ]
            counts.update(kind for kind, *_ in judged)
            passing = [row for row in judged if row[1] != "rejected"]
            quarantined = [row for row in labelled.quarantine if row["reason"] == "refactoring_fails_generated"]
            counts["refactorings_refuted"] += len(quarantined)
            limits = {verified.problem.id: verified.limits for verified in labelled.verified}
            runs = executor.run(
                execute(reference[problem], program, replace(limits[problem], cpu_s=LIMITS.cpu_s))
                for _, _, problem, program in passing
            )
            for (kind, bucket, problem, program), result in zip(passing, runs, strict=True):
                verdict = "right" if result.passed else "wrong"
                counts[f"{kind}_passing_{verdict}"] += 1
                counts[f"{kind}_{bucket}_{verdict}"] += 1
                if (bucket, verdict) == ("rejected_generated", "right") and arguments.examples:
                    arguments.examples -= 1
                    print(f"--- {problem}\n{program}", file=sys.stderr)
            print(json.dumps({**counts, "seconds": round(time.monotonic() - began)}), file=sys.stderr)
    print(json.dumps({name: counts[name] for name in sorted(counts)}, indent=1))


def whole(step: Step) -> str:
    """The program that a step was judged in."""
    return step.prefix + step.segment + step.rest


if __name__ == "__main__":
    main()
