"""What the pipeline needs of an executor, wherever it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from prlcoder.executor.verdicts import ExecutionRequest, ExecutionResult


class ProgramRunner(Protocol):
    """``Executor`` here, or one behind an address."""

    def run(self, items: Iterable[ExecutionRequest]) -> Iterator[ExecutionResult]:
        """One result an item, in input order; items are drawn a bounded number ahead."""
        ...
