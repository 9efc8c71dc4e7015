"""The records that the report reads, as typed values. Only the fields that it shows are listed. Others are ignored, so
that a newer run can still be drawn.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Interval = tuple[float, float]
CountTable = dict[str, int]


class ReportRecord(BaseModel):
    """Base of every record read here: aliases as in the files, unknown fields ignored, immutable."""

    model_config = ConfigDict(populate_by_name=True, extra="ignore", frozen=True)


class ReportedMetadata(ReportRecord):
    """``metadata`` of run.yaml."""

    name: str


class ProblemSource(ReportRecord):
    """``spec.problems`` of run.yaml."""

    source: str


class ReportedSpec(ReportRecord):
    """The fields of ``spec`` that the page's first lines show."""

    seed: int = 0
    model: dict[str, Any] = {}
    problems: ProblemSource
    segmentation: str = "block"
    policy: dict[str, Any] | None = None

    @property
    def algorithm(self) -> str:
        """The algorithm that trains the policy."""
        return str((self.policy or {}).get("algorithm", "dpo"))


class Manifest(ReportRecord):
    """The fields of run.yaml that the report reads; the page also shows the whole file."""

    metadata: ReportedMetadata
    spec: ReportedSpec


class StageState(ReportRecord):
    """One stage in state.json. ``wall_s`` adds up all attempts, in seconds."""

    status: str
    attempt: int = 0
    started: datetime | None = None
    finished: datetime | None = None
    wall_s: float = 0.0
    usage: dict[str, float] = {}


class ReportedState(ReportRecord):
    """state.json."""

    stages: dict[str, StageState] = {}


class StageNeed(ReportRecord):
    """What a stage was expected to need, in estimate.json. ``how`` says per figure how it was obtained."""

    memory_mib: float | None = None
    gpu_memory_mib: float | None = None
    tokens_read: float | None = None
    tokens_written: float | None = None
    disk_mib: float | None = None
    seconds: float | None = None
    how: dict[str, str] = {}


class ReportedEstimate(ReportRecord):
    """estimate.json."""

    stages: dict[str, StageNeed] = {}


class ReportedSplits(ReportRecord):
    """splits.json: problem ids by split, and their digest."""

    train: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    digest: str = ""


class ReportedScore(ReportRecord):
    """Greedy pass@1 on ``n`` problems with its 95 % interval."""

    pass_at_1: Share = Field(alias="pass@1")
    n: int
    ci95: Interval | None = None


class Difference(ReportRecord):
    """pass@1 minus the base's, paired by problem."""

    difference: float
    ci95: Interval


class Reranked(ReportedScore):
    """pass@1 of the samples with the highest score, compared with a randomly drawn sample."""

    vs_sampled: Difference | None = None
    auroc_within_problems: Share | None = None


class BestOfN(ReportRecord):
    """Choosing among ``n`` samples per problem, by each way to score a program."""

    n: int
    random: Share | None = None
    oracle: Share | None = None
    by_score: dict[str, Reranked] = {}


class Sampled(ReportRecord):
    """``pass@k`` of ``n`` samples per problem; in the file these are keys beside ``n`` and ``ci95``."""

    model_config = ConfigDict(extra="allow", frozen=True)

    n: int | None = None
    ci95: dict[str, Interval] = {}

    @property
    def pass_at_k(self) -> dict[int, float]:
        """The values by k."""
        found = (self.model_extra or {}).items()
        return {int(key[5:]): float(value) for key, value in found if key.startswith("pass@") and key[5:].isdigit()}


class PolicyScore(ReportedScore):
    """Everything measured of one policy."""

    by_difficulty: dict[str, ReportedScore] = {}
    sampled: Sampled = Sampled()
    best_of_n: BestOfN | None = None
    vs_base: Difference | None = None


class CalibrationBin(ReportRecord):
    """Steps of similar probability: their number, their mean probability, and the share of them that is right."""

    n: int
    probability: float
    right: float


class Accuracy(ReportRecord):
    """Accuracy and AUROC on ``n`` steps; AUROC is None if all are right or all are wrong."""

    n: int
    accuracy: Share
    auroc: Share | None = None


class TextFigures(ReportRecord):
    """The figures of the text-only baseline on the same steps as the reward model's."""

    auroc: Share | None = None
    auroc_within_problems: Share | None = None
    accuracy: Share
    false_positive_rate: Share | None = None
    ece: Share | None = None


class StepFigures(Accuracy):
    """The reward model's figures on one set of steps; ``majority`` is the accuracy of a constant answer."""

    positive: Share
    majority: Share
    false_positive_rate: Share | None = None
    auroc_within_problems: Share | None = None
    ece: Share | None = None
    text: TextFigures | None = None
    vs_text: dict[str, Difference] = {}
    calibration: tuple[CalibrationBin, ...] = ()
    by_position: dict[str, Accuracy] = {}
    by_kind: dict[str, Accuracy] = {}


class LeakGroup(ReportRecord):
    """Steps of one operator and label: their AUROC by text alone, and that of all steps ``without`` them."""

    operator: str
    label: str
    n: int
    auroc: Share | None = None
    without: Share | None = None


class SamePlace(ReportRecord):
    """The leak test over pairs of a chosen and a rejected step of the same segment."""

    pairs: int
    auroc: Share | None = None


class Leak(ReportRecord):
    """The leak test: how well the text of a step alone, without statement and prefix, reveals its label."""

    auroc: Share | None = None
    threshold: Share
    steps: int
    same_place: SamePlace
    operators: tuple[LeakGroup, ...] = ()
    responsible: tuple[str, ...] = ()


class Summary(ReportRecord):
    """A benchmark's summary.json: that of the first is in evaluation/, that of each further one in a folder below
    it."""

    benchmark: str = "held-out"
    policies: dict[str, PolicyScore]
    reward_model: dict[str, Any] = {}
    leak: Leak | None = None
    timings_s: dict[str, float] = {}


class ReportedVariant(ReportRecord):
    """A rewrite of one segment with its verdict, its label and the reward model's probability that it is right."""

    text: str
    origin: str = ""
    operator: str | None = None
    label: str | None = None
    verdict: str | None = None
    probability: Share | None = None


class ReportedStep(ReportRecord):
    """One segment ``program[start:end]`` (code points) with its score and variants."""

    start: int
    end: int
    kind: str = ""
    probability: Share | None = None
    variants: tuple[ReportedVariant, ...] = ()


class ReportedProgram(ReportRecord):
    """One line of evaluation/steps.jsonl: a program of one problem, cut into scored segments."""

    problem_id: str
    split: str = ""
    difficulty: str | None = None
    statement: str = ""
    policy: str
    program: str
    verdict: str | None = None
    segments: tuple[ReportedStep, ...] = ()


class ReportedSupervision(ReportRecord):
    """supervision/manifest.json. ``counts`` holds numbers and, under ``by``, nested tables of numbers."""

    content_hash: str = ""
    settings: dict[str, Any] = {}
    versions: dict[str, Any] = {}
    counts: dict[str, Any]
    timings_s: dict[str, float] = {}


class RolloutFigures(ReportRecord):
    """The sum of the rewards and the mean of the advantages over some tokens; None where there is no token."""

    reward: float | None = None
    advantage: float | None = None


class RolloutStep(RolloutFigures, ReportedStep):
    """One segment of a rollout."""


class ReportedRollout(ReportRecord):
    """One line of policy/rollouts.jsonl. ``after`` are the figures of the tokens behind the last segment."""

    update: int
    problem_id: str
    statement: str = ""
    program: str
    verdict: str
    finished: bool = True
    reward: float
    components: dict[str, float] = {}
    segments: tuple[RolloutStep, ...] = ()
    after: RolloutFigures = RolloutFigures()
