"""The section ``model``: the policy's base."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from prlcoder.spec.section import CelRule, Count, Fraction, Positive, Section


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
        CelRule("!has(self.ggufFile) || has(self.path)", "`ggufFile` names a file of `path`; give `path` as well"),
        CelRule(  # rules cannot see `chatTemplateArguments`, whose values have several types
            "self.promptTemplate == 'chat' || !has(self.systemMessage)",
            "`systemMessage` is for `promptTemplate: chat`; set it, or leave it out",
        ),
    )

    path: str | None = None
    """Folder or hub id of a Hugging Face model, a `.gguf` file, or a folder with one."""
    gguf_file: str | None = None
    """Name of the GGUF file in the folder or hub repository `path`, if its weights are to be read from one."""
    trust_remote_code: bool = False
    """Executes the Python files that the model's folder brings along. Read them first."""
    scratch: Scratch | None = None
    """Builds a new model instead of loading one."""
    prompt_template: Literal["nano", "chat", "paper-appsplus", "plain", "plain-v2"] = "chat"
    """How a problem is rendered as a prompt; `chat` is the tokenizer's own chat template."""
    chat_template_arguments: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """Arguments of the tokenizer's chat template, such as `{enable_thinking: false}`."""
    system_message: str | None = None
    """System message before each problem; none means the chat template's own."""
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] = "2024-07-26"
    """The date that chat templates see as today, so that prompts do not change from day to day."""
    max_length: Count = 2048
    """Longest sequence in tokens. Longer programs are left out of training and never truncated."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Type of the weights in the model folders that stages write, and of the frozen weights below adapters. `auto` is
    `float32`. Weights that are trained are `float32` while they train, whatever the type of the base's files."""
    attention: Literal["sdpa", "flex", "varlen"] = "sdpa"
    """Attention of trainings in which programs share their prefixes. `flex` and `varlen` need a GPU and are for long
    rows; `varlen` computes attention in half precision."""
    peft: Peft | None = None
    """Trains low-rank adapters instead of all weights."""

    @model_validator(mode="after")
    def _check_origin(self) -> Model:
        if (self.path is None) == (self.scratch is None):
            raise ValueError("give exactly one of `path` and `scratch`")
        if self.gguf_file is not None and self.path is None:
            raise ValueError("`ggufFile` names a file of `path`; give `path` as well")
        if self.prompt_template != "chat" and (self.chat_template_arguments or self.system_message is not None):
            raise ValueError(
                "`chatTemplateArguments` and `systemMessage` are for `promptTemplate: chat`; set it, or leave them out"
            )
        date.fromisoformat(self.date)
        return self

    @property
    def location(self) -> str | None:
        """The string that all loaders take: ``path``, with the GGUF file behind it if one is named."""
        if self.path is None or self.gguf_file is None or self.path.endswith(".gguf"):
            return self.path
        return f"{self.path.rstrip('/')}/{self.gguf_file}"
