"""``{"inputs": [...], "outputs": [...], "fn_name": ...}``: the tests of APPS and of data sets derived from it.

With ``fn_name`` each input is a list of arguments; without it, each input is the text on standard input. JSON loses two
facts, which are restored here as in APPS's own harness: integers as keys of dicts, and whether an expected ``[x]`` is
the value ``[x]`` or the value ``x`` (problems from Codewars wrap every answer in a list).
"""

from __future__ import annotations

import re
from typing import Any

from prlcoder.problems.formats.record import FieldError, Record, check_compiles, described
from prlcoder.problems.model import CallTest, CallTests, Comparison, StdioTest, StdioTests, Tests

_LIST_RESULT = re.compile(r"->\s*['\"]?(?:typing\.)?(?:List|list|Sequence|Iterable)\b")
_DECIMAL = re.compile(r"[-+]?\d*\.\d+(?:[eE][-+]?\d+)?")
_CLASS = re.compile(r"^class Solution\b", re.MULTILINE)
_WHOLE_NUMBER = re.compile(r"-?\d{1,4000}")

# The imports that APPS's harness makes before every program, without numpy, which the sandbox may lack.
PREAMBLE = """\
import sys, time, itertools, collections, math, fractions, random, heapq
from itertools import accumulate, product, permutations, combinations
from collections import Counter, OrderedDict, deque, defaultdict, ChainMap
from functools import lru_cache
from math import sqrt, sin, cos, tan, ceil, fabs, floor, gcd, exp, log, log2
from typing import List, Tuple
from heapq import *
"""


def parse_tests(record: Record, function: str, code: str) -> Tests:
    """The tests in ``inputs`` and ``outputs``. ``code`` (starter code, or else a solution) shows how to call.

    Raises ``FieldError`` if there are no tests, if inputs and outputs differ in number, if the function name is not an
    identifier, or if an input is not a list of arguments.
    """
    inputs, outputs = record.items("inputs"), record.items("outputs")
    if not inputs:
        raise FieldError(record.name("inputs"), "is empty", "a problem needs at least one test")
    if len(inputs) != len(outputs):
        raise FieldError(record.name("outputs"), f"{len(outputs)} outputs for {len(inputs)} inputs")
    if function:
        return _calls(record, function, code)
    return stdio_tests(
        [as_text(value, record.name(f"inputs[{index}]")) for index, value in enumerate(inputs)],
        [as_text(value, record.name(f"outputs[{index}]")) for index, value in enumerate(outputs)],
    )


def stdio_tests(inputs: list[str], outputs: list[str]) -> StdioTests:
    """Pairs of standard input and output. If an expected output has a decimal fraction, numbers are compared."""
    cases = tuple(StdioTest(stdin, expected) for stdin, expected in zip(inputs, outputs, strict=True))
    fractions = any(re.fullmatch(_DECIMAL, token) for expected in outputs for token in expected.split())
    return StdioTests(cases, Comparison.FLOATS if fractions else Comparison.LINES)


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


def _calls(record: Record, function: str, code: str) -> CallTests:
    if not function.isidentifier():
        raise FieldError(record.name("fn_name"), f"{function[:60]!r} is not a function's name")
    inputs, outputs = record.items("inputs"), record.items("outputs")
    for index, arguments in enumerate(inputs):
        if not isinstance(arguments, list):
            what = f"a list of arguments was expected, not {described(arguments)}"
            raise FieldError(record.name(f"inputs[{index}]"), what)
    if _wraps_answers(outputs, code):
        outputs = [output[0] for output in outputs]
    cases = (
        CallTest(tuple(map(with_whole_keys, arguments)), {}, with_whole_keys(output))
        for arguments, output in zip(inputs, outputs, strict=True)
    )
    return CallTests(entry_point(function, code), tuple(cases))


def entry_point(function: str, code: str) -> str:
    """The expression that gives ``function``: a method of ``Solution`` if ``code`` has that class, else its name."""
    return f"Solution().{function}" if re.search(_CLASS, code) else function


def with_whole_keys(value: Any) -> Any:
    """A dict whose keys are all integers written as text, with integers as keys; any other value is unchanged."""
    if isinstance(value, dict) and value and all(re.fullmatch(_WHOLE_NUMBER, key) for key in value):
        return {int(key): item for key, item in value.items()}
    return value


def _wraps_answers(outputs: list[Any], code: str) -> bool:
    """Whether every answer is wrapped in a list of length 1.

    Answers are never wrapped where the result is annotated as a list, as in problems from LeetCode.
    """
    wrapped = all(isinstance(output, list) and len(output) == 1 for output in outputs)
    return wrapped and _LIST_RESULT.search(code) is None


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
