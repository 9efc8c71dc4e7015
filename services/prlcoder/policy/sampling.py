"""How completions are drawn, and how they arrive: what every engine of the policy has in common. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from prlcoder.errors import InputError

Finish = Literal["stop", "length"]
MAX_SAMPLES, MAX_TEMPERATURE, MAX_STOPS = 256, 100.0, 16


@dataclass(frozen=True)
class Sampling:
    """How to draw. ``temperature`` 0 is greedy. ``top_k`` 0 and ``top_p`` 1 leave all tokens in; top_k is applied
    first. ``max_tokens`` None is the engine's own limit. The same ``seed``, prompts, weights and engine give the same
    samples; None gives others each time. ``first_prompt`` is the number of the request's first prompt, where several
    requests are parts of one: numbers decide the draws. ``log_probabilities`` are those of the model itself, at
    temperature 1. With ``whole`` a sample comes in one piece, at its end."""

    samples: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    first_prompt: int = 0
    log_probabilities: bool = False
    whole: bool = False

    @property
    def drawn(self) -> int:
        """Samples to compute for each prompt: greedy ones are all the same."""
        return 1 if self.temperature == 0 else self.samples

    def check(self) -> None:
        """``InputError`` that names the field for a value that no engine can take."""
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
    """More of one sample: text and tokens that come after those of its earlier pieces. The text may lag behind the
    tokens, as half a character or the beginning of a stop text is held back. ``finish`` is set in its last piece."""

    prompt: int
    sample: int
    text: str
    ids: tuple[int, ...]
    log_probabilities: tuple[float, ...] = ()
    finish: Finish | None = None


def repeated(piece: Piece, sampling: Sampling) -> Iterator[Piece]:
    """The piece, and for greedy sampling the same piece of every other sample."""
    yield piece
    for sample in range(sampling.drawn, sampling.samples):
        yield replace(piece, sample=sample)


@dataclass(frozen=True)
class Unread:
    """A prompt that leaves no room for a completion."""

    prompt: int
    tokens: int
    limit: int

    def __str__(self) -> str:
        return f"a prompt of {self.tokens} tokens leaves no room in the model's {self.limit}; shorten it"


def without_stop(text: str, stop: Sequence[str]) -> str:
    """The text before the first stop text in it."""
    return text[: min([at for word in stop if (at := text.find(word)) >= 0], default=len(text))]


def settled(text: str, stop: Sequence[str]) -> str:
    """As much of an unfinished completion's text as no further token can take back.

    >>> settled("a = 1\\n`", ["```"]), settled("x\\ufffd", [])
    ('a = 1\\n', 'x')
    """
    text = text.rstrip("\ufffd")
    held = max([size for word in stop for size in range(1, len(word)) if text.endswith(word[:size])], default=0)
    return text[: len(text) - held]
