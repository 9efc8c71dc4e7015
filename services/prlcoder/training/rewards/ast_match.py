"""Reward term ``ast-match``: how much of the canonical solution's syntax the program has.

The syntactic match of `PPOCoder <https://arxiv.org/abs/2301.13816>`_: the share of the reference's subtrees that occur
in the program. Names and constants are left out of the subtrees, so that only structure counts.
"""

from __future__ import annotations

import ast
from collections import Counter

from prlcoder.training.rewards.context import RewardContext
from prlcoder.training.rewards.syntax_trees import best_share_found
from prlcoder.training.rollouts import Rollout


def outcome(rollout: Rollout, context: RewardContext) -> float:
    """The share of a canonical solution's subtrees that the program has, 0 to 1; the best over the solutions."""
    return best_share_found(rollout.program, context.solutions, subtrees)


def subtrees(tree: ast.Module) -> Counter[str]:
    """The shape of every statement and of every expression that has parts, with its number of occurrences.

    >>> sorted(subtrees(ast.parse("x = a + 1")))
    ['Assign(Name BinOp(Name Add Constant))', 'BinOp(Name Add Constant)']
    """
    found: Counter[str] = Counter()

    def shape(node: ast.AST) -> str:
        # The context (load or store) follows from the place in the tree.
        inner = [shape(child) for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr_context)]
        text = f"{type(node).__name__}({' '.join(inner)})" if inner else type(node).__name__
        if isinstance(node, ast.stmt) or (inner and isinstance(node, ast.expr)):
            found[text] += 1
        return text

    shape(tree)
    return found
