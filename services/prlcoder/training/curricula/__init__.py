"""Curricula: where completions begin while the policy learns. Pure functions, no tensors."""

from prlcoder.training.curricula.cccs import CompletionStage, completion_starts, next_stage, started_problem

__all__ = ["CompletionStage", "completion_starts", "next_stage", "started_problem"]
