"""The section ``model``: the policy's base."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from prlcoder.spec.base import Count, Section


class Scratch(Section):
    """A model with random weights, whose tokenizer is trained on the run's problems."""

    preset: Literal["nano", "small"] = "nano"
    """Size of the model."""


class Model(Section):
    """The policy's base: a pretrained model, or a model from scratch, which the stage `pretrain` trains first.

    Exactly one of `path` and `scratch` is given.
    """

    path: str | None = None
    """Folder or hub id of a Hugging Face model."""
    scratch: Scratch | None = None
    """Builds a new model instead of loading one."""
    prompt_template: Literal["nano", "chat", "paper-appsplus", "plain"] = "chat"
    """How a problem is rendered as a prompt; `chat` is the tokenizer's own chat template."""
    max_length: Count = 2048
    """Longest sequence in tokens. Longer programs are left out of training and never truncated."""

    @model_validator(mode="after")
    def _check_origin(self) -> Model:
        if (self.path is None) == (self.scratch is None):
            raise ValueError("give exactly one of `path` and `scratch`")
        return self
