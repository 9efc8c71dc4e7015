"""Line mode: one logical line a step, by hand-written examples."""

from __future__ import annotations

import pytest

from prlcoder.segmenter import segment


def lines(source: str) -> list[tuple[str, str]]:
    return [(piece.kind, piece.text) for piece in segment(source, "line")]


def test_each_logical_line_is_a_segment_of_its_statements_kind() -> None:
    source = "import os\nx: int = 1\nx += 1\ndel x\nprint(x)\nassert x\nraise E\n"
    assert lines(source) == [
        ("import", "import os\n"),
        ("assign", "x: int = 1\n"),
        ("assign", "x += 1\n"),
        ("assign", "del x\n"),
        ("expr", "print(x)\n"),
        ("control", "assert x\n"),
        ("control", "raise E\n"),
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "x = (1,\n     2)\n",
        "x = [\n  # a comment in brackets\n\n  1,\n]\n",
        "x = 1 + \\\n    2\n",
        "x = '''a\nb = (\n'''\n",
        'x = """a \\\n" ""\n\'\'\'"""\n',
        "x = 'a\\\nb'\n",
        "x = rf'''{y}\n{z!r:>{w}}\n'''\n",
        "assert x, (\n  'reason'\n)\n",
        "x = lambda a: (\n  a)\n",
        "if (n := len(a)) > 1: x = {\n  1: 2}\n",
        "x = 1; \\\ny = 2\n",
    ],
)
def test_continuation_lines_and_multi_line_strings_stay_in_one_segment(statement: str) -> None:
    pieces = segment(f"a = 0\n{statement}b = 0\n", "line")
    assert [piece.text for piece in pieces] == ["a = 0\n", statement, "b = 0\n"]


def test_brackets_quotes_and_hashes_in_strings_and_comments_do_not_count() -> None:
    source = "x = '(['  # ) \" ''' \\\ny = \"#\\\"[\"\nz = r'\\' (['  'b'\n"
    assert [text for _, text in lines(source)] == source.splitlines(keepends=True)


def test_semicolons_keep_one_line_one_segment() -> None:
    assert lines("a = 1; b = 2\na = 1; f(a)\nf(a);\n") == [
        ("assign", "a = 1; b = 2\n"),
        ("run", "a = 1; f(a)\n"),
        ("expr", "f(a);\n"),
    ]


def test_decorators_and_header_are_one_context_segment_and_the_docstring_another() -> None:
    source = '@cache\n# why\n@other(\n  1)\nasync def f(x,\n      y):\n    """Doc\n    string."""\n    return x\n'
    pieces = segment(source, "line")
    assert [(piece.kind, piece.is_step) for piece in pieces] == [
        ("header", False),
        ("docstring", False),
        ("return", True),
    ]
    assert pieces[0].text.endswith("      y):\n")


def test_nested_functions_and_classes_have_headers_of_their_own() -> None:
    source = "class A:\n    x = 1\n    def f(self):\n        def g(): return 1\n        class B:\n            pass\n"
    assert [kind for kind, _ in lines(source)] == [
        "header",
        "assign",
        "header",
        "definition",
        "header",
        "control",
    ]


def test_bare_else_try_and_finally_go_with_the_next_line() -> None:
    source = (
        "try:\n    x = 1\nexcept E:\n    x = 2\nelse:\n    # why\n    x = 3\nfinally:\n    x = 4\n"
        "for i in x:\n    y\nelse:\n    z\nwhile x:\n    y\nelse:\n    z\n"
    )
    assert lines(source) == [
        ("try", "try:\n    x = 1\n"),
        ("try", "except E:\n"),
        ("assign", "    x = 2\n"),
        ("try", "else:\n    # why\n    x = 3\n"),
        ("try", "finally:\n    x = 4\n"),
        ("for", "for i in x:\n"),
        ("expr", "    y\n"),
        ("for", "else:\n    z\n"),
        ("while", "while x:\n"),
        ("expr", "    y\n"),
        ("while", "else:\n    z\n"),
    ]


def test_elif_is_a_clause_and_an_if_under_else_goes_with_the_else() -> None:
    assert [text for _, text in lines("if a:\n    b\nelif c:\n    d\n")][2] == "elif c:\n"
    assert lines("if a:\n    b\nelse:\n    if c:\n        d\n    e\n") == [
        ("if", "if a:\n"),
        ("expr", "    b\n"),
        ("if", "else:\n    if c:\n"),
        ("expr", "        d\n"),
        ("expr", "    e\n"),
    ]


def test_bare_keywords_in_a_row_go_with_the_first_line_that_says_something() -> None:
    source = "if a:\n  b\nelse:\n  try:\n    try:\n      c\n    finally:\n      d\n  finally:\n    e\n"
    assert [text for _, text in lines(source)][2] == "else:\n  try:\n    try:\n      c\n"


def test_a_definition_under_else_makes_the_segment_a_header() -> None:
    source = "try:\n    import a\nexcept E:\n    pass\nelse:\n    @cache\n    def f():\n        return 1\n"
    assert lines(source)[3:] == [
        ("header", "else:\n    @cache\n    def f():\n"),
        ("return", "        return 1\n"),
    ]


def test_one_line_suites_are_one_segment_each() -> None:
    source = (
        "if x: y\nelif z: a; b\nelse: c\nfor i in x: y\ntry: a\nexcept: b\nfinally: c\n"
        "class A: pass\ndef f(): return 1\nwith a: b\n"
    )
    assert [text for _, text in lines(source)] == source.splitlines(keepends=True)
    assert [kind for kind, _ in lines(source)] == [
        *("if", "if", "if", "for", "try", "try", "try"),
        *("definition", "definition", "with"),
    ]


def test_match_and_its_cases_are_segments() -> None:
    source = "match x:\n    case [1,\n          2] if y:\n        z\n    case _: pass\nmatch = 1\nmatch[x]\n"
    assert lines(source) == [
        ("match", "match x:\n"),
        ("match", "    case [1,\n          2] if y:\n"),
        ("expr", "        z\n"),
        ("match", "    case _: pass\n"),
        ("assign", "match = 1\n"),
        ("expr", "match[x]\n"),
    ]


def test_async_statements_have_the_kinds_of_their_plain_forms() -> None:
    source = "async def f():\n    async for x in y:\n        pass\n    async with a as b:\n        await c\n"
    assert [kind for kind, _ in lines(source)] == ["header", "for", "control", "with", "expr"]


def test_a_string_is_a_docstring_only_first_in_a_definition_and_alone_on_its_line() -> None:
    assert [kind for kind, _ in lines("'module'\n'other'\n")] == ["docstring", "expr"]
    assert [kind for kind, _ in lines("def f():\n    'doc'; x = 1\n")] == ["header", "run"]
    assert [kind for kind, _ in lines("def f():\n    b'no'\ndef g():\n    f'no'\n")] == [
        *("header", "expr"),
        *("header", "expr"),
    ]
    assert [kind for kind, _ in lines("for x in y:\n    'no'\n")] == ["for", "expr"]


def test_main_guard_and_type_comments_are_ordinary_lines() -> None:
    source = "x = []  # type: list[int]\nif __name__ == '__main__':\n    main()\n"
    assert [kind for kind, _ in lines(source)] == ["assign", "if", "expr"]
