"""The local engine: runs the stages of a TrainingRun on this machine, in the folder of the run.

``engine.execute`` runs what ``plan.plan`` says is left to do. ``state.py`` holds the progress of each stage,
``folder.py`` names the files and publishes finished stages, and ``stage_functions.py`` maps a stage to the module that
runs it.
"""

from prlcoder.runs.folder import RunFolder
from prlcoder.runs.plan import PlannedStage, observe, plan
from prlcoder.runs.state import RunState, StageRecord

__all__ = ["PlannedStage", "RunFolder", "RunState", "StageRecord", "observe", "plan"]
