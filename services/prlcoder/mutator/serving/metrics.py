"""The mutator's metrics."""

from __future__ import annotations

from typing import Final

from prlcoder.mutator import RuleTeacher
from prlcoder.telemetry.metrics import CounterMetric

VARIANTS: Final = CounterMetric(
    name="prlcoder_mutator_variants",
    help="Variants of segments that the teacher returned.",
    unit="variants",
    labels={
        "teacher": f"the teacher's name, always {RuleTeacher.name} for the server",
        "kind": "one of mutation, refactoring",
        "outcome": "what became of the variant, always proposed for the server, which does not run it",
    },
)
