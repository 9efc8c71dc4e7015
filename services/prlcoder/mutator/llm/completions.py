"""One chat completion: what is asked, what comes back. Pure; ``endpoint`` does the sending."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

CHARACTERS_PER_TOKEN = 3.5  # of code and English, in UTF-8 bytes; only for estimates

MOST_TOKENS = 2**31  # a count beyond it is none


def estimated_tokens(text: str) -> int:
    """About how many tokens a text is."""
    return math.ceil(len(text.encode("utf-8", "replace")) / CHARACTERS_PER_TOKEN)


@dataclass(frozen=True)
class LlmTokenUsage:
    """Tokens of an answer, as the endpoint counts them. ``reasoning`` is a part of ``completion``."""

    prompt: int = 0
    completion: int = 0
    reasoning: int = 0

    def __add__(self, other: LlmTokenUsage) -> LlmTokenUsage:
        return LlmTokenUsage(
            self.prompt + other.prompt, self.completion + other.completion, self.reasoning + other.reasoning
        )

    @property
    def total(self) -> int:
        """Everything that is paid for."""
        return self.prompt + self.completion


@dataclass(frozen=True)
class Question:
    """What is asked: all that decides the answer, but for the model's mood."""

    model: str
    prompt: str
    schema: Mapping[str, Any]  # JSON Schema of the answer
    temperature: float
    max_tokens: int
    seed: int
    expected_tokens: int  # about how long the answer will be, thinking left out

    @property
    def estimate(self) -> LlmTokenUsage:
        """The tokens that the answer will probably take."""
        return LlmTokenUsage(estimated_tokens(self.prompt), min(self.expected_tokens, self.max_tokens))


@dataclass(frozen=True)
class LlmCompletion:
    """An answer. ``reasoning`` is what a thinking model thought, where the endpoint keeps it apart."""

    content: str
    reasoning: str
    finish_reason: str
    usage: LlmTokenUsage


class MalformedAnswerError(ValueError):
    """The body is not a chat completion."""


@dataclass(frozen=True)
class Dialect:
    """Which optional fields an endpoint takes; everything, until it refuses one."""

    structured: bool = True
    seed: bool = True
    temperature: bool = True
    length_field: str = "max_tokens"

    def body(self, question: Question) -> dict[str, Any]:
        """The request's JSON. One user message and no other: some chat templates know no system role."""
        body: dict[str, Any] = {
            "model": question.model,
            "messages": [{"role": "user", "content": question.prompt}],
            self.length_field: question.max_tokens,
        }
        if self.temperature:
            body["temperature"] = question.temperature
        if self.seed:
            body["seed"] = question.seed
        if self.structured:
            schema = {"name": "variants", "strict": True, "schema": question.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    @property
    def described(self) -> str:
        """Which fields are sent."""
        fields = {"response_format": self.structured, "seed": self.seed, "temperature": self.temperature}
        return ", ".join([*(name for name, sent in fields.items() if sent), self.length_field])

    def simpler(self, refusal: str) -> Dialect | None:
        """The dialect to try after a refusal: without the field that the refusal names, else without
        ``response_format``, which is the one most often missing. None if nothing is left to leave out."""
        said = refusal.lower()
        if self.length_field == "max_tokens" and "max_completion_tokens" in said:
            return replace(self, length_field="max_completion_tokens")
        named = [name for name in ("temperature", "seed") if name in said and getattr(self, name)]
        if named and "response_format" not in said:
            return replace(self, temperature="temperature" not in named, seed="seed" not in named)
        return replace(self, structured=False) if self.structured else None


def parse(body: bytes, question: Question) -> LlmCompletion:
    """The completion in a response's body; ``MalformedAnswerError`` if there is none.

    Thinking models' thoughts are read from ``reasoning_content`` or ``reasoning``. Tokens that the endpoint does not
    count are estimated.
    """
    try:
        record = json.loads(body)
        choice = record["choices"][0]
        message = choice["message"]
        content, reasoning = _text(message.get("content")), _thoughts(message)
        finish_reason = str(choice.get("finish_reason") or "")
        usage = _usage(record.get("usage"))
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise MalformedAnswerError(f"no chat completion ({type(error).__name__}: {error})") from None
    if usage is None:
        thought = estimated_tokens(reasoning)
        usage = LlmTokenUsage(estimated_tokens(question.prompt), thought + estimated_tokens(content), thought)
    return LlmCompletion(content, reasoning, finish_reason, usage)


def _thoughts(message: Mapping[str, Any]) -> str:
    return _text(message.get("reasoning_content")) or _text(message.get("reasoning"))


def _text(value: object) -> str:
    """A message's text; of a list of parts, the text parts. Lone surrogates would be no UTF-8: they become ``?``."""
    if isinstance(value, list):
        value = "".join(part["text"] for part in value if isinstance(part, dict) and isinstance(part.get("text"), str))
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _usage(record: object) -> LlmTokenUsage | None:
    """The endpoint's own count; None if it has none that makes sense."""
    if not isinstance(record, dict):
        return None
    details = record.get("completion_tokens_details")
    reasoning = details.get("reasoning_tokens") if isinstance(details, dict) else None
    numbers = (record.get("prompt_tokens"), record.get("completion_tokens") or 0, reasoning or 0)
    counted = [number for number in numbers if isinstance(number, int) and 0 <= number < MOST_TOKENS]
    return LlmTokenUsage(*counted) if len(counted) == len(numbers) else None
