"""Measuring policies and the reward model.

``stage`` runs the benchmarks of a run, one ``benchmark`` each: programs and verdicts (``candidates``), figures from
verdicts (``pass_metrics``, ``intervals``), the reward model's figures (``step_scores``, ``discrimination``,
``own_step_labels``, ``reward_model``), and the rows of the step viewer (``step_view``). ``recorded_samples`` judges
samples written elsewhere. The leak test is ``leak``, with its classifier in ``logistic`` and ``text_features``.
"""

from prlcoder.evaluation.intervals import paired_difference, wilson
from prlcoder.evaluation.pass_metrics import best_of_n, pass_at_k

__all__ = ["best_of_n", "paired_difference", "pass_at_k", "wilson"]
