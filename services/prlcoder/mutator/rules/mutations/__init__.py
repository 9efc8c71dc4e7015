"""The mutation operators, one module per kind of bug. Importing this package registers them."""

from prlcoder.mutator.rules.mutations import (
    arithmetic,
    bounds,
    calls,
    conditions,
    constants,
    flow,
    references,
    statements,
    syntax,
)

__all__ = [
    "arithmetic",
    "bounds",
    "calls",
    "conditions",
    "constants",
    "flow",
    "references",
    "statements",
    "syntax",
]
