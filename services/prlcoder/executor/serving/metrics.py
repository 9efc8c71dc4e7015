"""The executor's metrics (contracts, section 7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from prlcoder.executor.verdicts import ExecutionResult

RUN_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0)


class ExecutorMetrics:
    """Counts what ran. ``depth`` tells how many items are accepted and unfinished."""

    def __init__(self, registry: CollectorRegistry, depth: Callable[[], int]) -> None:
        self._runs = Counter(
            "prlcoder_executor_runs",
            "Programs that were run, by verdict and isolation profile.",
            ("verdict", "profile"),
            registry=registry,
        )
        self._seconds = Histogram(
            "prlcoder_executor_run_seconds",
            "Elapsed seconds of a program's tests, waiting not counted.",
            buckets=RUN_SECONDS,
            registry=registry,
        )
        self._errors = Counter(
            "prlcoder_executor_sandbox_errors",
            "Items that the sandbox failed, by reason.",
            ("reason",),
            registry=registry,
        )
        self.cached = Counter(
            "prlcoder_executor_cached_results",
            "Items answered with an equal one's result.",
            registry=registry,
        )
        queue = Gauge("prlcoder_executor_queue_depth", "Items accepted and not finished.", registry=registry)
        queue.set_function(depth)

    def note(self, answer: ExecutionResult | Exception) -> None:
        """Count one answer."""
        if isinstance(answer, Exception):
            self._errors.labels(type(answer).__name__).inc()
        elif answer.verdict is None:
            self._errors.labels(answer.reason.removeprefix("sandbox_error: ")).inc()
        else:
            self._runs.labels(answer.verdict.value, answer.profile).inc()
            self._seconds.observe(answer.wall_s)
