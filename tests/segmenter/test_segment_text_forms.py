"""The text is taken as it is: line ends, white space, comments, marks and letters of every sort."""

from __future__ import annotations

from typing import get_args

import pytest

from prlcoder.segmenter import KINDS, Mode, segment
from prlcoder.segmenter.lines import logical_lines

MODES = get_args(Mode)


def texts(source: str, mode: Mode = "line") -> list[str]:
    return [piece.text for piece in segment(source, mode)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_of_python_ends_a_line(end: str) -> None:
    rows = ["def f(x):", "    y = '''a", "b'''", "", "    # why", "    return y"]
    assert texts(end.join(rows) + end) == [
        f"def f(x):{end}",
        f"    y = '''a{end}b'''{end}{end}",
        f"    # why{end}    return y{end}",
    ]


def test_line_ends_may_be_mixed_and_escaped() -> None:
    assert texts("a = 1\r\nb = 2\rc = 3 + \\\r\n  4\nd = 'x\\\r\ny'\r\n") == [
        "a = 1\r\n",
        "b = 2\r",
        "c = 3 + \\\r\n  4\n",
        "d = 'x\\\r\ny'\r\n",
    ]


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_separators_that_str_splitlines_knows_do_not_end_a_line(separator: str) -> None:
    assert texts(f"a = '{separator}'  # {separator} b\nc = 1\n") == [
        f"a = '{separator}'  # {separator} b\n",
        "c = 1\n",
    ]


def test_form_feeds_are_white_space() -> None:
    assert texts("a = 1\x0c\n\x0c\n\x0cb = 2\nif a:\n  \x0c c\n") == [
        *("a = 1\x0c\n\x0c\n", "\x0cb = 2\n", "if a:\n", "  \x0c c\n"),
    ]


def test_tabs_stay_tabs() -> None:
    source = "def f(x):\n\tif x:\n\t\treturn\t1\n\treturn 2\n"
    assert texts(source) == source.splitlines(keepends=True)


def test_offsets_are_code_points() -> None:
    pieces = segment("é = '😀'  # ü\nπ = é\n", "line")
    assert [(piece.start, piece.end) for piece in pieces] == [(0, 13), (13, 19)]


@pytest.mark.parametrize("mode", MODES)
def test_a_byte_order_mark_stays_with_the_first_segment(mode: Mode) -> None:
    plain = segment("# a\nx = 1\ndef f():\n    pass\n", mode)
    marked = segment("\ufeff# a\nx = 1\ndef f():\n    pass\n", mode)
    assert [piece.end for piece in marked] == [piece.end + 1 for piece in plain]
    assert marked[0].text == "\ufeff" + plain[0].text


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tail", ["", "  ", "\n", "\n\n \t\n", "  # end", "\n# end", "\n    # end\n\n"])
def test_what_follows_the_last_statement_belongs_to_it(tail: str, mode: Mode) -> None:
    assert texts("for x in y:\n    a = 1" + tail, mode)[-1].endswith("    a = 1" + tail)


def test_blank_lines_go_back_and_comment_lines_forward() -> None:
    assert texts("\n \n# a\n\nx = 1\n\n# b\n\n# c\ny = 2  # d\n\n\nz = 3\n") == [
        "\n \n# a\n\nx = 1\n\n",
        "# b\n\n# c\ny = 2  # d\n\n\n",
        "z = 3\n",
    ]


def test_a_comment_after_a_body_goes_with_the_next_statement_whatever_its_indentation() -> None:
    assert texts("if x:\n    y\n    # still inside\n# outside\nz\n") == [
        "if x:\n",
        "    y\n",
        "    # still inside\n# outside\nz\n",
    ]


@pytest.mark.parametrize("mode", MODES)
def test_a_comment_between_clauses_goes_with_the_clause(mode: Mode) -> None:
    source = "if x:\n" + "    y\n" * 8 + "# otherwise\nelse:\n    z\n"
    assert texts(source, mode)[-1] == "# otherwise\nelse:\n    z\n"


def test_backslashes_that_join_blank_lines_make_no_line_of_code() -> None:
    assert texts("\\\nx = 1\nif x:\n    y\n\\\n\nelse:\n    z\n") == [
        "\\\nx = 1\n",
        "if x:\n",
        "    y\n\\\n\n",
        "else:\n    z\n",
    ]


@pytest.mark.parametrize(
    "string",
    [
        'f"{x["a"]}"',  # the first group needs 3.12 to compile; the scanner reads it anywhere
        "f'{f'{f'{1}'}'}'",
        "f'{(\n# a ) comment }\n1)}'",
        "f'{x!r:{'>' + '3'}}'",
        "f'''{\nx:%H:%M\n}'''",
        "f'{x:\\N{DIGIT ONE}}'",
        "rf'\\{x}'",
        "f'{{'",  # from here on 3.11 too
        "f'}}{x}{{'",
        "f'{x!r:>{w}}'",
        "f'{x:{{1:2}[1]}}'",
        "f'{{{x}}}'",
        "f'\\N{LEFT CURLY BRACKET}'",
        "f'\\\n{x}'",
        "fR'\\{x}\\''",
        "F'''a'b''{x['k']}\n'''",
        "f'{(lambda: {1: 2})()[1]}'",
        "f'{x != y}{x:=+5}'",
        "''if''else''",
        "b'{' rb'\\' ['",
    ],
)
def test_strings_end_where_python_says(string: str) -> None:
    source = f"a = {string}\nb = 1\n"
    assert logical_lines(source).offsets == [0, len(source) - len("b = 1\n")]


def test_kinds_are_the_documented_ones() -> None:
    assert segment.__doc__ is not None
    assert all(f"``{kind}``" in segment.__doc__ for kind in KINDS)
