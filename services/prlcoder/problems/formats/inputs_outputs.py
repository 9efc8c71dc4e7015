"""``{"inputs": [...], "outputs": [...], "fn_name": ...}``: the tests of APPS and of data sets derived from it.

With ``fn_name`` each input is a list of arguments; without it, each input is the text on standard input. Integers as
keys of dicts, which JSON loses, are restored as in APPS's own harness. Answers are compared by its rules too
(``Comparison.APPS``): problems from Codewars wrap every answer in a list, so an expected ``[x]`` accepts ``x``.
"""

from __future__ import annotations

import re
from typing import Any

from prlcoder.problems.formats.record import FieldError, Record, check_compiles, described
from prlcoder.problems.model import CallTest, CallTests, Comparison, StdioTest, StdioTests, Tests

_WHOLE_NUMBER = re.compile(r"-?\d{1,4000}")

# The imports that APPS's harness makes before every program, without numpy, which the sandbox may lack.
PREAMBLE = """\
import sys
sys.set_int_max_str_digits(0)  # the harness has no limit
import time, itertools, collections, math, fractions, random, heapq
from itertools import accumulate, product, permutations, combinations
from collections import Counter, OrderedDict, deque, defaultdict, ChainMap
from functools import lru_cache
from math import sqrt, sin, cos, tan, ceil, fabs, floor, gcd, exp, log, log2
from typing import List, Tuple
from heapq import *
"""


def parse_tests(record: Record, function: str, test_limit_s: float | None = None) -> Tests:
    """The tests in ``inputs`` and ``outputs``, as calls if there is a function name.

    Raises ``FieldError`` if there are no tests, if inputs and outputs differ in number, if the function name is not an
    identifier, or if an input is not a list of arguments.
    """
    inputs, outputs = record.items("inputs"), record.items("outputs")
    if not inputs:
        raise FieldError(record.name("inputs"), "is empty", "a problem needs at least one test")
    if len(inputs) != len(outputs):
        raise FieldError(record.name("outputs"), f"{len(outputs)} outputs for {len(inputs)} inputs")
    if function:
        if not function.isidentifier():
            raise FieldError(record.name("fn_name"), f"{function[:60]!r} is not a function's name")
        return call_tests(inputs, outputs, function, record.name("inputs"), test_limit_s)
    return stdio_tests(
        [as_text(value, record.name(f"inputs[{index}]")) for index, value in enumerate(inputs)],
        [as_text(value, record.name(f"outputs[{index}]")) for index, value in enumerate(outputs)],
        test_limit_s,
    )


def stdio_tests(inputs: list[str], outputs: list[str], test_limit_s: float | None = None) -> StdioTests:
    """Pairs of standard input and output, compared as in APPS's harness."""
    cases = tuple(StdioTest(stdin, expected) for stdin, expected in zip(inputs, outputs, strict=True))
    return StdioTests(cases, Comparison.APPS, test_limit_s=test_limit_s)


def as_text(value: Any, field: str) -> str:
    """Standard input or output as text: a list becomes its lines, any other value becomes what ``print`` shows."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(item if isinstance(item, str) else _printed(item, field) for item in value)
    return _printed(value, field)


def _printed(value: Any, field: str) -> str:
    try:
        return str(value)
    except (ValueError, RecursionError) as error:  # an integer with too many digits, or lists nested too deeply
        raise FieldError(field, f"cannot be shown as text ({error})") from None


def call_tests(
    inputs: list[Any], outputs: list[Any], function: str, field: str, test_limit_s: float | None = None
) -> CallTests:
    """Calls of ``function`` with lists of arguments; ``field`` is how messages name the inputs."""
    for index, arguments in enumerate(inputs):
        if not isinstance(arguments, list):
            what = f"a list of arguments was expected, not {described(arguments)}"
            raise FieldError(f"{field}[{index}]", what)
    cases = tuple(
        CallTest(tuple(map(with_integer_keys, arguments)), {}, _with_integer_keys_inside(output))
        for arguments, output in zip(inputs, outputs, strict=True)
    )
    return CallTests(entry_point(function), cases, Comparison.APPS, test_limit_s=test_limit_s)


def entry_point(function: str) -> str:
    """The expression that gives ``function``: a method of ``Solution`` if the program has that class, else a name."""
    return f"Solution().{function} if 'Solution' in globals() else {function}"


def with_integer_keys(value: Any) -> Any:
    """A dict whose keys are all integers written as text, with integers as keys; any other value is unchanged."""
    if isinstance(value, dict) and value and all(re.fullmatch(_WHOLE_NUMBER, key) for key in value):
        return {int(key): item for key, item in value.items()}
    return value


def _with_integer_keys_inside(output: Any) -> Any:
    """The expected result with integer keys, also if it is a dict that is wrapped in a list."""
    if isinstance(output, list) and output and isinstance(output[0], dict):
        return [with_integer_keys(output[0]), *output[1:]]
    return with_integer_keys(output)


def python_solutions(texts: list[str], field: str) -> tuple[tuple[str, ...], list[int]]:
    """The programs that Python compiles, and the indices of the others (APPS contains Python 2).

    ``FieldError`` if there are programs and none of them compiles.
    """
    kept, left_out = [], []
    for index, text in enumerate(texts):
        try:
            check_compiles(text, field)
            kept.append(text)
        except FieldError:
            left_out.append(index)
    if texts and not kept:
        raise FieldError(field, f"none of the {len(texts)} programs is Python 3")
    return tuple(kept), left_out
