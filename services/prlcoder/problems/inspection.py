"""Counts and sizes of a problem set, gathered in one pass."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from prlcoder.problems.model import AssertTests, Problem, Tests

_KINDS = {"AssertTests": "asserts", "CallTests": "calls", "StdioTests": "stdio"}
_EXAMPLE_LINES = 12
_ASSERT = re.compile(r"^[ \t]*assert\b", re.MULTILINE)


@dataclass
class Inspection:
    """Counts over the problems added so far. Memory: two integers per problem."""

    difficulties: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    tests: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    without_solution: int = 0
    example: Problem | None = None

    def add(self, problem: Problem) -> None:
        """Count one problem."""
        self.difficulties[problem.difficulty or "unknown"] += 1
        self.splits[problem.split or "none"] += 1
        self.formats[problem.source] += 1
        self.kinds[_KINDS[type(problem.tests).__name__]] += 1
        self.tests.append(count_tests(problem.tests))
        self.lines.extend(len(solution.rstrip("\n").split("\n")) for solution in problem.solutions)
        self.without_solution += not problem.solutions
        self.example = self.example or problem

    def summary(self) -> dict[str, Any]:
        """All counts as one JSON object."""
        return {
            "problems": len(self.tests),
            "format": dict(self.formats),
            "difficulty": dict(sorted(self.difficulties.items())),
            "split": dict(sorted(self.splits.items())),
            "test_kind": dict(self.kinds),
            "tests_per_problem": spread(self.tests),
            "solutions": len(self.lines),
            "problems_without_solution": self.without_solution,
            "solution_lines": spread(self.lines),
            "example": example(self.example) if self.example else None,
        }

    def table(self) -> str:
        """All counts as text for a terminal."""
        summary = self.summary()
        counts = {
            name: ", ".join(f"{key} {count:,}" for key, count in summary[name].items())
            for name in ("format", "difficulty", "split", "test_kind")
        }
        without = f" ({self.without_solution:,} problems have none)" if self.without_solution else ""
        rows = {
            "problems": f"{summary['problems']:,}",
            "format": counts["format"],
            "difficulty": counts["difficulty"],
            "published split": counts["split"],
            "tests": f"{counts['test_kind']}; {_sizes(self.tests)} per problem",
            "solutions": f"{summary['solutions']:,}{without}",
            "solution lines": _sizes(self.lines),
        }
        width = max(map(len, rows)) + 2
        text = "\n".join(f"{name:<{width}}{value}" for name, value in rows.items())
        return f"{text}\n\n{_example_text(self.example)}" if self.example else text


def count_tests(tests: Tests) -> int:
    """The number of cases, or of the lines of test code that begin with ``assert`` (one in a loop counts once)."""
    if not isinstance(tests, AssertTests):
        return len(tests.cases)
    return len(_ASSERT.findall(tests.source))


def spread(values: list[int]) -> dict[str, float] | None:
    """Minimum, mean, median and maximum; None for an empty list."""
    if not values:
        return None
    return {
        "min": min(values),
        "mean": round(statistics.fmean(values), 2),
        "median": statistics.median(values),
        "max": max(values),
    }


def example(problem: Problem) -> dict[str, Any]:
    """The fields of a problem that ``inspect`` shows."""
    return {
        "id": problem.id,
        "statement": problem.statement,
        "starter_code": problem.starter_code,
        "solution": problem.solutions[0] if problem.solutions else None,
    }


def _sizes(values: list[int]) -> str:
    sizes = spread(values)
    if sizes is None:
        return "none"
    return ", ".join(f"{name} {size:g}" for name, size in sizes.items())


def _example_text(problem: Problem) -> str:
    parts = [f"first problem: {problem.id}", "", _shortened(problem.statement)]
    if problem.solutions:
        parts += ["", "its solution:", "", _shortened(problem.canonical)]
    return "\n".join(parts)


def _shortened(text: str) -> str:
    lines = text.strip("\n").split("\n")
    shown = [f"    {line}".rstrip() for line in lines[:_EXAMPLE_LINES]]
    if len(lines) > _EXAMPLE_LINES:
        shown.append(f"    … {len(lines) - _EXAMPLE_LINES} more lines")
    return "\n".join(shown)
