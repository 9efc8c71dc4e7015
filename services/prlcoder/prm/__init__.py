"""The process reward model in this process: how likely a program is right up to each of its steps.

``items`` holds requests and scores, ``protocol`` the interface of every scorer. ``scoring.LocalStepScorer`` scores
programs with a model in memory, ``step_model`` is that model, and ``prefixes`` reuses what the model has read before.
``serving`` is the service. The modules ``scoring``, ``step_model`` and ``prefixes`` need torch and are not imported
here.
"""

from prlcoder.prm.items import ItemError, ProgramScores, ProgramToScore, StepScore, StepSpan, TooLongError
from prlcoder.prm.protocol import StepScorer

__all__ = ["ItemError", "ProgramScores", "ProgramToScore", "StepScore", "StepScorer", "StepSpan", "TooLongError"]
