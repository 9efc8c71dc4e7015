"""What the pipeline needs of an executor, wherever it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from prlcoder.executor.verdicts import Execution, ExecutionResult


class Runs(Protocol):
    """``Executor`` here, or one behind an address."""

    def run(self, items: Iterable[Execution]) -> Iterator[ExecutionResult]:
        """One result an item, in input order; items are drawn a bounded number ahead."""
        ...
