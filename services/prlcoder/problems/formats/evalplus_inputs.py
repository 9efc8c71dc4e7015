"""EvalPlus's own files: inputs without expected results, which the canonical solution gives.

The results are computed in the sandbox and cached (``executor.expected_outputs``). Some tasks accept several results;
they have a checker, or an entry point that reduces the result to what is compared. The rules are those of EvalPlus's
evaluator. ``contract`` (conditions on inputs) is not needed, because the published inputs meet it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from prlcoder.problems.formats.evalplus_code import evalplus_tests, set_of_result
from prlcoder.problems.formats.record import FieldError, Record, described
from prlcoder.problems.model import CallTest, CallTests, Comparison

OWN_FIELDS: Final = frozenset({"task_id", "prompt", "canonical_solution", "entry_point", "base_input", "plus_input"})

# Results of these functions are compared as sets.
_SETS: Final = frozenset(
    {
        "similar_elements",
        "find_char_long",
        "common_in_nested_lists",
        "extract_singly",
        "larg_nnum",
        "intersection_array",
        "find_dissimilar",
        "Diff",
    }
)
# Of these functions it only matters whether there is a result; a program may also answer True or False.
_FOUND: Final = frozenset({"check_str", "text_match_three", "text_starta_endb"})
_CHECKERS: Final[dict[str, str]] = {
    # HumanEval/32: a zero of the polynomial
    "find_zero": """\
def check(arguments, result, expected):
    value = sum(coefficient * result**power for power, coefficient in enumerate(arguments[0]))
    return abs(value) <= {absolute}
""",
    # Mbpp/164: the task does not define which divisors count
    "are_equivalent": """\
def check(arguments, result, expected):
    return True
""",
    # Mbpp/295: 0 is accepted for every number
    "sum_div": """\
def check(arguments, result, expected):
    return result == expected or result == 0
""",
    # Mbpp/581: the height may also be that of the pyramid
    "surface_Area": """\
def check(arguments, result, expected):
    base, height = arguments
    slant = ((base / 2) ** 2 + height**2) ** 0.5
    return result == expected or abs(result - round(base**2 + 2 * base * slant)) <= {absolute}
""",
    # Mbpp/558: numbers of different length may be compared digit by digit from the right
    "digit_distance_nums": """\
def check(arguments, result, expected):
    left, right = map(str, arguments)
    width = max(len(left), len(right))
    pairs = zip(left.zfill(width), right.zfill(width))
    return result == expected or result == sum(abs(int(a) - int(b)) for a, b in pairs)
""",
}


def oracle_tests(record: Record, solution: str, typed: Callable[[list[Any]], tuple[Any, ...]]) -> CallTests:
    """The calls of ``base_input`` and ``plus_input``, with the canonical solution as oracle.

    ``typed`` restores the types of the arguments of one call.
    """
    function = record.filled("entry_point")
    absolute = record.number("atol", 0.0)
    cases = tuple(
        CallTest(_typed(arguments, typed, f"{field}[{index}]"), {}, None)
        for field in ("base_input", "plus_input")
        for index, arguments in enumerate(_inputs(record, field))
    )
    if not cases:
        raise FieldError("base_input", "is empty", "a problem needs at least one test")
    tests = replace(evalplus_tests(_entry_point(function), cases, absolute), oracle=solution)
    if function not in _CHECKERS:
        return tests
    checker = _CHECKERS[function].format(absolute=absolute)
    return replace(tests, comparison=Comparison.VALUE, tolerance=None, checker=checker)


def _entry_point(function: str) -> str:
    if function in _SETS:
        return set_of_result(function)
    if function in _FOUND:
        return f"lambda *arguments: (lambda r: r if isinstance(r, bool) else r is not None)({function}(*arguments))"
    return function


def _inputs(record: Record, field: str) -> list[Any]:
    value = record.nested(field, [])
    if not isinstance(value, list):
        raise FieldError(field, f"a list of calls was expected, not {described(value)}")
    return value


def _typed(arguments: Any, typed: Callable[[list[Any]], tuple[Any, ...]], field: str) -> tuple[Any, ...]:
    if not isinstance(arguments, list):
        raise FieldError(field, f"a list of arguments was expected, not {described(arguments)}")
    try:
        return typed(arguments)
    except (TypeError, ValueError, AttributeError) as error:
        raise FieldError(field, f"does not have the types of this task ({error})") from None
