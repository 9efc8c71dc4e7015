"""The sandboxed executor: programs in, verdicts out."""

from prlcoder.executor.executor import Executor
from prlcoder.executor.protocol import ProgramRunner
from prlcoder.executor.verdicts import ExecutionRequest, ExecutionResult, ResourceLimits, Verdict

__all__ = ["ExecutionRequest", "ExecutionResult", "Executor", "ProgramRunner", "ResourceLimits", "Verdict"]
