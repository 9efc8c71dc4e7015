"""Results by content, so that an equal execution is not run again.

Only verdicts that do not depend on the machine's load are kept: no timeouts, no results that reached a limit, no
sandbox errors. Results with long answers are not kept either: they would take most of the server's memory and are
seldom asked for twice.
"""

from __future__ import annotations

import hashlib
from typing import Final

from prlcoder.executor.verdicts import ExecutionRequest, ExecutionResult, Verdict
from prlcoder.lru_cache import LruCache

MAX_ANSWER_BYTES: Final = 4096  # of one result's answers together
_LIMIT_REASONS: Final = frozenset({"memory", "output_limit"})


class ResultCache:
    """At most ``capacity`` results, the most recently used ones; 0 keeps none."""

    def __init__(self, capacity: int) -> None:
        self._results = LruCache[bytes, ExecutionResult](capacity)

    def get(self, key: bytes) -> ExecutionResult | None:
        """The result of an equal execution, if it is kept."""
        return self._results.get(key)

    def put(self, key: bytes, result: ExecutionResult) -> None:
        """Keep the result, if another run is certain to give the same."""
        if result.verdict in (None, Verdict.TIMEOUT) or result.reason in _LIMIT_REASONS:
            return
        if sum(len(answer or b"") for answer in result.answers) <= MAX_ANSWER_BYTES:
            self._results.put(key, result)


def execution_key(item: ExecutionRequest, tests: bytes) -> bytes:
    """Digest of everything that a verdict depends on; ``tests`` is the digest of the tests."""
    parts = (item.program, item.preamble, item.limits, item.all_tests, item.keep_answers, item.trace_lines)
    return hashlib.sha256(tests + repr(parts).encode("utf-8", "surrogatepass")).digest()
