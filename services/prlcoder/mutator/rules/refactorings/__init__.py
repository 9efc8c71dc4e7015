"""The refactoring operators, one module per kind of construct. Importing this package registers them."""

from prlcoder.mutator.rules.refactorings import (
    assignments,
    branches,
    conditions,
    iterations,
    loops,
    names,
    temporaries,
    values,
)

__all__ = ["assignments", "branches", "conditions", "iterations", "loops", "names", "temporaries", "values"]
