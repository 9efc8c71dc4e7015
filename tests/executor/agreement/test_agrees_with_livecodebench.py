"""Verdicts on problems in LiveCodeBench's form are those of its own procedure, but for the differences listed here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prlcoder.executor import ExecutionRequest, Executor, ResourceLimits
from prlcoder.problems.formats.livecodebench import PREAMBLE
from prlcoder.problems.reading import read

pytestmark = pytest.mark.needs_sandbox
SUM = [["2\n1 2\n", "3\n"], ["3\n4 5 6\n", "15\n"], ["1\n7\n", "7\n"]]
MEAN = [["1 2\n", "1.5\nok\n"], ["2 2\n", "2\nok\n"]]
PAIRS = [["[3, 1, 2]\n2", "[[1, 2], [2, 3]]"], ["[]\n2", "[]"]]

SUM_PROGRAMS = {
    "canonical": "n = int(input())\nprint(sum(map(int, input().split())))\n",
    "reads all": "import sys\nprint(sum(map(int, sys.stdin.read().split()[1:])))\n",
    "reads lines": "import sys\nn, *rest = sys.stdin.readlines()\nprint(sum(int(x) for x in rest[0].split()))\n",
    "reads the buffer": "import sys\nprint(sum(map(int, sys.stdin.buffer.read().split()[1:])))\n",
    "opens 0": "print(sum(map(int, open(0).read().split()[1:])))\n",
    "in a function": "def main():\n    input()\n    print(sum(map(int, input().split())))\n\nmain()\n",
    "behind a guard": "def main():\n    input()\n    print(sum(map(int, input().split())))\n\n"
    "if __name__ == '__main__':\n    main()\n",
    "star imports": "input()\nprint(reduce(add, map(int, input().split())))\n",
    "typing": "def f(a: List[int]) -> int:\n    return sum(a)\ninput()\nprint(f(list(map(int, input().split()))))\n",
    "leaves with 0": "input()\nprint(sum(map(int, input().split())))\nexit(0)\n",
    "recurses": "import sys\nsys.setrecursionlimit(10000)\n"
    "def f(n):\n    return n and 1 + f(n - 1)\ninput()\nprint(sum(map(int, input().split())) + f(3000) - 3000)\n",
    "spaces": "input()\nprint('  ', sum(map(int, input().split())), '  ')\nprint()\n",
    "blank line before": "input()\nprint()\nprint(sum(map(int, input().split())))\n",
    "as a float": "input()\nprint(float(sum(map(int, input().split()))))\n",
    "nearly": "input()\nprint(sum(map(int, input().split())) + 1e-9)\n",
    "exponent": "input()\nprint(f'{sum(map(int, input().split()))}E0')\n",
    "two lines": "input()\nprint(sum(map(int, input().split())), end='\\n0\\n')\n",
    "says nothing": "input()\n",
    "prompts": "input('n? ')\nprint(sum(map(int, input().split())))\n",
    "wrong later": "n = int(input())\nprint(3 if n == 2 else 0)\n",
    "raises": "raise ValueError\n",
    "raises afterwards": "input()\nprint(sum(map(int, input().split())))\nraise ValueError\n",
    "does not parse": "print(\n",
    "no import of its own": "import numpyy\n",
    "global at the top": "total = 0\ndef add_to(x):\n    global total\n    total += x\ninput()\n"
    "for x in input().split():\n    add_to(int(x))\nprint(total)\n",
    "leaves with 1": "import sys\ninput()\nprint(sum(map(int, input().split())))\nsys.exit(1)\n",
    "reads to the end": "import sys\nlines = []\nwhile line := sys.stdin.readline():\n    lines.append(line)\n"
    "print(sum(map(int, lines[1].split())))\n",
    "input to the end": "lines = []\ntry:\n    while True:\n        lines.append(input())\nexcept EOFError:\n    pass\n"
    "print(sum(map(int, lines[1].split())))\n",
    "guard in between": "def main():\n    input()\n    print(sum(map(int, input().split())))\n"
    "if __name__ == '__main__':\n    main()\ndone = True\n",
    "leaves hard": "import os\ninput()\nprint(sum(map(int, input().split())), flush=True)\nos._exit(0)\n",
}
MEAN_PROGRAMS = {
    "canonical": "a, b = map(int, input().split())\nprint((a + b) / 2)\nprint('ok')\n",
    "rounded": "a, b = map(int, input().split())\nprint(f'{(a + b) / 2:.3f}')\nprint('ok')\n",
    "a word wrong": "a, b = map(int, input().split())\nprint((a + b) / 2)\nprint('OK')\n",
    "on one line": "a, b = map(int, input().split())\nprint((a + b) / 2, 'ok')\n",
}
METHOD = "class Solution:\n    def pairs(self, nums: List[int], k: int) -> List[List[int]]:\n"
PAIRS_PROGRAMS = {
    "canonical": METHOD + "        nums.sort()\n        return [list(p) for p in zip(nums, nums[1:])]\n",
    "outer tuple": METHOD + "        nums.sort()\n        return tuple(list(p) for p in zip(nums, nums[1:]))\n",
    "inner tuples": METHOD + "        nums.sort()\n        return list(zip(nums, nums[1:]))\n",
    "iterator": METHOD + "        nums.sort()\n        return iter([list(p) for p in zip(nums, nums[1:])])\n",
    "floats": METHOD + "        nums.sort()\n        return [[float(x) for x in p] for p in zip(nums, nums[1:])]\n",
    "pairwise": METHOD + "        return [list(p) for p in pairwise(sorted(nums))]\n",
    "prints": METHOD + "        print('hello')\n        return [list(p) for p in pairwise(sorted(nums))]\n",
    "none": METHOD + "        pass\n",
    "another name": "class Solution:\n    def other(self, nums, k):\n        return []\n",
    "plain function": "def pairs(nums, k):\n    return [list(p) for p in pairwise(sorted(nums))]\n",
    "raises": METHOD + "        raise KeyError(k)\n",
    "main guard": METHOD + "        return [list(p) for p in pairwise(sorted(nums))]\n\n"
    "if __name__ == '__main__':\n    print(Solution().pairs(input()))\n",
    "too few arguments": "class Solution:\n    def pairs(self, nums):\n        return []\n",
    "remembers": "class Solution:\n    def __init__(self):\n        self.calls = 0\n"
    "    def pairs(self, nums, k):\n        self.calls += 1\n"
    "        return [list(p) for p in pairwise(sorted(nums))] if self.calls == 1 else None\n",
    "leaves after the answer": METHOD + "        import atexit, os\n        atexit.register(os._exit, 3)\n"
    "        return [list(p) for p in pairwise(sorted(nums))]\n",
}
# What we pass and LiveCodeBench fails (True), or the other way round (False), and why.
DIFFERENT = {
    "global at the top": (True, "its wrapping turns module variables into locals, which `global` does not see"),
    "opens 0": (
        True,
        "its replacement of `open` is not seen by programs, whose `open` came with `from builtins import *`",
    ),
    "guard in between": (True, "it unwraps only a guard that is the last statement"),
    "leaves hard": (True, "the process that runs all tests is gone; here each test is a run of its own"),
    "remembers": (True, "one `Solution()` for all tests there; a new one for each call here, as in LeetCode's judge"),
    "leaves with 1": (False, "it ignores exit codes; a non-zero one is a runtime error here (contracts, 2)"),
}


def write_problems(path: Path) -> None:
    """Three problems as ``test.jsonl`` has them."""

    def row(id: str, kind: str, cases: list[list[str]], **more: Any) -> str:
        tests = [{"input": given, "output": expected, "testtype": kind} for given, expected in cases]
        texts = {"question_title": id, "question_content": id, "question_id": id, "contest_id": "c"}
        return json.dumps(
            {
                **texts,
                "platform": "atcoder",
                "contest_date": "2024-08-31T00:00:00",
                "starter_code": "",
                "difficulty": "easy",
                "public_test_cases": json.dumps(tests[:1]),
                "private_test_cases": json.dumps(tests[1:]),
                "metadata": "{}",
                **more,
            }
        )

    functional = {"starter_code": METHOD, "metadata": json.dumps({"func_name": "pairs"})}
    rows = [row("sum", "stdin", SUM), row("mean", "stdin", MEAN), row("pairs", "functional", PAIRS, **functional)]
    path.write_text("\n".join(rows) + "\n")


def test_every_verdict_is_livecodebenchs_or_a_listed_difference(
    tmp_path: Path, harness: Callable[[list[dict[str, Any]]], list[bool]]
) -> None:
    write_problems(tmp_path / "test.jsonl")
    problems = {problem.id: problem for problem in read(str(tmp_path / "test.jsonl"), format="livecodebench")}
    sets = {"sum": (SUM, SUM_PROGRAMS), "mean": (MEAN, MEAN_PROGRAMS), "pairs": (PAIRS, PAIRS_PROGRAMS)}
    items = [(id, name, program) for id, (_, programs) in sets.items() for name, program in programs.items()]
    with Executor(workers=2, limits=ResourceLimits(cpu_s=4.0, wall_s=30.0)) as executor:
        runs = (ExecutionRequest(program, problems[id].tests, problems[id].preamble) for id, _, program in items)
        ours = [result.passed for result in executor.run(runs)]
    theirs = harness(
        [
            {
                "procedure": "calls" if id == "pairs" else "stdio",
                "imports": PREAMBLE,
                "code": program,
                "cases": sets[id][0],
                "fn_name": "pairs",
                "patience_s": 6,
            }
            for id, _, program in items
        ]
    )
    different = {name: we for (_, name, _), we, they in zip(items, ours, theirs, strict=True) if we != they}
    assert different == {name: we for name, (we, _) in DIFFERENT.items()}
    assert sum(theirs) > 15
