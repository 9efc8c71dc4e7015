"""Execution requests as messages. The tests of a problem are written once and shared by its programs."""

from __future__ import annotations

from typing import Final

from prlcoder.executor import ExecutionRequest
from prlcoder.executor.serving.messages import write_limits
from prlcoder.lru_cache import LruCache
from prlcoder.problems.messages import write_tests
from prlcoder.problems.model import Tests
from prlcoder.v1 import executor_pb2, problem_pb2

MAX_KNOWN_TESTS: Final = 512


class ExecutionWriter:
    """Writes executions. Tests are recognised by identity, which is cheaper than comparing them by content."""

    def __init__(self) -> None:
        # The tests stand beside their message so that they stay alive: the id of a dead object may be given again.
        self._written = LruCache[int, tuple[Tests, problem_pb2.Tests]](MAX_KNOWN_TESTS)

    def write(self, item: ExecutionRequest, *, fresh: bool = False) -> executor_pb2.Execution:
        """The message. ``LiteralError`` for a test value that no literal expresses, ``UnicodeEncodeError`` for a
        program that is not Unicode text (lone surrogates)."""
        _, tests = self._written.get_or_make(id(item.tests), lambda: (item.tests, write_tests(item.tests)))
        return executor_pb2.Execution(
            program=item.program,
            tests=tests,
            preamble=item.preamble,
            limits=None if item.limits is None else write_limits(item.limits),
            all_tests=item.all_tests,
            keep_answers=item.keep_answers,
            trace_lines=item.trace_lines,
            fresh=fresh,
        )
