"""Generated programs, from almost right to noise: each gets a verdict, no ``sandbox_error``, exception or hang, and the
canaries between them pass. ``PRLCODER_FUZZ_SECONDS`` seconds (default 12); ``PRLCODER_FUZZ_SEED`` repeats a run.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from prlcoder.executor import ExecutionRequest, Executor, ResourceLimits, Verdict
from prlcoder.problems.model import AssertTests, CallTest, CallTests, StdioTest, StdioTests, Tests

pytestmark = pytest.mark.needs_sandbox

SECONDS = float(os.environ.get("PRLCODER_FUZZ_SECONDS", "12"))
SEED = int(os.environ.get("PRLCODER_FUZZ_SEED", "20261121"))
LIMITS = ResourceLimits(cpu_s=0.2, wall_s=2.0, memory_mib=256, output_mib=1, processes=6)
CANARY = ExecutionRequest("def f(n):\n    return n + 1\n", CallTests("f", (CallTest((1,), {}, 2),)))
ALL_TESTS: tuple[Tests, ...] = (
    CallTests("f", (CallTest((3,), {}, 4), CallTest(([1, 2],), {}, [2, 3]))),
    StdioTests((StdioTest("3\n", "4\n"), StdioTest("", ""))),
    AssertTests("def check(c):\n    for n in (1, 2):\n        assert c(n) == n + 1\n", "f", check=True),
    AssertTests("assert f(1) == 2\nassert abs(f(0.5) - 1.5) < 1e-6", "f", check=False),
)
ATOMS = (
    "n",
    "0",
    "1",
    "-1",
    "2**70",
    "1e308",
    "float('nan')",
    "'x'",
    "b'\\xff'",
    "'\\ud800'",
    "None",
    "...",
    "[]",
    "{}",
    "set()",
    "(n,)",
    "f",
    "lambda:0",
    "open('t','w')",
    "print",
    "object()",
    "type(n)",
    "iter([n])",
    "range(9)",
    "[n]*99",
    "os",
    "sys",
    "dict(a=n)",
    "complex(0,n)",
    "__builtins__",
    "(i for i in 'ab')",
)
CALLS = (
    "len",
    "str",
    "repr",
    "list",
    "tuple",
    "set",
    "sum",
    "max",
    "abs",
    "hash",
    "iter",
    "next",
    "id",
    "type",
    "vars",
    "dir",
    "print",
    "bytes",
    "bytearray",
    "int",
    "float",
    "sorted",
    "reversed",
    "all",
    "bool",
    "callable",
    "memoryview",
    "frozenset",
    "os._exit",
    "sys.exit",
    "os.close",
    "os.fsencode",
    "exec",
    "eval",
    "compile",
    "input",
    "__import__",
    "os.dup",
    "os.kill",
    "time.sleep",
    "threading.Thread",
    "gc.get_objects",
    "os.listdir",
    "ctypes.c_int",
    "getattr",
)
STATEMENTS = (
    "x = {e}",
    "x = {e} + {e}",
    "return {e}",
    "yield {e}",
    "raise {e}",
    "del n",
    "global n",
    "assert {e}",
    "import {m}",
    "for i in {e}: x = i",
    "while {e}: break",
    "while True: pass",
    "with {e}: pass",
    "try: {e}\n    except Exception: pass",
    "{e}.x = {e}",
    "{e}[{e}] = {e}",
    "print({e})",
    "sys.stdout.write(str({e}))",
    "os.fork()",
    "f({e})",
    "match {e}:\n        case _: pass",
    "class A:\n        __eq__ = lambda *a: {e}",
    "sys.setrecursionlimit({e})",
    "sys.stdout = {e}",
    "os.write(3, b'{e}')",
    "sys.settrace(lambda *a: {e})",
    "threading.Thread(target=lambda: {e}).start()",
    "atexit.register(lambda: {e})",
)
MODULES = (
    "os",
    "sys",
    "time",
    "gc",
    "ctypes",
    "threading",
    "atexit",
    "numpy",
    "signal",
    "resource",
    "socket",
    "marshal",
    "asyncio",
    "subprocess",
    "json",
    "re",
)


def expression(rng: random.Random, depth: int = 0) -> str:
    """A random expression; not always a valid one."""
    if depth > 3 or rng.random() < 0.4:
        return rng.choice(ATOMS)
    if rng.random() < 0.5:
        return f"{rng.choice(CALLS)}({expression(rng, depth + 1)})"
    operator = rng.choice(["+", "-", "*", "//", "%", "**", "==", "in", "and", "if n else", ",", "@"])
    return f"({expression(rng, depth + 1)} {operator} {expression(rng, depth + 1)})"


def program(rng: random.Random) -> str:
    """Statements inside and outside ``f``, now and then damaged as text, now and then no program at all."""
    if rng.random() < 0.05:
        return "".join(
            chr(rng.choice([rng.randrange(128), rng.randrange(0x110000)])) for _ in range(rng.randrange(200))
        )
    lines = [f"import {name}" for name in ("os", "sys", "time", "threading", "gc", "atexit", "ctypes")]

    def statement() -> str:
        text = rng.choice(STATEMENTS)
        while "{e}" in text:
            text = text.replace("{e}", expression(rng), 1)
        return text.replace("{m}", rng.choice(MODULES))

    lines += [statement().replace("\n    ", "\n") for _ in range(rng.randrange(3))] if rng.random() < 0.3 else []
    lines += ["def f(n):", *(f"    {statement()}" for _ in range(rng.randrange(1, 6))), "    return n + 1"]
    lines += ["print(int(input()) + 1)"] if rng.random() < 0.2 else []
    text = "\n".join(lines)
    if rng.random() < 0.15:
        at = rng.randrange(len(text))
        text = text[:at] + chr(rng.randrange(0x3000)) * rng.randrange(3) + text[at + rng.randrange(9) :]
    return text


def executions(rng: random.Random, until: float) -> Iterator[ExecutionRequest]:
    """Programs until the time is up, a canary after each."""
    while time.monotonic() < until:
        limits = LIMITS
        yield ExecutionRequest(program(rng), rng.choice(ALL_TESTS), all_tests=rng.random() < 0.3, limits=limits)
        yield CANARY


@pytest.mark.timeout(600 + 3 * SECONDS)
def test_generated_programs_get_verdicts_and_leave_nothing_behind() -> None:
    rng = random.Random(SEED)
    seen: Counter[Verdict | None] = Counter()
    with Executor(workers=2) as executor:
        given: list[ExecutionRequest] = []

        def noted() -> Iterator[ExecutionRequest]:
            for item in executions(rng, time.monotonic() + SECONDS):
                given.append(item)
                yield item

        for number, result in enumerate(executor.run(noted())):
            item = given[number]
            assert result.verdict is not None, (SEED, result.reason, item.program)
            if item is CANARY:
                assert result.passed, (SEED, result, given[number - 1].program)
            else:
                seen[result.verdict] += 1
    assert sum(seen.values()) > 0
