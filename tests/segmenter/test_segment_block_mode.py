"""Block mode: runs, small and large compound statements, clauses, headers, by hand-written examples."""

from __future__ import annotations

import pytest

from prlcoder.segmenter import segment


def blocks(source: str) -> list[tuple[str, str]]:
    return [(piece.kind, piece.text) for piece in segment(source, "block")]


def assignments(count: int, indent: str = "") -> str:
    return "".join(f"{indent}x{index} = {index}\n" for index in range(count))


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (6, [6]), (7, [6, 1]), (12, [6, 6]), (13, [6, 6, 1])])
def test_runs_of_simple_statements_are_split_at_six_lines(count: int, sizes: list[int]) -> None:
    assert [text.count("\n") for _, text in blocks(assignments(count))] == sizes


def test_a_short_run_takes_the_return_and_a_full_one_does_not() -> None:
    short = "def f():\n" + assignments(5, "    ") + "    return x0\n"
    assert [(kind, text.count("\n")) for kind, text in blocks(short)] == [("header", 1), ("run", 6)]
    full = "def f():\n" + assignments(6, "    ") + "    return x0\n"
    assert [(kind, text.count("\n")) for kind, text in blocks(full)] == [
        ("header", 1),
        ("assign", 6),
        ("return", 1),
    ]


def test_a_return_after_a_compound_statement_is_its_own_block() -> None:
    assert blocks("def f(x):\n    for y in x:\n        g(y)\n    return x\n")[1:] == [
        ("for", "    for y in x:\n        g(y)\n"),
        ("return", "    return x\n"),
    ]


def test_imports_are_a_block_of_their_own() -> None:
    assert blocks("import a\nfrom b import (\n  c,\n)\nx = 1\ny = 2\nimport d\n") == [
        ("import", "import a\nfrom b import (\n  c,\n)\n"),
        ("assign", "x = 1\ny = 2\n"),
        ("import", "import d\n"),
    ]


def test_a_run_of_one_kind_has_that_kind_and_a_mixed_one_is_a_run() -> None:
    assert [kind for kind, _ in blocks("x = 1\ny = 2\n")] == ["assign"]
    assert [kind for kind, _ in blocks("x = 1\nf(x)\n")] == ["run"]


def test_a_compound_statement_of_eight_lines_is_whole_and_one_of_nine_is_not() -> None:
    eight = "for x in y:\n" + assignments(7, "    ")
    assert blocks(eight) == [("for", eight)]
    nine = "for x in y:\n" + assignments(8, "    ")
    assert [(kind, text.count("\n")) for kind, text in blocks(nine)] == [("for", 6), ("assign", 3)]


def test_comments_blank_lines_and_wrapping_do_not_count_as_lines() -> None:
    source = "for x in y:\n" + "".join(f"\n    # {i}\n    x{i} = [\n        {i},\n    ]\n" for i in range(7))
    assert blocks(source) == [("for", source)]


def test_small_statements_keep_all_their_clauses() -> None:
    source = "try:\n    a\nexcept E:\n    b\nelse:\n    c\nfinally:\n    d\n"
    assert blocks(source) == [("try", source)]
    source = "if a:\n    b\nelif c:\n    d\nelse:\n    e\n"
    assert blocks(source) == [("if", source)]


def test_large_statements_are_cut_at_clauses_and_headers_take_their_leading_run() -> None:
    source = "while a:\n    b\n    c\n    if d:\n        e\n    f\nelse:\n    g\n    for h in i:\n        j\n    k\n"
    assert blocks(source) == [
        ("while", "while a:\n    b\n    c\n"),
        ("if", "    if d:\n        e\n"),
        ("expr", "    f\n"),
        ("while", "else:\n    g\n"),
        ("for", "    for h in i:\n        j\n"),
        ("expr", "    k\n"),
    ]


def test_a_large_elif_chain_is_cut_at_each_clause() -> None:
    source = "if a:\n    b\n" + "".join(f"elif c{i}:\n    d{i}\n" for i in range(4)) + "else:\n    e\n"
    assert [text for _, text in blocks(source)] == [
        "if a:\n    b\n",
        *(f"elif c{i}:\n    d{i}\n" for i in range(4)),
        "else:\n    e\n",
    ]


def test_a_bare_else_goes_with_the_statement_under_it_small_or_large() -> None:
    small = "    if d:\n        e\n"
    body = assignments(7, "    ")
    assert blocks(f"if a:\n{body}else:\n{small}")[2:] == [("if", f"else:\n{small}")]
    large = "    for d in e:\n" + assignments(9, "        ")
    assert [(kind, text.count("\n")) for kind, text in blocks(f"if a:\n{body}else:\n{large}")[2:]] == [
        ("if", 7),  # else:, for, five lines of its leading run
        ("assign", 4),
    ]


def test_a_large_match_is_cut_at_its_cases() -> None:
    source = "match x:\n" + "".join(f"    case {i}:\n        y = {i}\n        f(y)\n" for i in range(3))
    assert [text.count("\n") for _, text in blocks(source)] == [1, 3, 3, 3]
    assert {kind for kind, _ in blocks(source)} == {"match"}


def test_headers_hold_decorators_and_docstring_and_are_no_steps() -> None:
    source = (
        'class A:\n    """Doc."""\n    x = 1\n\n'
        '    @property\n    def f(self):\n        """Doc.\n\n        More."""\n        return self.x\n'
    )
    pieces = segment(source, "block")
    assert [(piece.kind, piece.is_step) for piece in pieces] == [
        ("header", False),
        ("assign", True),
        ("header", False),
        ("return", True),
    ]
    assert pieces[0].text == 'class A:\n    """Doc."""\n'
    assert pieces[2].text.endswith('        More."""\n')


def test_a_nested_function_keeps_its_header_apart_even_in_a_small_statement() -> None:
    source = "if x:\n    def f():\n        return 1\n    y = f()\n"
    assert blocks(source) == [
        ("if", "if x:\n"),
        ("header", "    def f():\n"),
        ("return", "        return 1\n"),
        ("assign", "    y = f()\n"),
    ]


def test_a_module_docstring_is_its_own_segment() -> None:
    assert blocks('"""Doc."""\nx = 1\n') == [("docstring", '"""Doc."""\n'), ("assign", "x = 1\n")]


def test_a_function_of_nothing_but_a_docstring_has_no_step() -> None:
    assert not any(piece.is_step for piece in segment('def f():\n    """To do."""\n', "block"))
