"""Indentation: white space at the start of lines changes, the program does not."""

from __future__ import annotations

import ast
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prlcoder.problems.indentation import Style, normalize, normalize_prompt, unify_line_ends

CASES = {
    "tabs and spaces mixed as CPython counts them": (
        "if a:\n\tif b:\n\t        c = 1\n",
        "if a:\n    if b:\n        c = 1\n",
    ),
    "one space a level": ("def f():\n if x:\n  y\n z\n", "def f():\n    if x:\n        y\n    z\n"),
    "uneven levels": ("def f():\n  if x:\n       y\n  z\n", "def f():\n    if x:\n        y\n    z\n"),
    "lines inside strings stay": (
        'def f():\n\t"""one\n\ttwo\n"""\n\treturn """\n\t"""\n',
        'def f():\n    """one\n\ttwo\n"""\n    return """\n\t"""\n',
    ),
    "lines inside f-strings stay": (
        "def f(x):\n\treturn f'''a\n\t{x}\n\tb'''\n",
        "def f(x):\n    return f'''a\n\t{x}\n\tb'''\n",
    ),
    "a string that goes on after a backslash stays": ("if a:\n\tx = 'b\\\n\tc'\n", "if a:\n    x = 'b\\\n\tc'\n"),
    "continuation lines keep their place": (
        "def f():\n  return [1,\n          2,\n]\n",
        "def f():\n    return [1,\n            2,\n]\n",
    ),
    "tabs of continuation lines": ("if a:\n\tx = (1 +\n\t\t2)\n", "if a:\n    x = (1 +\n        2)\n"),
    "backslash continuation": ("if a:\n  x = 1 + \\\n      2\n", "if a:\n    x = 1 + \\\n        2\n"),
    "a comment before an indented block": (
        "def f():\n  # why\n  return 1\n",
        "def f():\n    # why\n    return 1\n",
    ),
    "a comment after a block": ("if a:\n  b\n  # b\n# a\nc\n", "if a:\n    b\n    # b\n# a\nc\n"),
    "a comment between levels goes left": ("if a:\n    b\n  # odd\n", "if a:\n    b\n# odd\n"),
    "a comment inside brackets": ("x = [\n\t# one\n\t1,\n]\n", "x = [\n    # one\n    1,\n]\n"),
    "blank lines lose their white space": ("if a:\n\tb\n\t\n\tc\n", "if a:\n    b\n\n    c\n"),
    "a form feed": ("\fif a:\n  \f b\n", "if a:\n    b\n"),
    "no final newline": ("if a:\n\tb", "if a:\n    b"),
    "a header alone": ("class A:\n  def f(self):\n", "class A:\n    def f(self):\n"),
    "one-line suites and semicolons": ("if a:\n  if b: c; d\n", "if a:\n    if b: c; d\n"),
    "non-ASCII names": ("def é():\n\t'ü\t'\n", "def é():\n    'ü\t'\n"),
}


@pytest.mark.parametrize(("source", "expected"), CASES.values(), ids=list(CASES))
def test_spaces4(source: str, expected: str) -> None:
    assert normalize(source, "spaces4") == expected


def test_tab_is_one_tab_a_level() -> None:
    source = "def f():\n  if x:\n      y = [1,\n           2]\n  # end\n  return y\n"
    assert normalize(source, "tab") == "def f():\n\tif x:\n\t\ty = [1,\n\t\t     2]\n\t# end\n\treturn y\n"


@pytest.mark.parametrize("style", ["spaces4", "tab"])
@pytest.mark.parametrize(
    "source",
    ["if a:\n\tb\n  c\n", "x = (1,\n\t2\n", "'''a\n\tb", "if a:\n    b\n  c\n", "if a:\n\tx = 'b\n"],
)
def test_text_that_is_not_python_comes_back_unchanged(source: str, style: Style) -> None:
    assert normalize(source, style) == source


def test_keep_changes_nothing() -> None:
    assert normalize("if a:\n\tb\n  \n", "keep") == "if a:\n\tb\n  \n"


def test_line_ends_are_those_that_the_compiler_sees() -> None:
    source = "def f():\r\n\treturn '''a\r\nb'''\r"
    assert unify_line_ends(source) == "def f():\n\treturn '''a\nb'''\n"
    assert ast.dump(ast.parse(unify_line_ends(source))) == ast.dump(ast.parse(source))


@pytest.mark.parametrize(
    ("prompt", "rest", "expected"),
    [
        ("def f():\n", "\treturn 1\n", "def f():\n"),
        ("def f():\n\t'''Do.\n\tit'''\n", "\treturn 1\n", "def f():\n    '''Do.\n\tit'''\n"),
        ("def f():\n\treturn ", "1\n", "def f():\n    return "),
        ("def f():\n\tif x:\n\t\t", "return 1\n", None),
    ],
)
def test_the_prompt_stays_the_beginning_of_its_solution(prompt: str, rest: str, expected: str | None) -> None:
    solution = prompt + rest
    after = normalize(solution, "spaces4")
    assert normalize_prompt(prompt, solution, after) == expected
    assert expected is None or after.startswith(expected)


SIMPLE = ("x = 1", "y = [1,\n  2,\n\t\t3]", "z = '''a\n\t b\n'''", "print(x)  # why", "w = 1 + \\\n 2", "pass; pass")
HEADERS = ("if x:", "for i in y:", "while x:", "def g(a=(1,\n 2)):", "class A:", "with x as b:")


def random_source(seed: int) -> str:
    """A program whose every block has its own indentation, with comments and blank lines anywhere."""
    draw = random.Random(seed)
    lines: list[str] = []

    def block(indent: str, depth: int) -> None:
        for _ in range(draw.randint(1, 3)):
            if draw.random() < 0.3:
                lines.append(draw.choice(["", " ", "\t", "# at the margin", f"{indent}# here", f"{indent} # odd"]))
            if depth < 4 and draw.random() < 0.5:
                lines.append(indent + draw.choice(HEADERS))
                block(indent + draw.choice([" ", "  ", "\t", "    ", "\t ", "        "]), depth + 1)
            else:
                lines.append(indent + draw.choice(SIMPLE))

    block("", 0)
    return "\n".join(lines) + draw.choice(["", "\n", "\n\n", "\n  "])


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["spaces4", "tab"]))
def test_the_program_is_the_same_and_a_second_time_changes_nothing(seed: int, style: Style) -> None:
    source = random_source(seed)
    after = normalize(source, style)
    assert ast.dump(ast.parse(after)) == ast.dump(ast.parse(source))
    assert normalize(after, style) == after
    assert after.count("\n") == source.count("\n")


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_both_styles_lead_to_the_same_spaces(seed: int) -> None:
    source = random_source(seed)
    statements = [
        [line for line in text.split("\n") if line.strip() and not line.strip()[0].isdigit()]
        for text in (normalize(normalize(source, "tab"), "spaces4"), normalize(source, "spaces4"))
    ]
    assert statements[0] == statements[1]
