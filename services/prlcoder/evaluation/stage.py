"""The ``evaluate`` stage: every policy of the run on every benchmark of the spec, and the reward model beside them.

The first benchmark's files are in the stage's folder, those of each further one in a subfolder of its name. Everything
is a function of the spec's seed. Finished pieces are cached, so that a killed evaluation resumes.
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
