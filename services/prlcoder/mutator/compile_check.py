"""Checks whether a program still compiles when one segment is rewritten, and whether it compiles to other bytecode.

Compiling the whole program for every variant would take most of the teacher's time. A segment that consists of whole
statements, or is the header of one, is therefore compiled alone, inside a frame like the one around it (a function, a
loop). The answer holds for the whole program: the bytecode of a statement does not depend on its neighbours, and the
compiler's restrictions depend only on the statement's own text and on what encloses it. All other cases are compiled
as whole programs: ``global``, ``async``, class bodies, a changed indentation, ``else`` and similar clauses, and a
changed header whose body lies outside the segment.
"""

from __future__ import annotations

import ast
import re
from functools import cached_property

from prlcoder.mutator.equivalence import Fingerprint, fingerprint
from prlcoder.mutator.rules.edits import Span
from prlcoder.mutator.rules.program import ProgramAnalysis

CompiledRewrite = tuple[bool, Fingerprint]
"""(compiled alone?, fingerprint). Two of them are comparable only if they agree in the first item."""

_MARGIN = re.compile(r"(?:[ \t]*(?:#[^\r\n]*)?\r?\n)*([ \t]*)")
_FAR_REACHING = frozenset({ast.Global, ast.Nonlocal, ast.TryStar, ast.AsyncFunctionDef})
_LOOPS = (ast.For, ast.While)
_HEADER = re.compile(r"^[ \t]*(for|while|if|with|try)\b", re.MULTILINE)


class CompileCheck:
    """Compiles a program with new texts in the place of one of its segments."""

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
        """The compiled original segment; None if it cannot be compiled alone."""
        alone = self._alone(self._text)
        return None if alone is None else (True, alone)

    def code(self, text: str) -> CompiledRewrite:
        """Compile the program with ``text`` as the segment.

        Raises ``SyntaxError``, ``ValueError`` or ``RecursionError`` if it does not compile.
        """
        alone = self._alone(text) if self._original else None
        return (False, fingerprint(self._before + text + self._after)) if alone is None else (True, alone)

    def is_original(self, code: CompiledRewrite) -> bool:
        """Whether the compiled rewrite is the same as the compiled original."""
        return code == self._original if code[0] else code[1] == self._program.fingerprint

    def _alone(self, text: str) -> Fingerprint | None:
        """Compile the segment inside its frame; None if the whole program must be compiled instead."""
        if not self._frame or _margin(text) != self._margin or _HEADER.findall(text) != self._headers:
            return None
        # A segment that ends with a header has its body in the next segment; `pass` stands in for it.
        body = f"{text.rstrip()} pass\n" if text.rstrip().endswith(":") else text
        try:
            return fingerprint(self._frame + body)
        except (SyntaxError, ValueError, RecursionError):
            return None


def _margin(text: str) -> str:
    """Return the whitespace before the first line of code."""
    match = _MARGIN.match(text)
    return match.group(1) if match else ""


def _frame(program: ProgramAnalysis, span: Span) -> str:
    """Return headers under which the segment's statements are allowed exactly if they are in the program.

    ``return`` needs a function and ``break`` a loop. The headers are indented less than the segment can be. The result
    is empty if the segment cannot be compiled alone.
    """
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
