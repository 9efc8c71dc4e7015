"""Executions as requests; tests are written once and shared by the programs of one problem."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from prlcoder.executor import ExecutionRequest
from prlcoder.executor.serving.messages import write_limits
from prlcoder.problems.messages import write_tests
from prlcoder.problems.model import Tests
from prlcoder.v1 import executor_pb2, problem_pb2

CAPACITY: Final = 512


class ExecutionWriter:
    """Writes executions. Tests are known by identity, and kept alive while they are known."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[Tests, problem_pb2.Tests]] = OrderedDict()

    def write(self, item: ExecutionRequest, *, fresh: bool = False) -> executor_pb2.Execution:
        """The message. ``LiteralError`` for a test value that no literal expresses, ``UnicodeEncodeError`` for a
        program that is not Unicode text (lone surrogates)."""
        return executor_pb2.Execution(
            program=item.program,
            tests=self._tests(item.tests),
            preamble=item.preamble,
            limits=None if item.limits is None else write_limits(item.limits),
            all_tests=item.all_tests,
            keep_answers=item.keep_answers,
            fresh=fresh,
        )

    def _tests(self, tests: Tests) -> problem_pb2.Tests:
        kept = self._kept.get(id(tests))
        if kept is not None:
            self._kept.move_to_end(id(tests))
            return kept[1]
        message = write_tests(tests)
        self._kept[id(tests)] = (tests, message)
        if len(self._kept) > CAPACITY:
            self._kept.popitem(last=False)
        return message
