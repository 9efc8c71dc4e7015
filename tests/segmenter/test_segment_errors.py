"""What cannot be cut is one kind of error, with a place in the text."""

from __future__ import annotations

import sys
import warnings
from typing import get_args

import pytest

from prlcoder.segmenter import Mode, SegmentationError, segment


def refusal(source: str) -> SegmentationError:
    errors = []
    for mode in get_args(Mode):
        with pytest.raises(SegmentationError) as caught:
            segment(source, mode)
        errors.append((caught.value.message, caught.value.line, caught.value.column))
    assert errors[0] == errors[1]
    return caught.value


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("x = = 1\n", 1, 4),
        ("é = = 1\n", 1, 4),
        ("'''e\nééé''' 1\n", 2, 7),
        ("x = 1\r\ny = = 2\r\n", 2, 4),
        ("x = 1\ry = = 2\r", 2, 4),
        ("x = 1\n  y = 2\n", 2, 1),
        ("x = (1,\n", 1, 4),
        ("x = 'a\n", 1, 4),
        ("\ufeffx = = 1\n", 1, 5),
        ("x = 1\n\ufeffy = 1\n", 2, 0),
        ("x = '\0'\n", 1, 5),
        ("x = 1\r\n# \0\n", 2, 2),
        ("x = 1\né = '\ud800'\n", 2, 5),
        ("\ufeffx = '\udc80'\n", 1, 6),
        ("x\u2028= 1\n", 1, 1),
        ("if x:\ny = 1\n", 2, 0),
        ("def f():\n", 1, 8),
    ],
)
def test_errors_point_at_the_place_in_code_points(source: str, line: int, column: int) -> None:
    error = refusal(source)
    assert (error.line, error.column) == (line, column)
    assert str(error) == f"line {line}, column {column}: {error.message}"


@pytest.mark.parametrize("source", ["", "\n", " \t\n", "# a comment\n", "\ufeff", "\x0c", "\\\n\n"])
def test_a_text_without_statements_has_no_steps(source: str) -> None:
    assert refusal(source).message == "there is no statement in this text"


@pytest.mark.parametrize(
    "source",
    [
        "-" * 100_000 + "1",
        "(" * 100_000,
        "(" * 150 + "1" + ")" * 150 + "[0]" * 100_000,
        "x" + ".a" * 100_000,
        "1" + "+1" * 100_000,
        "lambda:" * 50_000 + "1",
        "x if x else " * 20_000 + "1",
        "".join(" " * depth + "if x:\n" for depth in range(120)) + " " * 120 + "y\n",
    ],
    ids=["minus", "parentheses", "subscripts", "attributes", "sum", "lambda", "conditional", "indentation"],
)
def test_nesting_beyond_the_parser_is_an_error_like_any_other(source: str) -> None:
    assert refusal(source).line >= 1


def test_deep_nesting_within_the_parsers_limits_is_cut() -> None:
    nested = "".join(" " * depth + "if x:\n" for depth in range(90)) + " " * 90 + "y\n"
    assert len(segment(nested, "line")) == 91
    chain = "if x:\n y\n" + "elif x:\n y\n" * 800 + "else:\n z\n"
    assert len(segment(chain, "line")) == 2 * 801 + 1
    assert len(segment(chain, "block")) == 802


def test_source_that_python_warns_about_is_cut_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(segment("x = '\\d'\ny = 0x1for z in w\n", "line")) == 2


@pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695 and PEP 701 need Python 3.12")
def test_the_running_pythons_grammar_decides() -> None:
    pieces = segment("type A = int\ndef f[T](x: T):\n    return f'{f'{x}'}'\n", "line")
    assert [piece.kind for piece in pieces] == ["assign", "header", "return"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="f-strings nest only twice before Python 3.12")
def test_nested_fstrings_are_cut_unless_the_stack_is_deep_already() -> None:
    source = "x = " + "f'{" * 140 + "1" + "}'" * 140 + "\n"

    def at_depth(depth: int) -> int:
        return at_depth(depth - 1) if depth else len(segment(source, "line"))

    assert at_depth(0) == 1
    with pytest.raises(SegmentationError, match="nested too deeply"):
        at_depth(sys.getrecursionlimit() - 250)
