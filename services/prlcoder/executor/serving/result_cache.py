"""Results by content: an equal execution is not run again. Bounded, least recently used first out.

Kept are verdicts that do not hang on the machine's load: no timeouts, nothing that ran into a limit, no sandbox error.
Nor is a result whose answers are long: they would be most of the server's memory, and are seldom asked for twice.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Final

from prlcoder.executor.verdicts import ExecutionRequest, ExecutionResult, Verdict

LONGEST_ANSWERS: Final = 4096  # bytes of one result's answers together
_LIMITS: Final = frozenset({"memory", "output_limit"})


class ResultCache:
    """At most ``capacity`` results; 0 keeps none."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._kept: OrderedDict[bytes, ExecutionResult] = OrderedDict()

    def get(self, key: bytes) -> ExecutionResult | None:
        """The result of an equal execution, if it is kept."""
        result = self._kept.get(key)
        if result is not None:
            self._kept.move_to_end(key)
        return result

    def put(self, key: bytes, result: ExecutionResult) -> None:
        """Keep a result, if it is one to keep."""
        if self.capacity == 0 or result.verdict in (None, Verdict.TIMEOUT) or result.reason in _LIMITS:
            return
        if sum(len(answer or b"") for answer in result.answers) > LONGEST_ANSWERS:
            return
        self._kept[key] = result
        self._kept.move_to_end(key)
        if len(self._kept) > self.capacity:
            self._kept.popitem(last=False)


def execution_key(item: ExecutionRequest, tests: bytes) -> bytes:
    """Digest of everything that a verdict depends on; ``tests`` is the digest of the tests."""
    parts = (item.program, item.preamble, item.limits, item.all_tests, item.keep_answers)
    return hashlib.sha256(tests + repr(parts).encode("utf-8", "surrogatepass")).digest()
