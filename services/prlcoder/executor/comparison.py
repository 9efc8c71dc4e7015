"""Compares answers with expected values, outside the jail, on bytes or on decoded builtins.

No method of the candidate takes part: ``executor.jailed.values`` decodes to exact builtin types only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Final

from prlcoder.executor.jailed.values import UndecodableError, decode
from prlcoder.problems.model import Comparison, Tolerance

TOLERANCE: Final = 1e-6
_EVALPLUS_FLOATS: Final = Tolerance(absolute=1e-6, relative=1e-7)
_APPS_NUMBERS: Final = Tolerance(absolute=1e-8, relative=1e-5)
# Equal values can differ in encoded size by at most this factor: a bool takes one byte, a complex number takes 17.
_MAX_SIZE_RATIO: Final = 20
_SIZE_SLACK_BYTES: Final = 1 << 16


def equal_values(left: Any, right: Any) -> bool:
    """Python's equality, but a tuple equals a list with equal items, at every depth."""
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(equal_values, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return len(left) == len(right) and all(
            key in right and equal_values(value, right[key]) for key, value in left.items()
        )
    return bool(left == right)


def identical_values(left: Any, right: Any) -> bool:
    """The same type and the same value at every depth. Two NaNs are identical; 0.0 and -0.0 are not."""
    if type(left) is not type(right):
        return False
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(identical_values, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(identical_values(left[key], right[key]) for key in left)
    if isinstance(left, (set, frozenset)):
        return bool(left == right) and {(type(item), item) for item in left} == {(type(item), item) for item in right}
    if isinstance(left, float):
        same_sign = math.copysign(1.0, left) == math.copysign(1.0, right)
        return (left == right and same_sign) or (left != left and right != right)
    return bool(left == right)


def shallowly_equal(answer: Any, expected: Any) -> bool:
    """Python's equality, but an answer that is a tuple counts as a list. Tuples inside it stay tuples."""
    return bool((list(answer) if isinstance(answer, tuple) else answer) == expected)


def apps_equal(answer: Any, expected: Any) -> bool:
    """Python's equality as in APPS's harness: a tuple counts as a list, and an expected ``[x]`` accepts ``x`` too.

    The harness accepts the first item of a longer list too; this does not, because such an answer is incomplete.
    """
    answer = list(answer) if isinstance(answer, tuple) else answer
    if answer == expected:
        return True
    if not (isinstance(expected, list) and len(expected) == 1):
        return False
    if answer == expected[0]:
        return True
    holds_tuples = isinstance(answer, list) and answer and isinstance(answer[0], tuple)
    try:
        return bool(holds_tuples and [list(item) for item in answer] == expected[0])
    except TypeError:  # an item that is no sequence
        return False


def evalplus_equal(answer: Any, expected: Any, tolerance: Tolerance | None = None) -> bool:
    """Python's equality, or numbers that are close, as in EvalPlus's evaluator.

    Without a ``tolerance``, only floats and sequences of floats have one, of 1e-6. Answer and expected value must be of
    the same type.
    """
    if answer == expected:
        return True
    if tolerance is None:
        if not _is_floats(expected):
            return False
        tolerance = _EVALPLUS_FLOATS
    return type(answer) is type(expected) and _close(answer, expected, tolerance)


def _is_floats(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(item, float) for item in value)
    return isinstance(value, float)


def _close(answer: Any, expected: Any, tolerance: Tolerance) -> bool:
    """Numbers, or sequences of numbers of the same shape, within the tolerance (numpy's ``allclose``)."""
    if isinstance(expected, (list, tuple)):
        return (
            isinstance(answer, (list, tuple))
            and len(answer) == len(expected)
            and all(_close(left, right, tolerance) for left, right in zip(answer, expected, strict=True))
        )
    return _close_numbers(answer, expected, tolerance)


def _close_numbers(answer: Any, expected: Any, tolerance: Tolerance) -> bool:
    if not (isinstance(answer, (int, float, complex)) and isinstance(expected, (int, float, complex))):
        return False
    if answer == expected:
        return True
    try:
        difference = abs(answer - expected)
        return math.isfinite(difference) and difference <= tolerance.absolute + tolerance.relative * abs(expected)
    except OverflowError:  # an integer beyond all floats
        return False


def tolerant(
    equal: Callable[[Any, Any], bool], tolerance: Tolerance, *, same_types: bool = False
) -> Callable[[Any, Any], bool]:
    """``equal``, but a float or complex number at any depth may differ from the expected value by the tolerance.

    With ``same_types``, an integer is not close to a float.

    >>> tolerant(equal_values, Tolerance(absolute=0.1))([1.05, "a"], [1, "a"])
    True
    """

    def compare(answer: Any, expected: Any) -> bool:
        return equal(answer, expected) or equal(_snapped(answer, expected, tolerance, same_types), expected)

    return compare


def _snapped(answer: Any, expected: Any, tolerance: Tolerance, same_types: bool) -> Any:
    """The answer with every number that is close enough replaced by the expected one. Two integers stay as they are."""
    if isinstance(answer, (list, tuple)) and isinstance(expected, (list, tuple)) and len(answer) == len(expected):
        items = (_snapped(left, right, tolerance, same_types) for left, right in zip(answer, expected, strict=True))
        return type(answer)(items)
    if isinstance(answer, dict) and isinstance(expected, dict):
        return {
            key: _snapped(value, expected[key], tolerance, same_types) if key in expected else value
            for key, value in answer.items()
        }
    types = {type(answer), type(expected)}
    is_float = not types.isdisjoint((float, complex)) and bool not in types and not (same_types and len(types) > 1)
    return expected if is_float and _close_numbers(answer, expected, tolerance) else answer


VALUE_COMPARISONS: Final[dict[Comparison, Callable[[Any, Any], bool]]] = {
    Comparison.VALUE: equal_values,
    Comparison.STRICT: identical_values,
    Comparison.SHALLOW: shallowly_equal,
    Comparison.APPS: apps_equal,
    Comparison.EVALPLUS: evalplus_equal,
}


def value_comparison(comparison: Comparison, tolerance: Tolerance | None) -> Callable[[Any, Any], bool]:
    """The function that compares an answer with an expected value."""
    if tolerance is None:
        return VALUE_COMPARISONS[comparison]
    if comparison is Comparison.EVALPLUS:
        return partial(evalplus_equal, tolerance=tolerance)
    return tolerant(VALUE_COMPARISONS[comparison], tolerance, same_types=comparison is Comparison.STRICT)


def equal_encoded(answer: bytes, expected: bytes, equal: Callable[[Any, Any], bool]) -> bool:
    """Compare two encoded values. An answer that is much larger than the expected value is not decoded."""
    if len(answer) > _SIZE_SLACK_BYTES + _MAX_SIZE_RATIO * len(expected):
        return False
    try:
        return equal(decode(answer), decode(expected))
    except (UndecodableError, RecursionError):
        return False


def equal_output(answer: bytes, expected: bytes, comparison: Comparison, tolerance: Tolerance | None = None) -> bool:
    """Whether standard output is right under one of the comparisons of output.

    With a ``tolerance``, numbers in the output may differ from the expected ones by it, except under ``EXACT``.
    """
    if comparison is Comparison.EXACT:
        return answer == expected
    if comparison is Comparison.APPS:
        ours, theirs = ([line for line in _stripped_lines(output) if line] for output in (answer, expected))
        return _equal_number_lines(ours, theirs, tolerance or _APPS_NUMBERS)
    if tolerance is not None:
        if comparison in (Comparison.LINES, Comparison.DECIMALS):
            return _equal_number_lines(_lines(answer), _lines(expected), tolerance)
        return _equal_numbers(answer.split(), expected.split(), tolerance)
    if comparison is Comparison.LINES:
        return _lines(answer) == _lines(expected)
    if comparison is Comparison.TOKENS:
        return answer.split() == expected.split()
    if comparison is Comparison.DECIMALS:
        ours, theirs = (_stripped_lines(output.strip()) for output in (answer, expected))
        return len(ours) == len(theirs) and all(map(_equal_decimals, ours, theirs))
    if comparison is Comparison.FLOATS:
        return _equal_numbers(answer.split(), expected.split())
    raise ValueError(f"{comparison} compares values, not output")


def _stripped_lines(output: bytes) -> list[bytes]:
    return [line.strip() for line in output.split(b"\n")]


def _equal_number_lines(answer: list[bytes], expected: list[bytes], tolerance: Tolerance) -> bool:
    """Equally many lines that are equal, or whose tokens are."""
    return len(answer) == len(expected) and all(
        left == right or _equal_numbers(left.split(), right.split(), tolerance)
        for left, right in zip(answer, expected, strict=True)
    )


def _lines(output: bytes) -> list[bytes]:
    lines = [line.rstrip() for line in output.split(b"\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _equal_decimals(answer: bytes, expected: bytes) -> bool:
    """Equal lines, or lines with the same number of tokens and exactly equal decimals: 1.50 equals 1.5."""
    if answer == expected:
        return True
    try:
        return [*map(_decimal, answer.split())] == [*map(_decimal, expected.split())]
    except (InvalidOperation, UnicodeDecodeError):
        return False


def _decimal(token: bytes) -> Decimal:
    return Decimal(token.decode())


def _equal_numbers(answer: list[bytes], expected: list[bytes], tolerance: Tolerance | None = None) -> bool:
    return len(answer) == len(expected) and all(
        _equal_token(left, right, tolerance) for left, right in zip(answer, expected, strict=True)
    )


def _equal_token(answer: bytes, expected: bytes, tolerance: Tolerance | None) -> bool:
    """Equal text, or two finite numbers that are close. Two integers must be equal, because they are not rounded."""
    if answer == expected:
        return True
    if len(answer) > 400 or (_is_integer(expected) and _is_integer(answer)):
        return _is_integer(answer) and _is_integer(expected) and _digits(answer) == _digits(expected)
    try:
        left, right = float(answer), float(expected)
    except ValueError:
        return False
    if tolerance is not None:
        return _close_numbers(left, right, tolerance)
    return math.isclose(left, right, rel_tol=TOLERANCE, abs_tol=TOLERANCE) if math.isfinite(left) else left == right


def _is_integer(token: bytes) -> bool:
    return token.lstrip(b"+-").isdigit() and len(token) - len(token.lstrip(b"+-")) <= 1


def _digits(token: bytes) -> tuple[bool, bytes]:
    """Sign and digits without leading zeros, so that integers of any length compare without being parsed."""
    digits = token.lstrip(b"+-").lstrip(b"0")
    return token.startswith(b"-") and bool(digits), digits
