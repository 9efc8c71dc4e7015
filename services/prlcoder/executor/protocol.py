"""What other rooms need of an executor, wherever it runs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Protocol, Self

from prlcoder.executor.verdicts import ExecutionRequest, ExecutionResult


class ProgramRunner(Protocol):
    """Anything that runs programs against tests: an ``Executor`` in this process, or one behind an address."""

    def run(self, items: Iterable[ExecutionRequest]) -> Iterator[ExecutionResult]:
        """Yields one result per item, in input order. Items are drawn a bounded number ahead of the results."""
        ...


class ClosingRunner(ProgramRunner):
    """Gives a class that implements ``run`` and ``close`` the method ``execute`` and makes it a context manager."""

    @abstractmethod
    def close(self) -> None:
        """Release what the runner holds. Runs that have not finished are abandoned."""

    def execute(self, item: ExecutionRequest) -> ExecutionResult:
        """Run one item and return its result."""
        return next(iter(self.run([item])))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
