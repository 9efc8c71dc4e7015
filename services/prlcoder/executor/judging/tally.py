"""The sum of the runs and judgements of one program."""

from __future__ import annotations

from dataclasses import dataclass, replace

from prlcoder.executor.jailed import wire
from prlcoder.executor.judging.endings import Judgement
from prlcoder.executor.verdicts import TEST_ERROR, ExecutionResult, ResourceLimits, Verdict


@dataclass
class Tally:
    """Sums up the runs of one program."""

    total: int
    profile: str
    passed: int = 0
    first_failure: Judgement | None = None
    wall_s: float = 0.0
    cpu_s: float = 0.0
    rss_kib: int = 0
    fork_s: float = 0.0
    compile_s: float = 0.0
    compare_s: float = 0.0
    answers: tuple[bytes | None, ...] = ()
    test_exception: str = ""

    def spend(self, report: wire.Report) -> None:
        """Add what one run has used."""
        self.wall_s += report.wall_s
        self.cpu_s += report.cpu_s
        self.fork_s += report.fork_s
        self.compile_s += report.compile_s
        self.rss_kib = max(self.rss_kib, report.rss_kib)

    def left(self, limits: ResourceLimits) -> ResourceLimits:
        """The limits less what earlier runs used, but at least a millisecond, so that the end is a timeout."""
        return replace(
            limits, cpu_s=max(limits.cpu_s - self.cpu_s, 0.001), wall_s=max(limits.wall_s - self.wall_s, 0.001)
        )

    def note(self, judgement: Judgement) -> None:
        """Count the judgement of one test."""
        if judgement[0] is Verdict.PASSED:
            self.passed += 1
        elif self.first_failure is None:
            self.first_failure = judgement

    def result(self) -> ExecutionResult:
        """The result of the program. The first test that did not pass gives the verdict and its reason."""
        verdict, reason = self.first_failure or (Verdict.PASSED, "")
        run_s = max(self.wall_s - self.fork_s - self.compile_s, 0.0)
        timings = {"fork": self.fork_s, "compile": self.compile_s, "run": run_s, "compare": self.compare_s}
        return ExecutionResult(
            verdict,
            reason,
            self.passed,
            self.total,
            self.wall_s,
            self.cpu_s,
            self.rss_kib / 1024,
            self.profile,
            timings,
            self.answers,
            self.test_exception,
        )

    def faulty(self, fault: str) -> ExecutionResult:
        """The result where the tests are at fault: it has the measurements, and no verdict."""
        return replace(self.result(), verdict=None, reason=f"{TEST_ERROR}: {fault}", tests_passed=0)
