"""Compares answers with expected values, outside the jail, on bytes or on decoded builtins.

No method of the candidate takes part: ``executor.jailed.values`` decodes to exact builtin types only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from prlcoder.executor.jailed.values import UndecodableError, decode
from prlcoder.problems.model import Comparison

TOLERANCE: Final = 1e-6
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


VALUE_COMPARISONS: Final[dict[Comparison, Callable[[Any, Any], bool]]] = {
    Comparison.VALUE: equal_values,
    Comparison.STRICT: identical_values,
    Comparison.SHALLOW: shallowly_equal,
}


def equal_encoded(answer: bytes, expected: bytes, equal: Callable[[Any, Any], bool]) -> bool:
    """Compare two encoded values. An answer that is much larger than the expected value is not decoded."""
    if len(answer) > _SIZE_SLACK_BYTES + _MAX_SIZE_RATIO * len(expected):
        return False
    try:
        return equal(decode(answer), decode(expected))
    except (UndecodableError, RecursionError):
        return False


def equal_output(answer: bytes, expected: bytes, comparison: Comparison) -> bool:
    """Whether standard output is right under one of the comparisons of output."""
    if comparison is Comparison.EXACT:
        return answer == expected
    if comparison is Comparison.LINES:
        return _lines(answer) == _lines(expected)
    if comparison is Comparison.TOKENS:
        return answer.split() == expected.split()
    if comparison is Comparison.DECIMALS:
        ours, theirs = ([line.strip() for line in output.strip().split(b"\n")] for output in (answer, expected))
        return len(ours) == len(theirs) and all(map(_equal_decimals, ours, theirs))
    if comparison is Comparison.FLOATS:
        return _equal_numbers(answer.split(), expected.split())
    raise ValueError(f"{comparison} compares values, not output")


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


def _equal_numbers(answer: list[bytes], expected: list[bytes]) -> bool:
    return len(answer) == len(expected) and all(map(_equal_token, answer, expected))


def _equal_token(answer: bytes, expected: bytes) -> bool:
    """Equal text, or two finite numbers that are close. Two integers must be equal, because they are not rounded."""
    if answer == expected:
        return True
    if len(answer) > 400 or (_is_integer(expected) and _is_integer(answer)):
        return _is_integer(answer) and _is_integer(expected) and _digits(answer) == _digits(expected)
    try:
        left, right = float(answer), float(expected)
    except ValueError:
        return False
    return math.isclose(left, right, rel_tol=TOLERANCE, abs_tol=TOLERANCE) if math.isfinite(left) else left == right


def _is_integer(token: bytes) -> bool:
    return token.lstrip(b"+-").isdigit() and len(token) - len(token.lstrip(b"+-")) <= 1


def _digits(token: bytes) -> tuple[bool, bytes]:
    """Sign and digits without leading zeros, so that integers of any length compare without being parsed."""
    digits = token.lstrip(b"+-").lstrip(b"0")
    return token.startswith(b"-") and bool(digits), digits
