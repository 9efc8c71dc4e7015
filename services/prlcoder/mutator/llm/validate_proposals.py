"""Validates a model's proposals: each is re-indented, stripped of added comments, and checked. Nothing is executed.

Accepted variants have the properties of the rule teacher's: the text differs from the segment and from the other
variants, the whole program compiles, comment and blank lines are the segment's, and a mutation compiles to other
bytecode. Further checks reject what only a model can do: return lines outside the segment, import modules, read files.
"""

from __future__ import annotations

import ast
import difflib
import io
import re
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterator

from prlcoder.mutator.equivalence import Fingerprint, fingerprint
from prlcoder.mutator.llm.answers import ProposedText
from prlcoder.mutator.llm.prompts import BUGS
from prlcoder.mutator.llm.reindent import reindented
from prlcoder.mutator.model import RewriteSite, Variant, VariantKind
from prlcoder.problems.indentation import unify_line_ends

MAX_LENGTH_RATIO, MIN_LENGTH_RATIO = 3.0, 0.3  # of a proposal to the segment
LENGTH_SLACK = 80  # characters by which a proposal may exceed these bounds
MIN_LINE_SIMILARITY = 0.6  # a proposal equal to another segment counts as a rewrite of this one from this ratio on
FOREIGN_CALLS = frozenset(
    {"__import__", "breakpoint", "compile", "eval", "exec", "exit", "globals", "input", "locals", "open", "quit"}
)
_HEADER = re.compile(r"(async\s+)?(def|class)\s")
_HEAD = re.compile(r"(?:[ \t\f]*(?:#[^\n]*)?\n)*")


class UnfitError(ValueError):
    """The proposal is not used; the message is the name of the reason, by which the manifest counts."""


class ProposalValidator:
    """Validates the proposals for one rewrite site, one after the other. A repeated proposal is rejected."""

    def __init__(self, place: RewriteSite) -> None:
        segment = place.segments[place.index]
        self._place, self._segment = place, segment
        self._before, self._after = place.source[: segment.start], place.source[segment.end :]
        self._head = _HEAD.match(segment.text)[0]  # type: ignore[index]
        self._tail = segment.text[len(segment.text.rstrip()) :]
        self._core = segment.text[len(self._head) : len(segment.text) - len(self._tail)]
        self._indent = self._core[: len(self._core) - len(self._core.lstrip(" \t"))]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._tree = ast.parse(place.source)
            self._codes: set[Fingerprint] = {fingerprint(place.source)}
        self._trees = {ast.dump(self._tree)}
        self._comments = _comments(place.source, segment.start + len(self._head), segment.end)

    def fit(self, candidate: ProposedText, kind: VariantKind) -> Variant:
        """Return the variant that a proposal makes; raise ``UnfitError`` if it is not usable."""
        core = _HEAD.sub("", unify_line_ends(candidate.text).rstrip() + "\n", count=1).rstrip()
        if not core:
            raise UnfitError("empty")
        self._check_extent(core)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about the model's code are of no use here
            core = self._cleaned(self._parsing(core))
            program = self._program(core)
            try:
                tree, code = ast.parse(program), fingerprint(program)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                raise UnfitError("does_not_parse") from None
        self._check_boundary(core)
        self._check_reach(tree)
        dump = ast.dump(tree)
        if dump in self._trees or (kind == "mutation" and code in self._codes):
            raise UnfitError("identical")
        self._trees.add(dump)
        self._codes.add(code)
        return Variant(kind, operator(kind, candidate.bug), self._head + core + self._tail)

    def _program(self, core: str) -> str:
        return self._before + self._head + core + self._tail + self._after

    def _parsing(self, core: str) -> str:
        """Return the first re-indentation with which the whole program compiles."""
        for reading in reindented(core, self._indent):
            try:
                compile(self._program(reading), "<variant>", "exec", dont_inherit=True)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
            return reading
        raise UnfitError("does_not_parse")

    def _cleaned(self, core: str) -> str:
        """Return ``core`` without the comments and blank lines that the segment does not have.

        Raises ``UnfitError`` if one of the segment's comments is missing.
        """
        start = len(self._before) + len(self._head)
        wanted = Counter(text for text, _ in self._comments)
        pieces, position = [], 0
        for text, offset in _comments(self._program(core), start, start + len(core)):
            if wanted[text] > 0:
                wanted[text] -= 1
                continue
            pieces.append(core[position : offset - start].rstrip(" \t"))
            position = offset - start + len(text)
        if any(wanted.values()):
            raise UnfitError("comments_changed")
        cleaned = "".join([*pieces, core[position:]])
        if "\n\n" in cleaned and not re.search(r"\n[ \t]*\n", self._core):
            cleaned = re.sub(r"\n(?:[ \t]*\n)+", "\n", cleaned)
        return cleaned.strip("\n")

    def _check_extent(self, core: str) -> None:
        """Check that the proposal is about as long as the segment and does not consist of other parts' lines."""
        length = len(self._core)
        if len(core) > MAX_LENGTH_RATIO * length + LENGTH_SLACK:
            raise UnfitError("whole_program" if self._headers(core) else "too_long")
        if len(core) < MIN_LENGTH_RATIO * length - LENGTH_SLACK:
            raise UnfitError("too_short")
        if self._headers(core):
            raise UnfitError("whole_program")
        lines, own = _code_lines(core), _code_lines(self._core)
        others = [_code_lines(part.text) for part in self._place.segments if part is not self._segment]
        if lines in others and _similarity(lines, own) < MIN_LINE_SIMILARITY:
            raise UnfitError("other_segment")
        foreign = sum(line not in own and any(line in other for other in others) for line in lines)
        if foreign > 1 and 3 * foreign > len(lines):
            raise UnfitError("other_lines")

    def _headers(self, core: str) -> bool:
        """Whether it contains the header of a function or class from elsewhere in the program."""
        elsewhere = {line for line in _code_lines(self._before + self._after) if _HEADER.match(line)}
        return any(line in elsewhere for line in _code_lines(core)) and not elsewhere & set(_code_lines(self._core))

    def _check_boundary(self, core: str) -> None:
        """Check that it neither begins with the line before the segment nor ends with the line after it."""
        if "\n" not in core:
            return
        before, after = _last_line(self._before), _first_line(self._after)
        begins = _first_line(core).strip() == before.strip() != _first_line(self._core).strip()
        if begins or _last_line(core) == after != _last_line(self._core):
            raise UnfitError("other_lines")

    def _check_reach(self, tree: ast.Module) -> None:
        """Check that it adds no import, no call that reaches outside the program or ends it, and no docstring."""
        if _modules(tree) - _modules(self._tree):
            raise UnfitError("imports")
        if (_calls(tree) - _calls(self._tree)) & FOREIGN_CALLS:
            raise UnfitError("foreign_call")
        if _loose_strings(tree) > _loose_strings(self._tree):
            raise UnfitError("docstring_added")


def operator(kind: VariantKind, bug: str) -> str:
    """Return the operator name of a model's variant: ``llm-off-by-one``, ``llm-refactoring``."""
    if kind == "refactoring":
        return "llm-refactoring"
    return f"llm-{bug.replace(' ', '-')}" if bug in BUGS else "llm-mutation"


def _comments(source: str, start: int, end: int) -> list[tuple[str, int]]:
    """Return text and offset of the comments between two offsets of a source that compiles."""
    starts = [0]
    for line in source.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    found: list[tuple[str, int]] = []
    if "#" not in source[start:end]:  # tokenising would take longer than everything else here
        return found
    try:
        for token in tokenize.generate_tokens(io.StringIO(source, newline="\n").readline):
            offset = starts[token.start[0] - 1] + token.start[1]
            if token.type == tokenize.COMMENT and start <= offset < end:
                found.append((token.string, offset))
    except (tokenize.TokenError, SyntaxError):  # in some Python versions `tokenize` is stricter than the compiler
        raise UnfitError("does_not_parse") from None
    return found


def _code_lines(text: str) -> list[str]:
    stripped = (line.strip() for line in text.split("\n"))
    return [line for line in stripped if line and not line.startswith("#")]


def _similarity(left: list[str], right: list[str]) -> float:
    return difflib.SequenceMatcher(None, "\n".join(left), "\n".join(right), autojunk=False).ratio()


def _first_line(text: str) -> str:
    return next((line.rstrip() for line in text.split("\n") if line.strip()), "")


def _last_line(text: str) -> str:
    return next((line.rstrip() for line in reversed(text.split("\n")) if line.strip()), "")


def _modules(tree: ast.AST) -> set[str]:
    return set(_imported(tree))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def _calls(tree: ast.AST) -> set[str]:
    return {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}


def _loose_strings(tree: ast.AST) -> int:
    return sum(
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for node in ast.walk(tree)
    )
