"""Sampling options, and the pieces in which samples arrive; every engine of the policy uses both. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from prlcoder.errors import InputError

Finish = Literal["stop", "length"]
MAX_SAMPLES, MAX_TEMPERATURE, MAX_STOPS = 256, 100.0, 16


@dataclass(frozen=True)
class Sampling:
    """How completions are drawn.

    - ``temperature``: 0 is greedy.
    - ``top_k``, ``top_p``: 0 and 1 exclude no token; ``top_k`` is applied first.
    - ``max_tokens``: None means the engine's own limit.
    - ``seed``: the same seed, prompts, weights and engine give the same samples; None gives different ones each time.
    - ``first_prompt``: number of the first prompt if this request is one part of a larger one. The draws depend on the
      prompts' numbers, so the parts give the same samples as the whole.
    - ``log_probabilities``: return those of the model itself, at temperature 1.
    - ``at_temperature``: return the log-probabilities at ``temperature`` instead. The engine ``vllm`` returns those
      among the tokens that ``top_k`` and ``top_p`` leave; for the engine ``transformers`` these change nothing.
    - ``whole``: a sample arrives in one piece, at its end.
    """

    samples: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    first_prompt: int = 0
    log_probabilities: bool = False
    at_temperature: bool = False
    whole: bool = False

    @property
    def drawn(self) -> int:
        """Number of samples to compute per prompt. Greedy samples are all equal, so one is enough."""
        return 1 if self.temperature == 0 else self.samples

    @property
    def logprobs_at(self) -> float | None:
        """The temperature of the returned log-probabilities; None if the caller gets the same at every temperature,
        or none."""
        sampled_from_model = self.temperature == 1 and self.top_p == 1 and self.top_k == 0
        if not self.log_probabilities or self.temperature == 0 or sampled_from_model:
            return None
        return self.temperature if self.at_temperature else 1.0

    def check(self) -> None:
        """Raises ``InputError`` naming the field if a value is outside the range that every engine accepts."""
        for field, value, allowed, words in (
            ("samples", self.samples, 1 <= self.samples <= MAX_SAMPLES, f"1 to {MAX_SAMPLES}"),
            ("temperature", self.temperature, 0 <= self.temperature <= MAX_TEMPERATURE, f"0 to {MAX_TEMPERATURE:g}"),
            ("top_p", self.top_p, 0 < self.top_p <= 1, "above 0 and at most 1"),
            ("top_k", self.top_k, self.top_k >= 0, "0 or more"),
            ("max_tokens", self.max_tokens, self.max_tokens is None or self.max_tokens >= 1, "1 or more"),
            ("stop", len(self.stop), len(self.stop) <= MAX_STOPS, f"at most {MAX_STOPS} texts"),
        ):
            if not allowed:
                raise InputError(f"{field}: {value} is out of range; give {words}")
        if "" in self.stop:
            raise InputError("stop: a stop text is empty; leave it out")


@dataclass(frozen=True)
class Piece:
    """The next text and tokens of one sample. ``finish`` is set in its last piece.

    The text may lag behind the tokens, because an incomplete character or a possible beginning of a stop text is held
    back.
    """

    prompt: int
    sample: int
    text: str
    ids: tuple[int, ...]
    log_probabilities: tuple[float, ...] = ()
    finish: Finish | None = None


def repeated(piece: Piece, sampling: Sampling) -> Iterator[Piece]:
    """Yields the piece; for greedy sampling also its copies for the other samples."""
    yield piece
    for sample in range(sampling.drawn, sampling.samples):
        yield replace(piece, sample=sample)


@dataclass(frozen=True)
class Unread:
    """A prompt that is too long to leave room for a completion."""

    prompt: int
    tokens: int
    limit: int

    def __str__(self) -> str:
        return f"a prompt of {self.tokens} tokens leaves no room in the model's {self.limit}; shorten it"


def without_stop(text: str, stop: Sequence[str]) -> str:
    """The text before its first stop text.

    >>> without_stop("a = 1\\n```\\nprint", ["print", "```"])
    'a = 1\\n'
    """
    return text[: min([at for word in stop if (at := text.find(word)) >= 0], default=len(text))]


def settled(text: str, stop: Sequence[str]) -> str:
    """The part of an unfinished completion's text that no further token can change.

    >>> settled("a = 1\\n`", ["```"]), settled("x\\ufffd", [])
    ('a = 1\\n', 'x')
    """
    text = text.rstrip("\ufffd")  # the replacement character stands for a character whose last bytes are missing
    held = max([size for word in stop for size in range(1, len(word)) if text.endswith(word[:size])], default=0)
    return text[: len(text) - held]
