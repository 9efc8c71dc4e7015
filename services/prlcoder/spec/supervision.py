"""The section ``supervision``: how the process-supervised data set is built."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from prlcoder.spec.section import CelRule, Count, NonNegative, Positive, Section, VariableName, unique_by


class RulesTeacher(Section):
    """The embedded rule teacher."""

    kind: Literal["rules"]
    """Which teacher this is."""
    mutations: Annotated[int, Field(ge=0)] = 4
    """Number of mutations per segment at most."""
    refactorings: Annotated[int, Field(ge=0)] = 1
    """Number of refactorings per segment at most."""


class PolicyTeacher(Section):
    """The current policy as its own teacher: its first wrong step at a prefix becomes the rejected one."""

    kind: Literal["policy"]
    """Which teacher this is."""
    samples: Count = 8
    """Number of programs sampled per problem."""
    temperature: Positive = 1.0
    """Sampling temperature."""
    stop: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(max_length=14)] = ()
    """Texts that end a sampled program and do not belong to it, besides what the prompt template ends it with."""
    locate: Literal["splice", "rollout"] = "splice"
    """How the first wrong step is found: by splicing it into the canonical solution, or by rollouts from its prefix."""
    rollouts: Count = 4
    """Number of completions tried at each prefix by `locate: rollout`."""


class TeacherBudget(Section):
    """Bounds on the total use of the answers in one cache. At a bound the build stops; it can go on later."""

    tokens: Count | None = None
    """Prompt and completion tokens together."""
    cost: Positive | None = None
    """Cost in the currency of the prices; it needs both prices."""


class LlmTeacher(Section):
    """A language model behind an OpenAI-compatible endpoint. See docs/teacher.md."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule(
            r"!has(self.baseUrl) || self.baseUrl.matches(r'^https?://[^@\s?#]+$')",
            "baseUrl: must be http://... or https://... without user, key or query; name the key in `apiKeyEnv`",
        ),
        CelRule(
            "!has(self.mutations) || !has(self.refactorings) || self.mutations + self.refactorings > 0",
            "`mutations` and `refactorings` are both 0; ask for at least one variant",
        ),
        CelRule(
            "has(self.pricePerMillionPrompt) == has(self.pricePerMillionCompletion)",
            "give both `pricePerMillionPrompt` and `pricePerMillionCompletion`, or neither",
        ),
        CelRule(
            "!has(self.budget) || !has(self.budget.cost) || has(self.pricePerMillionPrompt)",
            "`budget.cost` needs `pricePerMillionPrompt` and `pricePerMillionCompletion`",
        ),
    )

    kind: Literal["llm"]
    """Which teacher this is."""
    base_url: str
    """Base URL of the endpoint, up to and including `/v1`, without user, key or query."""
    model: Annotated[str, Field(min_length=1)]
    """Name of the model at the endpoint."""
    api_key_env: VariableName | None = None
    """Name of the environment variable that holds the key."""
    mutations: Annotated[int, Field(ge=0, le=32)] = 4
    """Number of mutations requested per segment."""
    refactorings: Annotated[int, Field(ge=0, le=32)] = 1
    """Number of refactorings requested per segment."""
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] = 1.0
    """Sampling temperature."""
    max_tokens: Count = 4096
    """Longest answer in tokens, reasoning included."""
    concurrency: Count = 16
    """Number of concurrent requests at most."""
    requests_per_minute: Count | None = None
    """Rate limit in requests; none means no limit."""
    tokens_per_minute: Count | None = None
    """Rate limit in tokens; none means no limit."""
    timeout: Positive = 300.0
    """Seconds to wait for one answer."""
    max_retries: Annotated[int, Field(ge=0)] = 5
    """Number of retries of a failed request."""
    breaker_failures: Count = 5
    """Number of consecutive failures after which the rule teacher proposes instead."""
    cache: str | None = None
    """File that caches the answers; none means a file in the supervision's own folder."""
    budget: TeacherBudget = TeacherBudget()
    """Bounds on the total use of the endpoint."""
    price_per_million_prompt: NonNegative | None = None
    """Price of a million prompt tokens."""
    price_per_million_completion: NonNegative | None = None
    """Price of a million completion tokens."""

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, value: str) -> str:
        if re.fullmatch(r"https?://[^@\s?#]+", value) is None:
            raise ValueError(
                "must be http://... or https://... without user, key or query; name the key in `apiKeyEnv`"
            )
        return value

    @model_validator(mode="after")
    def _check_variants(self) -> LlmTeacher:
        if self.mutations + self.refactorings == 0:
            raise ValueError("`mutations` and `refactorings` are both 0; ask for at least one variant")
        return self

    @model_validator(mode="after")
    def _check_prices(self) -> LlmTeacher:
        if (self.price_per_million_prompt is None) != (self.price_per_million_completion is None):
            raise ValueError("give both `pricePerMillionPrompt` and `pricePerMillionCompletion`, or neither")
        if self.budget.cost is not None and self.price_per_million_prompt is None:
            raise ValueError("`budget.cost` needs `pricePerMillionPrompt` and `pricePerMillionCompletion`")
        return self


TeacherSettings = Annotated[RulesTeacher | LlmTeacher | PolicyTeacher, Field(discriminator="kind")]


class Supervision(Section):
    """How the process-supervised data set is built."""

    from_: str | None = Field(default=None, alias="from")
    """Folder of a finished supervision that is used instead of building one."""
    unit: Literal["segment", "solution"] = "segment"
    """What teachers rewrite. `solution` rewrites whole solutions and labels outcomes: the data of an outcome reward
    model, without steps."""
    labels: Literal["strict", "paper"] = "strict"
    """`paper` takes the verdict as the label; `strict` adds generated tests, which only demote, and labels no mutation
    chosen."""
    use_generated: bool = False
    """Trains on the steps that only generated tests reject."""
    teachers: Annotated[tuple[TeacherSettings, ...], Field(json_schema_extra=unique_by("kind"))] = (
        RulesTeacher(kind="rules"),
    )
    """Who proposes variants of the segments."""
    pairs_per_segment: Count = 2
    """Number of preference pairs per segment at most."""
