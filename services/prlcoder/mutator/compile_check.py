"""Does a program still compile with another text in a segment's place, and to other code than before?

Compiling the whole program for every variant would be most of the teacher's work. Where a segment consists of whole
statements, or is the header of one, it is compiled alone inside the frame that it stands in (a function, a loop), which
answers both questions for the whole: a statement's code does not depend on its neighbours, and what the compiler
forbids it forbids for the statement's own text and for what encloses it. The exceptions (``global``, ``async``, class
bodies, a changed margin, ``else`` and its like, another header over lines that the segment does not hold) are compiled
with the whole program.
"""

from __future__ import annotations

import ast
import re
from functools import cached_property

from prlcoder.mutator.bytecode import Fingerprint, fingerprint
from prlcoder.mutator.rules.edits import Span
from prlcoder.mutator.rules.program import ProgramAnalysis

CompiledRewrite = tuple[bool, Fingerprint]
"""Whether it is of the segment alone, and what it compiles to. Codes of one trial that agree in the first compare."""

_MARGIN = re.compile(r"(?:[ \t]*(?:#[^\r\n]*)?\r?\n)*([ \t]*)")
_FAR_REACHING = frozenset({ast.Global, ast.Nonlocal, ast.TryStar, ast.AsyncFunctionDef})
_LOOPS = (ast.For, ast.While)
_HEADER = re.compile(r"^[ \t]*(for|while|if|with|try)\b", re.MULTILINE)


class CompileCheck:
    """Compiles what a program becomes when the text of one of its segments changes."""

    def __init__(self, program: ProgramAnalysis, span: Span) -> None:
        text = program.source[span.start : span.end]
        self._before, self._after = program.source[: span.start], program.source[span.end :]
        self._margin = _margin(text)
        self._headers = _HEADER.findall(text)
        self._frame = _frame(program, span)
        self._text = text
        self._program = program

    @cached_property
    def _original(self) -> CompiledRewrite | None:
        """The code of the segment as it is; None if it cannot be compiled alone."""
        alone = self._alone(self._text)
        return None if alone is None else (True, alone)

    def code(self, text: str) -> CompiledRewrite:
        """What the program with ``text`` compiles to. ``SyntaxError``, ``ValueError`` or ``RecursionError`` if it does
        not compile."""
        alone = self._alone(text) if self._original else None
        return (False, fingerprint(self._before + text + self._after)) if alone is None else (True, alone)

    def is_original(self, code: CompiledRewrite) -> bool:
        """Whether a program compiles to what the unchanged one does."""
        return code == self._original if code[0] else code[1] == self._program.fingerprint

    def _alone(self, text: str) -> Fingerprint | None:
        """The code of the segment in its frame; None if only the whole program can tell."""
        if not self._frame or _margin(text) != self._margin or _HEADER.findall(text) != self._headers:
            return None
        body = f"{text.rstrip()} pass\n" if text.rstrip().endswith(":") else text
        try:
            return fingerprint(self._frame + body)
        except (SyntaxError, ValueError, RecursionError):
            return None


def _margin(text: str) -> str:
    """The white space before the first line of code."""
    match = _MARGIN.match(text)
    return match.group(1) if match else ""


def _frame(program: ProgramAnalysis, span: Span) -> str:
    """Headers in which the segment's statements may stand as they may in the program, indented less than they are;
    empty if there are none or it has no indentation."""
    statement = next((node for node in program.statements if program.span(node).start >= span.start), None)
    if statement is None or program.span(statement).start >= span.end or program.kinds & _FAR_REACHING:
        return ""
    looping = False
    node: ast.AST = statement
    for around in program.ancestors(statement):
        if isinstance(around, ast.FunctionDef):
            return "def _():\n while _:\n" if looping else "def _():\n"
        if isinstance(around, ast.ClassDef):
            return ""
        looping = looping or (isinstance(around, _LOOPS) and node in around.body)
        node = around
    return "while _:\n" if looping else "if _:\n"
