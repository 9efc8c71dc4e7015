"""Refactored programs run and give the same answers: own programs always, the data sets' where they are present.

The programs run in one plain subprocess with an alarm each; they are the data sets' own and were verified.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from prlcoder.mutator import RuleTeacher
from prlcoder.segmenter import segment

Case = tuple[str, str, str]  # program, tests, what to say if they fail

RUNNER = """
import contextlib, io, json, signal, sys
def late(*_): raise TimeoutError
signal.signal(signal.SIGALRM, late)
for line in sys.stdin:
    program, tests, name = json.loads(line)
    signal.alarm(10)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            scope = {"__name__": "candidate"}
            exec(program, scope)
            exec(tests, scope)
    except BaseException as error:
        print(json.dumps([name, repr(error), program]))
    finally:
        signal.alarm(0)
"""

COLLATZ = """
def collatz(n):
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        steps += 1
    return steps
"""
TABLE = """
def table(rows: list[list[int]], k: int) -> int:
    total, best = 0, []
    for i in range(len(rows)):
        for j in range(1, k):
            if rows[i][j] > k and j >= 1:
                total += rows[i][j] * 2 + j
    best = [x * x for x in rows[0] if x > 1]
    if len(best) == 0:
        return total
    elif total < 0:
        return -1
    if not (total < k or k < 0):
        total = total + k ** 2
    return total if 0 <= total < 1000 else sum(best)
"""
WORDS = """
def words(text):
    seen = {}
    for w in text.split():
        if w in seen:
            seen[w] += 1
        else:
            seen[w] = 1
    names = sorted(seen, key=lambda w: (-seen[w], w))
    return names
"""
GROW = """
def grow(xs):
    ys = xs
    ys += [len(xs)]
    def inner(d):
        if d:
            return inner(d - 1) + 1
        else:
            return 0
    ok = True if not inner(3) == 3 else False
    return xs, ok
"""
OWN = [
    (COLLATZ, "assert [collatz(n) for n in (1, 6, 7, 27)] == [0, 8, 16, 111]"),
    (
        TABLE,
        "assert [table([[1, 5, 2], [7, 8, 9]], 3), table([[1, 0, 1]], 2), table([[3, 999]], 2)] == [57, 0, 998010]",
    ),
    (WORDS, "assert words('b a b c a b') == ['b', 'a', 'c']"),
    (GROW, "assert grow([5]) == ([5, 1], False)"),
]


def refactored(name: str, program: str, tests: str) -> Iterator[Case]:
    """Every refactoring of every block and line of a program."""
    teacher = RuleTeacher(0, mutations=0, refactorings=100)
    for mode in ("block", "line"):
        parts = segment(program, mode)  # type: ignore[arg-type]
        for index, part in enumerate(parts):
            for variant in teacher.propose(name, program, parts, index):
                whole = program[: part.start] + variant.text + program[part.end :]
                yield whole, tests, f"{name}: {variant.operator}: {part.text!r} -> {variant.text!r}"


def failures(cases: list[Case]) -> list[str]:
    """Those that do not pass, with the exception."""
    feed = "".join(json.dumps(case) + "\n" for case in cases)
    command = [sys.executable, "-W", "ignore", "-c", RUNNER]
    done = subprocess.run(command, input=feed, capture_output=True, text=True, timeout=300, check=True)
    return done.stdout.splitlines()


def test_on_own_programs() -> None:
    cases = [case for number, (program, tests) in enumerate(OWN) for case in refactored(str(number), program, tests)]
    used = {case[2].split(": ")[1] for case in cases}
    assert len(cases) > 50
    assert len(used) >= 14
    assert failures([(program, tests, "as written") for program, tests in OWN]) == []
    assert failures(cases) == []


def test_the_runner_notices_a_wrong_program() -> None:
    program, tests = OWN[0]
    assert len(failures([(program.replace("steps += 1", "steps += 2"), tests, "wrong")])) == 1


def real(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Name, program and tests of a sample of HumanEval and MBPP."""
    with gzip.open(folder / "HumanEval.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in list(map(json.loads, file))[::8]:
            program = row["prompt"] + row["canonical_solution"]
            yield row["task_id"], program, f"{row['test']}\ncheck({row['entry_point']})"
    with gzip.open(folder / "mbpp.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in list(map(json.loads, file))[::12]:
            yield f"MBPP/{row['task_id']}", row["code"], "\n".join([row["test_setup_code"], *row["test_list"]])


def test_on_real_solutions(shared_data: Path) -> None:
    cases = [case for problem in real(shared_data) for case in refactored(*problem)]
    assert len(cases) > 500
    assert failures(cases) == []
