"""Compares the executor's verdicts on mutants with plain runs of the data set's own test code.

    python benchmarks/agreement.py PROBLEMS [PROBLEMS ...] [--mutants 5000] [--workers 2] [--non-literal] [--results F]

The mutants are the rule teacher's mutations of canonical programs. A plain run starts one new interpreter per program,
without isolation, which executes preamble, program and published tests under the same CPU, wall and memory limits; the
program passes if the interpreter exits with 0. Every disagreement is listed, with the limit that either side reached.
With ``--non-literal`` the tests are those of ``non_literal_tests``: the same asserts over iterables, objects, arguments
and callbacks. With ``--results`` the verdicts are kept in a file, so that an interrupted comparison goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from non_literal_tests import FORMS, rewritten
from prlcoder.executor import ExecutionRequest, ExecutionResult, Executor, ResourceLimits, Verdict
from prlcoder.mutator import RuleTeacher
from prlcoder.problems.model import AssertTests, Problem
from prlcoder.problems.reading import read
from prlcoder.segmenter import segment

LIMITS = ResourceLimits(cpu_s=4.0, wall_s=20.0, memory_mib=1024)
CHUNK = 50  # mutants whose verdicts are written together
DRAWN_FOR_NON_LITERAL = 50_000  # mutants from which those with rewritten tests are taken
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "1"}


@dataclass(frozen=True)
class Mutant:
    """One program and whose it is."""

    problem: Problem
    operator: str
    program: str


@dataclass(frozen=True)
class Plain:
    """How the plain run went: passed, and the limit it met, if any."""

    passed: bool
    limit: str


def mutants(problems: list[Problem], count: int) -> list[Mutant]:
    """``count`` mutants (or as many as there are) of segments drawn from all problems."""
    teacher = RuleTeacher(seed=0)
    segments = [(problem, segment(problem.canonical, "block")) for problem in problems]
    places = [(problem, parts, index) for problem, parts in segments for index in range(len(parts))]
    random.Random(0).shuffle(places)
    found: list[Mutant] = []
    for problem, parts, index in places:
        if len(found) >= count:
            break
        for variant in teacher.propose(problem.id, problem.canonical, parts, index):
            program = problem.canonical[: parts[index].start] + variant.text + problem.canonical[parts[index].end :]
            found.append(Mutant(problem, variant.operator, program))
    return found[:count]


def with_non_literal_tests(drawn: list[Mutant]) -> list[Mutant]:
    """The mutants whose tests can be rewritten, in turn with tests of each form."""
    found: list[Mutant] = []
    for mutant in drawn:
        form = FORMS[len(found) % len(FORMS)]
        changed = rewritten(mutant.problem, form)
        if changed is not None:
            problem, suffix = changed
            found.append(Mutant(problem, f"{mutant.operator} ({form})", mutant.program + suffix))
    return found


def run_plainly(mutant: Mutant) -> Plain:
    """A new interpreter in an empty folder."""
    tests = mutant.problem.tests
    assert isinstance(tests, AssertTests)
    call = f"check({tests.entry_point})" if tests.check else ""
    parts = (mutant.problem.preamble, mutant.program, tests.setup, tests.source, call)
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", "-X", "utf8", "-c", "\n".join(parts)],
                cwd=folder,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=LIMITS.wall_s,
                preexec_fn=_limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Plain(False, "wall")
    if done.returncode < 0:
        return Plain(False, "cpu" if done.returncode in (-9, -24) else f"signal {-done.returncode}")
    return Plain(done.returncode == 0, "memory" if b"MemoryError" in done.stderr else "")


def _limit() -> None:
    cpu, memory = int(LIMITS.cpu_s), LIMITS.memory_mib << 20
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def met_limit(result: ExecutionResult) -> str:
    """The limit that the executor's run met, if any."""
    at_limit = result.verdict is Verdict.TIMEOUT or result.reason in ("memory", "output_limit")
    return result.reason if at_limit else ""


@dataclass(frozen=True)
class Comparison:
    """The verdicts on one mutant."""

    mutant: str  # problem and operator
    digest: str  # of problem and program
    verdict: str
    passed: bool
    plain_passed: bool
    limit: str  # that either side met

    @property
    def agrees(self) -> bool:
        return self.passed == self.plain_passed

    def __str__(self) -> str:
        theirs = "passed" if self.plain_passed else "failed"
        return f"{self.mutant}: {self.verdict}, plainly {theirs}; limit: {self.limit or '-'}"


def digest(mutant: Mutant) -> str:
    return hashlib.sha256(f"{mutant.problem.id}\0{mutant.operator}\0{mutant.program}".encode()).hexdigest()[:16]


def compared(drawn: list[Mutant], workers: int) -> Iterator[Comparison]:
    """Each mutant with both results: first all of the executor's, then all plain ones."""
    with Executor(workers=workers, limits=LIMITS) as executor:
        items = (ExecutionRequest(mutant.program, mutant.problem.tests, mutant.problem.preamble) for mutant in drawn)
        results = list(executor.run(items))
    with ThreadPoolExecutor(workers) as pool:
        for mutant, result, plain in zip(drawn, results, pool.map(run_plainly, drawn), strict=True):
            yield Comparison(
                f"{mutant.problem.id} {mutant.operator}",
                digest(mutant),
                f"{result.verdict or 'sandbox_error'} {result.reason}".strip(),
                result.passed,
                plain.passed,
                met_limit(result) or plain.limit,
            )


def compared_once(drawn: list[Mutant], workers: int, path: Path | None) -> list[Comparison]:
    """All comparisons; those in the file are not made again."""
    lines = path.read_text().splitlines() if path is not None and path.exists() else []
    known = {row.digest: row for row in (Comparison(**json.loads(line)) for line in lines)}
    todo = iter([mutant for mutant in drawn if digest(mutant) not in known])
    while chunk := list(islice(todo, CHUNK)):
        found = list(compared(chunk, workers))
        known |= {row.digest: row for row in found}
        if path is not None:
            with path.open("a") as file:
                file.writelines(f"{json.dumps(asdict(row))}\n" for row in found)
    return [known[digest(mutant)] for mutant in drawn]


def main() -> None:
    """Print the share of agreement and every difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", help="problem files whose tests are asserts")
    parser.add_argument("--mutants", type=int, default=5000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--non-literal", action="store_true", help="asserts over iterables, objects and arguments")
    parser.add_argument("--results", type=Path, metavar="F.jsonl", help="file that keeps the verdicts")
    arguments = parser.parse_args()
    problems = [
        problem
        for source in arguments.sources
        for problem in read(source, skip_invalid=True)
        if problem.solutions and isinstance(problem.tests, AssertTests)
    ]
    if arguments.non_literal:
        drawn = with_non_literal_tests(mutants(problems, DRAWN_FOR_NON_LITERAL))[: arguments.mutants]
    else:
        drawn = mutants(problems, arguments.mutants)
    rows = compared_once(drawn, arguments.workers, arguments.results)
    verdicts = Counter(row.verdict.partition(" ")[0] for row in rows)
    reasons = Counter(row.verdict for row in rows if row.verdict.endswith("own_object"))
    differences = [row for row in rows if not row.agrees]
    agreed, explained = len(rows) - len(differences), sum(bool(row.limit) for row in differences)
    print(f"{len(rows):,} mutants of {len({mutant.problem.id for mutant in drawn}):,} problems: {dict(verdicts)}")
    print(f"own_object: {sum(reasons.values()):,}; passed plainly: {sum(row.plain_passed for row in rows):,}")
    print(f"agreement {agreed:,} ({agreed / len(rows):.3%}); of {len(differences)} others {explained} met a limit")
    print("\n".join(map(str, differences)))


if __name__ == "__main__":
    main()
