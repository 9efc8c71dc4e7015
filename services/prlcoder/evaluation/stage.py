"""The ``evaluate`` stage: every policy of the run on every benchmark of the spec, and the reward model beside them.

The first benchmark's files stand in the stage's folder, each further one's in a folder of its name below. Everything
is a function of the spec's seed; what a killed attempt has finished is kept, policy by policy.
"""

from __future__ import annotations

from prlcoder.evaluation.benchmark import BenchmarkRun
from prlcoder.stages.context import Metrics, StageContext


def run(context: StageContext) -> Metrics:
    """Evaluate, and write ``summary.json``, ``samples.jsonl`` and ``steps.jsonl``."""
    settings = context.spec.evaluation
    assert settings is not None  # the engine runs only the stages that the spec has
    summaries = []
    with context.executor() as executor:
        for number, plan in enumerate(settings.benchmarks):
            output = context.output if number == 0 else context.output / plan.title
            summaries.append(BenchmarkRun(context, settings, plan, executor).write(output))
    return {f"{name}_pass@1": policy["pass@1"] for name, policy in summaries[0]["policies"].items()}
