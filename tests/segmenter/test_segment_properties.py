"""What holds for every program: properties over generated programs, generated layouts and arbitrary text."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from random import Random
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from prlcoder.segmenter import KINDS, Mode, Segment, SegmentationError, segment

MODES = get_args(Mode)
END_OF_LINE = re.compile(r"\r\n|\r|\n")

# Logical lines of simple statements, with most of what can hide a line end, a bracket or a quote in them.
SIMPLE = (
    *("x = 1", "x = 1; y = 2", "f(x); x += 1;", "pass", "import os", "from a import (\n  b,  # why\n)"),
    *("return x", "assert x, (\n'no'\n)", "x: int = 0", "del x", "global g", "'a string'", "λ = 'é😀'"),
    *('"""three\n\n# no comment\n"""', "x = '''(\n[''' + f'{x!r:>{w}}' + \"#\"", "x = y + \\\n  2  # why"),
    *("x = {\n\n    1: [2, # two\n 3],\n}", "x = f'''{\ny}\n'''", "x = (y := lambda a, b=')': (a,\nb))"),
    *("x = r'\\') (' 'b'", "x = [a for a in b\n     if a]", "x = ''if y else''", "raise E from e", "x = 'a\\\nb'"),
)
HEADERS = {
    "if": ("if x:", "if (x and\n  y):  # why"),
    "for": ("for x in y:", "for x, y in zip(a, [b,\n]):"),
    "while": ("while True:", "while (n := n - 1) > '(':"),
    "with": ("with a as b:", "with open('#') as f, \\\n  g:"),
    "def": ("def f(x, y=')'):", "def f(\n  x: int,  # why\n):", "def é() -> 'x': # type: () -> int"),
    "class": ("class A:", "class B(A,\n  metaclass=M):"),
}
DOCSTRINGS = ('"""Doc."""', "'''Doc\n\nmore (\n'''")
MAX_DEPTH = 4


@dataclass(frozen=True)
class Code:
    """One logical line of a generated program; continuation lines are part of ``text``."""

    depth: int
    text: str


def program(random: Random) -> list[Code]:
    """The logical lines of a random program that parses."""
    lines = [Code(0, random.choice(DOCSTRINGS))] if random.random() < 0.2 else []
    return lines + body(random, 0)


def body(random: Random, depth: int) -> list[Code]:
    lines: list[Code] = []
    for _ in range(random.choice((1, 1, 2, 3, 4, 9))):
        lines += statement(random, depth)
    return lines


def statement(random: Random, depth: int) -> list[Code]:
    if depth == MAX_DEPTH or random.random() < 0.6:
        return [Code(depth, random.choice(SIMPLE))]
    kind = random.choice((*HEADERS, "try", "match"))
    if kind == "try":
        return attempt(random, depth)
    if kind == "match":
        cases = [clause(random, depth + 1, text) for text in ("case [1,\n 2]:", "case _ if x:")]
        return [Code(depth, "match x:"), *cases[0], *cases[1]]
    if kind in ("def", "class"):
        return definition(random, depth, random.choice(HEADERS[kind]))
    lines = clause(random, depth, random.choice(HEADERS[kind]))
    if kind == "if":
        for _ in range(random.choice((0, 0, 1, 3))):
            lines += clause(random, depth, "elif z:")
    if kind != "with" and random.random() < 0.5:
        lines += clause(random, depth, "else:")
    return lines


def clause(random: Random, depth: int, header: str) -> list[Code]:
    if random.random() < 0.2 and "#" not in header:
        return [Code(depth, f"{header} x = (1,\n2)" if random.random() < 0.5 else f"{header} y; z")]
    return [Code(depth, header), *body(random, depth + 1)]


def attempt(random: Random, depth: int) -> list[Code]:
    lines = clause(random, depth, "try:") + clause(random, depth, "except (A,\n B) as e:")
    if random.random() < 0.5:
        lines += clause(random, depth, "else:")
    return lines + (clause(random, depth, "finally:") if random.random() < 0.5 else [])


def definition(random: Random, depth: int, header: str) -> list[Code]:
    decorators = [Code(depth, text) for text in random.choice(((), (), ("@cache",), ("@a(\n1)", "@b.c")))]
    if random.random() < 0.2:
        header = f"async {header}" if header.startswith("def") else header
    docstring = [Code(depth + 1, random.choice(DOCSTRINGS))] if random.random() < 0.4 else []
    inner = [] if docstring and random.random() < 0.3 else body(random, depth + 1)
    return [*decorators, Code(depth, header), *docstring, *inner]


@dataclass(frozen=True)
class Layout:
    """How lines become text. ``filler`` is what may stand between logical lines."""

    indent: str
    end: str
    filler: tuple[str, ...]
    final_end: bool
    mark: str

    def render(self, random: Random, lines: list[Code]) -> str:
        rows: list[str] = []
        for line in lines:
            if self.filler and random.random() < 0.3:
                rows += [random.choice(self.filler) for _ in range(random.choice((1, 1, 2)))]
            rows.append(self.indent * line.depth + line.text)
        text = "\n".join(rows) + ("\n" if self.final_end else "")
        return self.mark + text.replace("\n", self.end)


FILLER = ("", "  \t", "\f", "# why", "\t # ('''", "        # é", "#")
LAYOUTS = st.builds(
    Layout,
    indent=st.sampled_from(("    ", "\t", " ", "\t  ")),
    end=st.sampled_from(("\n", "\n", "\r\n", "\r")),
    filler=st.sampled_from((FILLER, FILLER, ())),
    final_end=st.booleans(),
    mark=st.sampled_from(("", "", "\ufeff")),
)
PROGRAMS = st.builds(program, st.randoms(use_true_random=False))
SOURCES = st.builds(
    lambda random, layout: layout.render(random, program(random)), st.randoms(use_true_random=False), LAYOUTS
)


def code_lines(source: str) -> list[int]:
    """Offsets of the physical lines on which ``tokenize`` begins a logical line."""
    unmarked = source.removeprefix("\ufeff")
    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    numbers, fresh = [], True
    for token in tokenize.generate_tokens(io.StringIO(END_OF_LINE.sub("\n", unmarked)).readline):
        if token.type in skipped:
            continue
        if fresh:
            numbers.append(token.start[0])
        fresh = token.type == tokenize.NEWLINE
    starts = [0, *(match.end() for match in END_OF_LINE.finditer(source))]
    return [starts[number - 1] for number in numbers]


def owned_start(source: str, offset: int) -> int:
    """``offset`` of a line of code, moved up over its comment lines and the blank lines between them."""
    owned = offset
    rows = [(m.start(), m.group()) for m in re.finditer(r"[^\r\n]*(?:\r\n|\r|\n)", source[:offset])]
    for start, row in reversed(rows):
        content = row.strip(" \t\f\r\n\ufeff")
        if content.startswith("#"):
            owned = start
        elif content:
            break
    return owned


def check(source: str) -> None:
    """Everything that holds for the segments of one program in both modes."""
    code = code_lines(source)
    boundaries = {}
    for mode in MODES:
        pieces = segment(source, mode)
        assert "".join(piece.text for piece in pieces) == source
        assert [piece.start for piece in pieces] == [0, *(piece.end for piece in pieces[:-1])]
        assert all(source[piece.start : piece.end] == piece.text for piece in pieces)
        assert all(piece.text.strip() and piece.kind in KINDS for piece in pieces)
        boundaries[mode] = {piece.start for piece in pieces[1:]}
        assert segment("".join(piece.text for piece in pieces), mode) == pieces
    allowed = {owned_start(source, offset) for offset in code[1:]}
    assert boundaries["block"] <= boundaries["line"] <= allowed
    check_joined_lines(segment(source, "line"), code)


def check_joined_lines(pieces: list[Segment], code: list[int]) -> None:
    """A line-mode segment is one logical line, but for decorators and bare keywords, which take the next."""
    for piece in pieces:
        held = [offset - piece.start for offset in code if piece.start <= offset < piece.end]
        assert held
        for offset in held[:-1]:
            assert re.match(r"[ \t\f\ufeff]*(@|(else|try|finally)\s*:)", piece.text[offset:])


@settings(max_examples=100, deadline=None)
@given(SOURCES)
def test_segments_are_whole_logical_lines_that_concatenate_to_the_source(source: str) -> None:
    check(source)


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), LAYOUTS)
def test_layout_changes_neither_kinds_nor_what_stands_together(random: Random, layout: Layout) -> None:
    lines = program(random)
    plain = Layout("  ", "\n", (), True, "").render(random, lines)
    laid_out = layout.render(random, lines)
    for mode in MODES:
        counts = []
        for source in (plain, laid_out):
            code = code_lines(source)
            counts.append(
                [
                    (piece.kind, sum(piece.start <= offset < piece.end for offset in code))
                    for piece in segment(source, mode)
                ]
            )
        assert counts[0] == counts[1]


@settings(max_examples=15, deadline=None)
@given(SOURCES)
def test_in_line_mode_a_prefix_that_parses_is_cut_as_in_the_whole(source: str) -> None:
    pieces = segment(source, "line")
    for count in range(1, len(pieces)):
        prefix = source[: pieces[count - 1].end]
        try:
            ast.parse(prefix.removeprefix("\ufeff"))
        except SyntaxError:
            continue
        assert segment(prefix, "line") == pieces[:count]


def cut(source: str, mode: Mode) -> list[Segment] | SegmentationError:
    try:
        return segment(source, mode)
    except SegmentationError as error:
        return error


def check_outcome(source: str, mode: Mode) -> None:
    """Either segments that concatenate, or one error whose place lies in the text."""
    outcome = cut(source, mode)
    if isinstance(outcome, SegmentationError):
        rows = END_OF_LINE.split(source)
        assert 1 <= outcome.line <= len(rows)
        assert 0 <= outcome.column <= len(rows[outcome.line - 1])
        assert outcome.message
    else:
        assert "".join(piece.text for piece in outcome) == source


FRAGMENTS = (
    *("x", "1", "'", '"', "'''", '"""', "f'", 'rf"', "(", ")", "[", "]", "{", "}", ":", ";", ",", "=", "@", "#"),
    *("\\", "\n", "\r", "\r\n", "\t", "\f", "\0", "\ud800", "\ufeff", "é", "😀", "\u2028", "  ", "\n  "),
    *("if ", "else", "elif ", "def ", "class ", "match ", "case ", "try", "except", "finally", "lambda"),
    *("async ", "while ", "not ", "*", "**", "\\N{", "!r", "0x1for ", "."),
)
FRAGMENTED = st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=40), FRAGMENTED), st.sampled_from(MODES))
def test_no_text_raises_anything_else(source: str, mode: Mode) -> None:
    check_outcome(source, mode)


@settings(max_examples=150, deadline=None)
@given(SOURCES, st.data())
def test_no_damaged_program_raises_anything_else(source: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(source)))
    end = data.draw(st.integers(start, min(start + 8, len(source))))
    check_outcome(source[:start] + data.draw(st.sampled_from(("", "'", "(", "\\", "}"))) + source[end:], "block")


def test_a_source_of_a_megabyte_is_cut() -> None:
    block = "def f(x):\n    # why\n    if x:\n        return 'é' + x\n\n    return g(\n        x)\n\n"
    source = block * (1_000_000 // len(block))
    pieces = segment(source, "block")
    assert "".join(piece.text for piece in pieces) == source
    assert len(pieces) == source.count("def") * 3
