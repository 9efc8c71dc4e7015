"""The ``TrainingRun`` manifest as pydantic models: every field, its default and its bounds (contracts, section 5).

Field names are camelCase in YAML and snake_case here. Unknown fields are refused; ``runs.manifest`` turns pydantic's
errors into messages that name the nearest known field.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]
STAGES = ("pretrain", "supervise", "sft", "reward", "policy", "evaluate")


class Section(BaseModel):
    """Base of every section: camelCase in files, no unknown fields, immutable."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Scratch(Section):
    """A model built here from random weights, with a tokenizer trained here."""

    preset: Literal["nano", "small"] = "nano"


class Model(Section):
    """The policy's base: a Hugging Face folder or hub id, or a model from scratch (then ``pretrain`` runs)."""

    path: str | None = None
    scratch: Scratch | None = None
    prompt_template: Literal["nano", "chat", "paper-appsplus", "plain"] = "chat"
    max_length: Count = 2048

    @model_validator(mode="after")
    def _one_origin(self) -> Model:
        if (self.path is None) == (self.scratch is None):
            raise ValueError("give exactly one of `path` and `scratch`")
        return self


class NanoSuite(Section):
    """Sizes of the generated nano suite (only read when ``problems.source`` is ``nano``)."""

    train: Count = 300
    validation: Count = 150
    test: Count = 300


class Split(Section):
    """How problems are divided. ``published`` keeps the data set's own split where it has one (nano's default)."""

    by: Literal["random", "published"] = "random"
    validation: Fraction = 0.25
    test: Fraction = 0.25
    seed: int = 0


class Hub(Section):
    """What of a Hugging Face data set is read (only when the source is a hub id or a data set's folder)."""

    config: str | None = None  # None: the data set's only or default one
    split: str | None = None  # None: all of them
    revision: str | None = None  # None: the newest; a commit makes runs repeatable


class Select(Section):
    """Which problems of the source are used: those that every field given here lets through."""

    release: (
        Literal["release_v1", "release_v2", "release_v3", "release_v4", "release_v5", "release_v6", "release_latest"]
        | None
    ) = None  # of LiveCodeBench; needs its folder of test*.jsonl files
    since: date | None = None  # first and last day of the contest, both included
    until: date | None = None
    difficulty: tuple[str, ...] = ()  # APPS and APPS+ call it level
    platform: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _some_days(self) -> Select:
        if self.since and self.until and self.since > self.until:
            raise ValueError(f"`since` ({self.since}) comes after `until` ({self.until})")
        return self


class Problems(Section):
    """Where problems come from: ``nano``, a path, an fsspec URI or a Hugging Face data set id."""

    source: str
    format: str = "auto"
    split: Split = Split()
    normalize_indent: Literal["spaces4", "tab", "keep"] = "spaces4"
    limit: Count | None = None
    skip_invalid: bool = False
    select: Select = Select()
    overrides: str | None = None  # JSONL of better canonical solutions, by problem id
    hub: Hub = Hub()
    nano: NanoSuite = NanoSuite()

    @model_validator(mode="before")
    @classmethod
    def _nano_is_split_as_generated(cls, data: Any) -> Any:
        """The nano suite's sizes are those of its own splits, so that another split of it must be asked for."""
        if not isinstance(data, dict) or data.get("source") != "nano":
            return data
        split = data.get("split", {})
        return {**data, "split": {"by": "published", **split}} if isinstance(split, dict) else data


class RulesTeacher(Section):
    """The embedded rule teacher."""

    kind: Literal["rules"]
    mutations: Annotated[int, Field(ge=0)] = 4
    refactorings: Annotated[int, Field(ge=0)] = 1


class PolicyTeacher(Section):
    """The current policy as its own teacher: its first wrong step at a prefix becomes the rejected one."""

    kind: Literal["policy"]
    samples: Count = 8
    temperature: Positive = 1.0
    locate: Literal["splice", "rollout"] = "splice"
    rollouts: Count = 4  # completions tried at each prefix by `locate: rollout`


class TeacherBudget(Section):
    """What the answers kept in one cache may have cost in all; at the bound the build stops, and can go on later."""

    tokens: Count | None = None  # prompt and completion together
    cost: Positive | None = None  # in the currency of the prices


class LlmTeacher(Section):
    """A language model behind an OpenAI-compatible endpoint. See docs/teacher.md."""

    kind: Literal["llm"]
    base_url: str  # up to /v1
    model: Annotated[str, Field(min_length=1)]
    api_key_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None  # name of the variable
    mutations: Annotated[int, Field(ge=0, le=32)] = 4
    refactorings: Annotated[int, Field(ge=0, le=32)] = 1
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] = 1.0
    max_tokens: Count = 4096  # of an answer, thinking included
    concurrency: Count = 16  # requests under way at once
    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    timeout: Positive = 300.0  # seconds for one answer
    max_retries: Annotated[int, Field(ge=0)] = 5
    breaker_failures: Count = 5  # consecutive failures after which the rule teacher proposes instead
    cache: str | None = None  # file; null is one in the supervision's own folder
    budget: TeacherBudget = TeacherBudget()
    price_per_million_prompt: Annotated[float, Field(ge=0.0)] | None = None
    price_per_million_completion: Annotated[float, Field(ge=0.0)] | None = None

    @field_validator("base_url")
    @classmethod
    def _no_key_in_it(cls, value: str) -> str:
        if re.fullmatch(r"https?://[^@\s?#]+", value) is None:
            raise ValueError(
                "must be http://... or https://... without user, key or query; name the key in `apiKeyEnv`"
            )
        return value

    @model_validator(mode="after")
    def _asks_for_something(self) -> LlmTeacher:
        if self.mutations + self.refactorings == 0:
            raise ValueError("`mutations` and `refactorings` are both 0; ask for at least one variant")
        return self

    @model_validator(mode="after")
    def _prices(self) -> LlmTeacher:
        if (self.price_per_million_prompt is None) != (self.price_per_million_completion is None):
            raise ValueError("give both `pricePerMillionPrompt` and `pricePerMillionCompletion`, or neither")
        if self.budget.cost is not None and self.price_per_million_prompt is None:
            raise ValueError("`budget.cost` needs `pricePerMillionPrompt` and `pricePerMillionCompletion`")
        return self


TeacherSettings = Annotated[RulesTeacher | LlmTeacher | PolicyTeacher, Field(discriminator="kind")]


class Supervision(Section):
    """How the process-supervised data set is built. ``labels: paper`` takes the verdict as the label; ``strict`` adds
    generated tests, which only demote, and calls no mutation chosen. ``useGenerated`` trains on what they reject.
    ``unit: solution`` rewrites whole solutions and labels outcomes: an outcome reward model's data, without steps."""

    from_: str | None = Field(default=None, alias="from")
    unit: Literal["segment", "solution"] = "segment"
    labels: Literal["strict", "paper"] = "strict"
    use_generated: bool = False
    teachers: tuple[TeacherSettings, ...] = (RulesTeacher(kind="rules"),)
    pairs_per_segment: Count = 2


class Training(Section):
    """What every training stage shares. ``lr_scheduler`` and the rest go to ``transformers.TrainingArguments``."""

    from_: str | None = Field(default=None, alias="from")
    learning_rate: Positive = 2e-5
    epochs: Positive = 3.0
    batch_size: Count = 8
    gradient_accumulation: Count = 1
    lr_scheduler: Literal["linear", "cosine", "constant", "cosine_with_min_lr"] = "linear"
    min_lr_ratio: Fraction = 0.0  # only with cosine_with_min_lr
    warmup_ratio: Fraction = 0.1
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.0
    adam_beta2: Fraction = 0.999
    max_grad_norm: Positive = 1.0
    save_steps: Count = 200
    logging_steps: Count = 10
    bf16: bool = False
    gradient_checkpointing: bool = False


class Pretrain(Training):
    """Language-model training of a scratch model: the nano stream, or the training problems' solutions."""

    learning_rate: Positive = 3e-3
    epochs: Positive = 1.0
    batch_size: Count = 16
    lr_scheduler: Literal["linear", "cosine", "constant", "cosine_with_min_lr"] = "cosine_with_min_lr"
    min_lr_ratio: Fraction = 0.05
    warmup_ratio: Fraction = 0.036
    programs: Count = 22000  # size of the nano stream
    noisy: bool = True  # whether the nano stream holds the habitual bugs


class Sft(Training):
    """Supervised fine-tuning on canonical solutions (TRL)."""


class Reward(Training):
    """The reward model. ``model: base`` starts it from the policy's base, ``sft`` from the fine-tuned one."""

    kind: Literal["prm"] = "prm"
    model: str = "base"
    epochs: Positive = 10.0


class Dpo(Section):
    """Step-level DPO (Algorithm 2). ``weighting: program`` averages inside a program first, ``pair`` does not."""

    beta: Positive = 0.1
    nll_weight: Annotated[float, Field(ge=0.0)] = 0.0
    weighting: Literal["program", "pair"] = "program"
    origins: tuple[Literal["canonical", "mutation", "refactoring", "policy"], ...] = ("mutation", "policy")


class Control(Training):
    """A likelihood-only control, trained beside the policy and evaluated with it.

    ``nll`` = the chosen segments of the same pairs; ``rft`` = the policy's own passing whole programs.
    """

    kind: Literal["nll", "rft"]


class Policy(Training):
    """Improving the policy."""

    algorithm: Literal["dpo"] = "dpo"
    init: str = "base"
    learning_rate: Positive = 5e-6
    dpo: Dpo = Dpo()
    controls: tuple[Control, ...] = ()


class Benchmark(Section):
    """One thing to evaluate on: a split of the run's own problems, or a published benchmark that is read from ``path``.

    ``samples`` at ``temperature`` give pass@k; greedy pass@1 is always measured.
    """

    source: Literal["held-out", "validation", "humaneval", "mbpp", "livecodebench", "appsplus"] = "held-out"
    name: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")] | None = None  # None: the source's
    path: str | None = None  # of a published benchmark: file, folder, URI or hub id
    hub: Hub = Hub()
    select: Select = Select()
    samples: Annotated[int, Field(ge=0)] = 8  # sampled completions a problem, beside the greedy one
    temperature: Positive = 0.8
    k: tuple[Count, ...] = (1, 8)

    @property
    def title(self) -> str:
        """What its folder and its section of the report are called."""
        return self.name or self.source

    @property
    def published(self) -> bool:
        """Whether it is read from ``path`` instead of being a split of the run's problems."""
        return self.source not in ("held-out", "validation")


class Evaluation(Section):
    """What the last stage measures, for the base and every trained policy."""

    from_: str | None = Field(default=None, alias="from")
    benchmarks: tuple[Benchmark, ...] = (Benchmark(),)
    best_of_n: bool = True  # rerank the samples with the reward model, if there is one
    batch_size: Count = 128
    max_new_tokens: Count = 512


class ExecutionSettings(Section):
    """The sandbox that every stage of the run uses."""

    workers: Count | None = None  # None: one per core
    jail: Literal["zygote", "per-run"] = "zygote"
    profile: Literal["auto", "namespaces", "gvisor", "degraded"] = "auto"
    cpu_limit: Positive = 10.0
    wall_limit: Positive = 20.0
    memory_limit: Count = 1024


class Services(Section):
    """Addresses (``host:port``) of services that do the work; null: the environment's ``PRLCODER_EXECUTOR`` and so on,
    else this process. ``segmenter`` cuts the canonical solutions of ``supervise``; what models write is cut where it is
    looked at."""

    segmenter: str | None = None
    mutator: str | None = None
    executor: str | None = None
    prm: str | None = None
    policy: str | None = None


class Storage(Section):
    """Where run folders go; null is ``./runs``."""

    uri: str | None = None


class Tracking(Section):
    """Trackers, as ``transformers`` names them."""

    report_to: tuple[str, ...] = ("tensorboard",)


class Spec(Section):
    """The spec of a TrainingRun. A section left out is a stage left out."""

    seed: int = 0
    model: Model
    problems: Problems
    segmentation: Literal["line", "block"] = "block"
    execution: ExecutionSettings = ExecutionSettings()
    pretrain: Pretrain | None = None
    supervision: Supervision | None = None
    sft: Sft | None = None
    reward: Reward | None = None
    policy: Policy | None = None
    evaluation: Evaluation | None = None
    services: Services = Services()
    storage: Storage = Storage()
    tracking: Tracking = Tracking()


class Metadata(Section):
    """The run's name, a DNS label so that it can name Kubernetes objects too."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class TrainingRun(Section):
    """The whole manifest."""

    api_version: Literal["prlcoder.dev/v1alpha1"]
    kind: Literal["TrainingRun"]
    metadata: Metadata
    spec: Spec

    def stages(self) -> list[str]:
        """Names of the stages that this spec has, in order."""
        spec = self.spec
        present: dict[str, Any] = {
            "pretrain": spec.model.scratch,
            "supervise": spec.supervision,
            "sft": spec.sft,
            "reward": spec.reward,
            "policy": spec.policy,
            "evaluate": spec.evaluation,
        }
        return [stage for stage in STAGES if present[stage] is not None]
