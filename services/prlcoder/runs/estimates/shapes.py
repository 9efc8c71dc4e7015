"""The sizes that an estimate starts from: those of a model, and those of a problem set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FLOAT32_BYTES = 4


@dataclass(frozen=True)
class ModelShape:
    """A causal transformer with gated feed-forward layers, as its configuration describes it."""

    layers: int
    hidden: int
    intermediate: int
    vocabulary: int
    heads: int
    kv_heads: int
    head_size: int
    tied: bool

    @classmethod
    def of(cls, config: Mapping[str, Any], vocabulary: int | None = None) -> ModelShape:
        """The shape in the fields of a ``config.json``. ``vocabulary`` counts for a model that has none yet.

        Raises ``KeyError`` for a family that names its sizes otherwise.
        """
        hidden, heads = config["hidden_size"], config["num_attention_heads"]
        return cls(
            layers=config["num_hidden_layers"],
            hidden=hidden,
            intermediate=config["intermediate_size"],
            vocabulary=vocabulary or config["vocab_size"],
            heads=heads,
            kv_heads=config.get("num_key_value_heads") or heads,
            head_size=config.get("head_dim") or hidden // heads,
            tied=bool(config.get("tie_word_embeddings", False)),
        )

    @property
    def parameters(self) -> int:
        """Number of weights, without biases.

        >>> nano = ModelShape(3, 96, 264, 391, 4, 4, 24, tied=True)
        >>> nano.parameters
        376896
        """
        attention = 2 * self.hidden * self.heads * self.head_size + 2 * self.hidden * self.kv_heads * self.head_size
        layer = attention + 3 * self.hidden * self.intermediate + 2 * self.hidden
        embeddings = self.vocabulary * self.hidden * (1 if self.tied else 2)
        return embeddings + self.layers * layer + self.hidden

    @property
    def head_parameters(self) -> int:
        """Weights of the output layer, which a reward model and a value model lack."""
        return 0 if self.tied else self.vocabulary * self.hidden

    def adapter_parameters(self, rank: int) -> int:
        """Weights of low-rank adapters of every linear layer."""
        queries, keys = self.heads * self.head_size, self.kv_heads * self.head_size
        widths = 2 * (self.hidden + queries) + 2 * (self.hidden + keys) + 3 * (self.hidden + self.intermediate)
        return self.layers * rank * widths

    def cache_bytes(self, value_bytes: int = FLOAT32_BYTES) -> int:
        """Bytes of the keys and values of one token."""
        return 2 * self.layers * self.kv_heads * self.head_size * value_bytes

    def activation_bytes(self, *, bf16: bool, checkpointing: bool) -> int:
        """Bytes per token that a training keeps for its backward pass, in all layers.

        A layer keeps about eight vectors of the hidden size and four of the intermediate one; with checkpointing it
        keeps its input, and one layer at a time is computed anew.
        """
        width = 2 if bf16 else FLOAT32_BYTES
        layer = (8 * self.hidden + 4 * self.intermediate) * width
        return self.layers * self.hidden * width + layer if checkpointing else self.layers * layer

    def logit_bytes(self) -> int:
        """Bytes per token of the logits, of their log-probabilities and of the gradient, in float32."""
        return 3 * self.vocabulary * FLOAT32_BYTES


@dataclass(frozen=True)
class ProblemSize:
    """How many problems there are, and how long they are on average in tokens of the model."""

    train: int
    solved: int  # training problems with a canonical solution
    validation: int
    test: int
    prompt: float
    solution: float  # the canonical solution and the end of sequence
    segments: float  # of a canonical solution
    stream: float = 0.0  # a program of the nano stream with its prompt

    @property
    def program(self) -> float:
        """A prompt with its solution."""
        return self.prompt + self.solution

    @property
    def segment(self) -> float:
        """A segment of a canonical solution."""
        return self.solution / max(1.0, self.segments)

    @property
    def prefix(self) -> float:
        """A prompt with the program before a segment in the middle."""
        return self.prompt + self.solution / 2
