"""Computes the expected values of tests that have an oracle, and caches them on disk.

The oracle is a known-correct program, such as the canonical solution of an EvalPlus problem. It runs once, in the
sandbox, on all inputs. Its results take the place of the missing expected values.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from prlcoder.errors import PrlcoderError
from prlcoder.executor.jailed.values import Opaque, UndecodableError, decode
from prlcoder.executor.verdicts import ExecutionRequest, ExecutionResult, ResourceLimits
from prlcoder.files import atomic_output
from prlcoder.lru_cache import LruCache
from prlcoder.problems.literals import LiteralError, encode
from prlcoder.problems.literals import decode as decode_literal
from prlcoder.problems.model import CallTests, Comparison, Tests

LIMITS: Final = ResourceLimits(cpu_s=60.0, wall_s=120.0, memory_mib=4096)
MAX_TESTS_IN_MEMORY: Final = 512


class OracleError(Exception):
    """The oracle gives no result for one of the inputs, so the tests cannot judge a program."""


def cache_folder() -> Path:
    """The folder of the cached results: ``$XDG_CACHE_HOME/prlcoder/expected``, by default below ``~/.cache``."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "prlcoder" / "expected"


class ExpectedOutputs:
    """The tests with their expected values, by identity of the tests. ``execute`` runs one program."""

    def __init__(self, execute: Callable[[ExecutionRequest], ExecutionResult]) -> None:
        self._execute = execute
        self._resolved = LruCache[int, tuple[Tests, Tests]](MAX_TESTS_IN_MEMORY)

    def of(self, tests: Tests, preamble: str) -> Tests:
        """The tests, without an oracle. ``OracleError`` if the oracle gives no result for one of the inputs."""
        if not (isinstance(tests, CallTests) and tests.oracle):
            return tests
        return self._resolved.get_or_make(id(tests), lambda: (tests, self._with_results(tests, preamble)))[1]

    def _with_results(self, tests: CallTests, preamble: str) -> CallTests:
        path = cache_folder() / f"{_key(tests, preamble)}.json"
        results = _cached(path)
        if results is None or len(results) != len(tests.cases):
            results = self._computed(tests, preamble)
            _store(path, results)
        cases = tuple(replace(case, expected=result) for case, result in zip(tests.cases, results, strict=True))
        return replace(tests, cases=cases, oracle="")

    def _computed(self, tests: CallTests, preamble: str) -> list[Any]:
        asked = CallTests(tests.entry_point, tests.cases, Comparison.VALUE)
        result = self._execute(
            ExecutionRequest(tests.oracle, asked, preamble, LIMITS, all_tests=True, keep_answers=True)
        )
        answers = [*result.answers, *[None] * (len(tests.cases) - len(result.answers))]
        return [_value(answer, number, result) for number, answer in enumerate(answers, start=1)]


def _value(answer: bytes | None, number: int, result: ExecutionResult) -> Any:
    if answer is None:
        what = "sandbox_error" if result.verdict is None else result.verdict
        raise OracleError(f"the oracle gives no result for test {number} ({what}: {result.reason or 'no answer'})")
    try:
        value = decode(answer)
        if not _is_plain(value):
            raise OracleError(f"the oracle's result for test {number} is not a plain value")
    except (UndecodableError, RecursionError):
        raise OracleError(f"the oracle's result for test {number} cannot be read") from None
    return value


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, value.keys())) and all(map(_is_plain, value.values()))
    return not isinstance(value, Opaque)


def _key(tests: CallTests, preamble: str) -> str:
    """A digest of everything that decides the results."""
    inputs = [(case.args, case.kwargs) for case in tests.cases]
    parts = [tests.oracle, preamble, tests.entry_point, repr(inputs), f"{sys.version_info[:2]}"]
    return hashlib.sha256(json.dumps(parts).encode(errors="surrogatepass")).hexdigest()


def _cached(path: Path) -> list[Any] | None:
    try:
        return [decode_literal(text) for text in json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError, LiteralError):
        return None


def _store(path: Path, results: list[Any]) -> None:
    """Results that cannot be written (no literal, no room, no permission) are computed again the next time."""
    try:
        with atomic_output(path) as file:
            json.dump([encode(result) for result in results], file)
    except (PrlcoderError, LiteralError, OSError):
        return
