"""The sandboxed executor: programs in, verdicts out."""

from prlcoder.executor.executor import Executor
from prlcoder.executor.protocol import Runs
from prlcoder.executor.verdicts import Execution, ExecutionResult, Limits, Verdict

__all__ = ["Execution", "ExecutionResult", "Executor", "Limits", "Runs", "Verdict"]
