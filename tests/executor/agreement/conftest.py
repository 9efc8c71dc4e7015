"""Completions as a model might have left them: canonical ones, rule mutants of them, and broken or odd ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from prlcoder.executor import ExecutionRequest, ExecutionResult, Executor, ResourceLimits
from prlcoder.mutator import RuleTeacher
from prlcoder.problems.model import Problem
from prlcoder.segmenter import segment

MUTANTS = int(os.environ.get("AGREEMENT_MUTANTS", "1"))  # of each problem; docs/results.md has the figures for more

BODIES = {
    "empty": "",
    "pass": "    pass\n",
    "constant": "    return 0\n",
    "unfinished": "    return (\n",
    "unindented": "return 1\n",
    "raises": "    raise ValueError('no')\n",
    "exits": "    import sys\n    sys.exit(0)\n",
    "exits hard": "    import os\n    os._exit(0)\n",
    "asks": "    return input()\n",
    "recurses": "    return {entry}({entry})\n",
}
"""What may stand in the place of a body."""

AROUND = "\n_f = {entry}\ndef {entry}(*a, **k):\n    r = _f(*a, **k)\n    return "
ENDINGS = {
    "main guard": "\nif __name__ == '__main__':\n    print({entry}())\n",
    "fails at the end": "\nraise SystemExit(3)\n",
    "ends early": "\nraise SystemExit(0)\n",
    "asks at the end": "\ninput()\n",
    "prints": "\nprint('passed')\n",
    "own check": "\ndef check(candidate):\n    return True\n",
    "gone": "\ndel {entry}\n",
    "list as tuple": f"{AROUND}tuple(r) if type(r) is list else r\n",
    "int as float": f"{AROUND}float(r) if type(r) is int else r\n",
    "text as subclass": f"\nclass _S(str): pass\n{AROUND}_S(r) if type(r) is str else r\n",
    "list as subclass": f"\nclass _L(list): pass\n{AROUND}_L(r) if type(r) is list else r\n",
    "int as subclass": f"\nclass _I(int): pass\n{AROUND}_I(r) if type(r) is int else r\n",
    "list as iterator": f"{AROUND}iter(r) if type(r) is list else r\n",
    "clears": f"{AROUND}[r, *(x.clear() for x in a if type(x) is list and x is not r)][0]\n",
    "twice only": f"\n_n = []\n{AROUND}(_n.append(0), r)[len(_n) > 2 and 1 / 0 or 1]\n",
}
"""What may follow a canonical solution."""


@dataclass(frozen=True)
class Recorded:
    """One completion, and what was done to make it."""

    problem: Problem
    made: str
    program: str

    @property
    def completion(self) -> str:
        """What follows the problem's prompt."""
        return self.program.removeprefix(self.problem.prompt)


def recorded(
    problems: Sequence[Problem], entry: Callable[[Problem], str], head: Callable[[Problem], str]
) -> list[Recorded]:
    """Canonical programs, ``MUTANTS`` mutants of each, and one body and one ending a problem, all in turn (with more
    than 3 mutants: every body and every ending)."""
    found = []
    for number, problem in enumerate(problems):
        found.append(Recorded(problem, "canonical", problem.canonical))
        found += [Recorded(problem, f"mutant {name}", text) for name, text in mutants(problem)]
        for kind, texts, start in (("body", BODIES, head(problem)), ("ending", ENDINGS, problem.canonical)):
            names = list(texts) if MUTANTS > 3 else [list(texts)[number % len(texts)]]
            found += [
                Recorded(problem, f"{kind} {name}", start + texts[name].replace("{entry}", entry(problem)))
                for name in names
            ]
    return found


def mutants(problem: Problem) -> Iterator[tuple[str, str]]:
    """Operator and program of ``MUTANTS`` variants, drawn by their text."""
    segments = segment(problem.canonical, "block")
    teacher = RuleTeacher(0)
    variants = [
        (variant.operator, problem.canonical[: part.start] + variant.text + problem.canonical[part.end :])
        for index, part in enumerate(segments)
        if part.is_step and part.end > len(problem.prompt)
        for variant in teacher.propose(problem.id, problem.canonical, segments, index)
    ]
    yield from sorted(variants, key=lambda pair: zlib.crc32(pair[1].encode()))[:MUTANTS]


@pytest.fixture(scope="module")
def verdicts() -> Iterator[Callable[[Sequence[Recorded]], list[ExecutionResult]]]:
    """Our results on recorded completions."""
    with Executor(workers=2, limits=ResourceLimits(cpu_s=4.0, wall_s=30.0)) as executor:

        def judge(items: Sequence[Recorded]) -> list[ExecutionResult]:
            return list(
                executor.run(ExecutionRequest(one.program, one.problem.tests, one.problem.preamble) for one in items)
            )

        yield judge


@pytest.fixture(scope="session")
def make_recorded() -> Callable[..., list[Recorded]]:
    return recorded


@pytest.fixture(scope="session")
def harness() -> Callable[[list[dict[str, Any]]], list[bool]]:
    """The verdicts of ``harness.py`` on items."""

    def judge(items: list[dict[str, Any]]) -> list[bool]:
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("harness.py"))],
            input=json.dumps(items),
            capture_output=True,
            text=True,
            check=True,
            cwd="/",
        )
        found = [mark == "1" for mark in done.stdout.strip()]
        assert len(found) == len(items)
        return found

    return judge


@pytest.fixture(scope="session")
def one_in() -> Callable[[int, list[Problem]], list[Problem]]:
    """One problem in so many; all of them when more than one mutant of each is asked for."""
    return lambda number, problems: problems[::number] if MUTANTS == 1 else problems
