"""New names for variables that are local to a segment."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from prlcoder.mutator.rules.edits import Edits
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.mutator.rules.registry import refactoring
from prlcoder.mutator.rules.scopes import COMPREHENSIONS, FUNCTIONS

SYNONYMS = {  # none is a keyword or a builtin
    "i": ("idx", "k", "p"),
    "j": ("k", "q", "idx"),
    "k": ("t", "idx"),
    "x": ("item", "value", "v"),
    "c": ("ch", "char", "letter"),
    "s": ("text", "part"),
    "n": ("size", "length"),
    "num": ("value", "number"),
    "res": ("result", "out"),
    "result": ("res", "answer"),
    "ans": ("answer", "res"),
    "count": ("cnt", "total"),
    "cnt": ("count", "freq"),
    "total": ("acc", "sum_"),
    "left": ("lo", "first"),
    "right": ("hi", "last"),
    "word": ("token", "w"),
    "char": ("ch", "letter"),
    "temp": ("tmp", "current"),
    "node": ("vertex", "cur"),
}
ANY = ("value", "item", "entry", "cur", "tmp", "elem", "val")
_OBSERVERS = frozenset({"locals", "vars", "globals", "eval", "exec", "dir"})  # functions that see names as strings
_NAMES_TRIED = 2


@refactoring(
    "rename-local",
    4,
    (*FUNCTIONS, *COMPREHENSIONS),
    "a local variable that is not a parameter; all its uses lie in the segment; the new name is new to the program",
    "squares = [x * x for x in xs]",
    "squares = [item * item for item in xs]",
)
def rename_local(node: ast.AST, program: ProgramAnalysis) -> Iterator[Edits]:
    """A local variable under another name. The teacher rejects edits outside the segment, so all uses lie in it."""
    if _OBSERVERS & program.identifiers:
        return
    for name, occurrences in program.scopes.by_node[node].occurrences.items():
        names = [part for part in occurrences if isinstance(part, ast.Name) and program.editable(part)]
        if len(names) == len(occurrences) and not name.startswith("_"):
            for fresh in fresh_names(name, program)[:_NAMES_TRIED]:
                yield tuple(program.replace(part, fresh) for part in names)


def fresh_names(name: str, program: ProgramAnalysis) -> list[str]:
    """Return common names for the same purpose that occur nowhere in the program."""
    return [text for text in (*SYNONYMS.get(name, ()), *ANY) if text not in program.identifiers]
