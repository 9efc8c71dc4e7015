"""The section ``model``: the policy's base."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from prlcoder.spec.base import CelRule, Count, Fraction, Positive, Section


class Scratch(Section):
    """A model with random weights, whose tokenizer is trained on the run's problems."""

    preset: Literal["nano", "small"] = "nano"
    """Size of the model."""


class Peft(Section):
    """Low-rank adapters (LoRA): the weights of the base stay as they are, and only the adapters are trained.

    They apply to the stages `sft`, `reward` and `policy` and to the controls.
    """

    rank: Count = 16
    """Rank of the two factors whose product is added to a weight matrix."""
    alpha: Positive = 32.0
    """Scale of the adapters: their product is multiplied by `alpha` / `rank`."""
    dropout: Fraction = 0.0
    """Share of the adapters' inputs that training sets to zero."""
    target_modules: tuple[str, ...] | None = None
    """Names of the layers that get adapters, such as `q_proj`. Without them, every linear layer below the head does."""
    merge: bool = False
    """Publishes whole models, with the adapters added to their base's weights, instead of adapter folders."""


class Model(Section):
    """The policy's base: a pretrained model, or a model from scratch, which the stage `pretrain` trains first.

    Exactly one of `path` and `scratch` is given.
    """

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule("has(self.path) != has(self.scratch)", "give exactly one of `path` and `scratch`"),
    )

    path: str | None = None
    """Folder or hub id of a Hugging Face model."""
    scratch: Scratch | None = None
    """Builds a new model instead of loading one."""
    prompt_template: Literal["nano", "chat", "paper-appsplus", "plain"] = "chat"
    """How a problem is rendered as a prompt; `chat` is the tokenizer's own chat template."""
    max_length: Count = 2048
    """Longest sequence in tokens. Longer programs are left out of training and never truncated."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Type of the weights in the model folders that stages write, and of the frozen weights below adapters. `auto` is
    `float32`. Weights that are trained are `float32` while they train, whatever the type of the base's files."""
    peft: Peft | None = None
    """Trains low-rank adapters instead of all weights."""

    @model_validator(mode="after")
    def _check_origin(self) -> Model:
        if (self.path is None) == (self.scratch is None):
            raise ValueError("give exactly one of `path` and `scratch`")
        return self
