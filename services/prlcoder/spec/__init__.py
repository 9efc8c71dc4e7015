"""The ``TrainingRun`` API type, apart from the engines that execute it.

``trainingrun.py`` has the whole manifest; each section has the file of its name. ``manifest.load`` reads a file and
reports every mistake in it; ``checks.py`` holds the checks that concern several sections; ``reference.py`` prints the
reference page. Nothing here imports more than pydantic and yaml.
"""

from prlcoder.spec.cluster import ClusterFields, StagePods
from prlcoder.spec.environment import ExecutionSettings, Services, Storage, Tracking
from prlcoder.spec.evaluation import Benchmark, Evaluation
from prlcoder.spec.model import Model, Peft, Scratch
from prlcoder.spec.problems import Hub, NanoSuite, Problems, Select, Split
from prlcoder.spec.rl import (
    RL_ALGORITHMS,
    Rl,
    RlCorrection,
    RlCredit,
    RlKl,
    RlMonitors,
    RlReward,
    RlRewardModel,
    RlValue,
)
from prlcoder.spec.section import Section
from prlcoder.spec.stages import STAGES, StageDefinition
from prlcoder.spec.supervision import (
    LlmTeacher,
    PolicyTeacher,
    RulesTeacher,
    Supervision,
    TeacherBudget,
    TeacherSettings,
)
from prlcoder.spec.training import Control, Dpo, DpoSampling, Policy, Pretrain, Reward, Sft, Training
from prlcoder.spec.trainingrun import Metadata, Spec, TrainingRun

__all__ = [
    "RL_ALGORITHMS",
    "STAGES",
    "Benchmark",
    "ClusterFields",
    "Control",
    "Dpo",
    "DpoSampling",
    "Evaluation",
    "ExecutionSettings",
    "Hub",
    "LlmTeacher",
    "Metadata",
    "Model",
    "NanoSuite",
    "Peft",
    "Policy",
    "PolicyTeacher",
    "Pretrain",
    "Problems",
    "Reward",
    "Rl",
    "RlCorrection",
    "RlCredit",
    "RlKl",
    "RlMonitors",
    "RlReward",
    "RlRewardModel",
    "RlValue",
    "RulesTeacher",
    "Scratch",
    "Section",
    "Select",
    "Services",
    "Sft",
    "Spec",
    "Split",
    "StageDefinition",
    "StagePods",
    "Storage",
    "Supervision",
    "TeacherBudget",
    "TeacherSettings",
    "Tracking",
    "Training",
    "TrainingRun",
]
