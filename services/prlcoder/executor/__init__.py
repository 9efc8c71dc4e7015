"""The sandboxed executor: it runs programs against tests and answers with verdicts.

``executor.Executor`` is the entry point; ``verdicts`` defines what it is given and what it answers. ``compiled_tests``
turns a problem's tests into a plan, ``judging/`` orders the runs of a plan and judges their outcomes, ``pool`` keeps
the jails busy, and ``jail`` starts one. ``jailed/`` is the code that runs inside a jail; ``serving/`` is the gRPC and
HTTP service. ``conformance`` probes which layers of the sandbox a host provides, and ``run_code`` runs a program
untested.
"""

from prlcoder.executor.executor import Executor
from prlcoder.executor.packages import PackageFolder
from prlcoder.executor.protocol import ProgramRunner
from prlcoder.executor.verdicts import ExecutionRequest, ExecutionResult, ResourceLimits, Verdict

__all__ = [
    "ExecutionRequest",
    "ExecutionResult",
    "Executor",
    "PackageFolder",
    "ProgramRunner",
    "ResourceLimits",
    "Verdict",
]
