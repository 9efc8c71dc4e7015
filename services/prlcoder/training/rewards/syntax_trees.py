"""Parses programs for the reward terms that compare them with the canonical solutions."""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Callable, Sequence


def syntax_tree(program: str) -> ast.Module | None:
    """The program's syntax tree; None if it has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escape sequences in a program's strings
        try:
            return ast.parse(program)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def best_share_found(program: str, solutions: Sequence[str], parts: Callable[[ast.Module], Counter[str]]) -> float:
    """The share of a solution's parts that the program has too, 0 to 1; the best over the solutions.

    0 if the program does not parse, or no solution has a part. A part that a solution has several times must occur as
    often in the program.
    """
    tree = syntax_tree(program)
    if tree is None:
        return 0.0
    own = _parts(tree, parts)
    shares = [0.0]
    for solution in solutions:
        other = syntax_tree(solution)
        wanted = _parts(other, parts) if other is not None else Counter[str]()
        if wanted.total():
            shares.append((own & wanted).total() / wanted.total())
    return max(shares)


def _parts(tree: ast.Module, parts: Callable[[ast.Module], Counter[str]]) -> Counter[str]:
    try:
        return parts(tree)
    except RecursionError:  # an expression that is nested too deep to be walked
        return Counter()
