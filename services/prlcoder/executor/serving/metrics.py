"""The executor's metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry

from prlcoder.executor.verdicts import ExecutionResult, Verdict
from prlcoder.telemetry.metrics import CounterMetric, GaugeMetric, HistogramMetric

RUN_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0)

RUNS: Final = CounterMetric(
    name="prlcoder_executor_runs",
    help="Programs that were run and have a verdict; results from the cache are not counted.",
    unit="programs",
    labels={
        "verdict": f"one of {', '.join(Verdict)}",
        "profile": "the isolation, one of namespaces, gvisor, degraded",
    },
)
SECONDS: Final = HistogramMetric(
    name="prlcoder_executor_run_seconds",
    help="Elapsed time of a program's tests, without the time that it waited for a worker.",
    unit="seconds",
    buckets=RUN_SECONDS,
)
ERRORS: Final = CounterMetric(
    name="prlcoder_executor_sandbox_errors",
    help="Items that have no verdict because the sandbox failed.",
    unit="items",
    labels={"reason": "the name of the exception, such as SandboxLostError, or what the sandbox reported"},
)
TEST_ERRORS: Final = CounterMetric(
    name="prlcoder_executor_test_errors",
    help="Items that have no verdict because their tests are at fault.",
    unit="items",
)
CACHED: Final = CounterMetric(
    name="prlcoder_executor_cached_results",
    help="Items that were answered with the result of an equal execution.",
    unit="items",
)
RETIRED: Final = CounterMetric(
    name="prlcoder_executor_retired_jails",
    help="Jails that were replaced because they gave a wrong answer to a program whose answer is known.",
    unit="jails",
)
QUEUE_DEPTH: Final = GaugeMetric(
    name="prlcoder_executor_queue_depth",
    help="Items that are accepted and not finished, those that run included.",
    unit="items",
)


class ExecutorMetrics:
    """Counts executions. ``depth`` returns how many items are accepted and not finished."""

    def __init__(self, registry: CollectorRegistry, depth: Callable[[], int]) -> None:
        self._runs = RUNS.register(registry)
        self._seconds = SECONDS.register(registry)
        self._errors = ERRORS.register(registry)
        self._test_errors = TEST_ERRORS.register(registry)
        self.cached = CACHED.register(registry)
        self.retired = RETIRED.register(registry)
        QUEUE_DEPTH.register(registry).set_function(depth)

    def note(self, answer: ExecutionResult | Exception) -> None:
        """Count one answer."""
        if isinstance(answer, Exception):
            self._errors.labels(type(answer).__name__).inc()
        elif answer.test_error:
            self._test_errors.inc()
        elif answer.verdict is None:
            self._errors.labels(answer.reason.removeprefix("sandbox_error: ")).inc()
        else:
            self._runs.labels(answer.verdict.value, answer.profile).inc()
            self._seconds.observe(answer.wall_s)
