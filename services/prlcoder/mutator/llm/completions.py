"""One chat completion: building the request and parsing the response. Pure functions; ``endpoint`` sends."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

BYTES_PER_TOKEN = 3.5  # UTF-8 bytes of code and English; only for estimates

MAX_TOKEN_COUNT = 2**31  # larger counts are treated as missing


def estimated_tokens(text: str) -> int:
    """Estimate the number of tokens in a text."""
    return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)


@dataclass(frozen=True)
class LlmTokenUsage:
    """Token counts of an answer, as the endpoint reports them. ``completion`` includes ``reasoning``."""

    prompt: int = 0
    completion: int = 0
    reasoning: int = 0

    def __add__(self, other: LlmTokenUsage) -> LlmTokenUsage:
        return LlmTokenUsage(
            self.prompt + other.prompt, self.completion + other.completion, self.reasoning + other.reasoning
        )

    @property
    def total(self) -> int:
        """The number of tokens that are paid for."""
        return self.prompt + self.completion


@dataclass(frozen=True)
class Question:
    """A request: everything that determines the answer, apart from sampling."""

    model: str
    prompt: str
    schema: Mapping[str, Any]  # JSON Schema of the answer
    temperature: float
    max_tokens: int
    seed: int
    expected_tokens: int  # estimated length of the answer, without thinking

    @property
    def estimate(self) -> LlmTokenUsage:
        """The tokens that question and answer will probably take."""
        return LlmTokenUsage(estimated_tokens(self.prompt), min(self.expected_tokens, self.max_tokens))


@dataclass(frozen=True)
class LlmCompletion:
    """An answer. ``reasoning`` holds the thoughts of a thinking model if the endpoint returns them separately."""

    content: str
    reasoning: str
    finish_reason: str
    usage: LlmTokenUsage


class MalformedAnswerError(ValueError):
    """The response body is not a chat completion."""


@dataclass(frozen=True)
class Dialect:
    """The optional request fields that an endpoint accepts: all, until it refuses one."""

    structured: bool = True
    seed: bool = True
    temperature: bool = True
    length_field: str = "max_tokens"

    def body(self, question: Question) -> dict[str, Any]:
        """Return the request body. It has a single user message, because some chat templates have no system role."""
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
        """The names of the optional fields that are sent."""
        fields = {"response_format": self.structured, "seed": self.seed, "temperature": self.temperature}
        return ", ".join([*(name for name, sent in fields.items() if sent), self.length_field])

    def simpler(self, refusal: str) -> Dialect | None:
        """Return the dialect to try after a refusal, or None if no field is left to omit.

        It omits the field that the refusal names, or else ``response_format``, which is most often unsupported.
        """
        said = refusal.lower()
        if self.length_field == "max_tokens" and "max_completion_tokens" in said:
            return replace(self, length_field="max_completion_tokens")
        named = [name for name in ("temperature", "seed") if name in said and getattr(self, name)]
        if named and "response_format" not in said:
            return replace(self, temperature="temperature" not in named, seed="seed" not in named)
        return replace(self, structured=False) if self.structured else None


def parse(body: bytes, question: Question) -> LlmCompletion:
    """Parse a response body; raise ``MalformedAnswerError`` if it is not a chat completion.

    The thoughts of thinking models are read from ``reasoning_content`` or ``reasoning``. If the endpoint does not count
    tokens, they are estimated.
    """
    try:
        record = json.loads(body)
        choice = record["choices"][0]
        message = choice["message"]
        content, reasoning = _text(message.get("content")), _thoughts(message)
        finish_reason = str(choice.get("finish_reason") or "")
        usage = _usage(record.get("usage"))
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise MalformedAnswerError(f"not a chat completion ({type(error).__name__}: {error})") from None
    if usage is None:
        thought = estimated_tokens(reasoning)
        usage = LlmTokenUsage(estimated_tokens(question.prompt), thought + estimated_tokens(content), thought)
    return LlmCompletion(content, reasoning, finish_reason, usage)


def _thoughts(message: Mapping[str, Any]) -> str:
    return _text(message.get("reasoning_content")) or _text(message.get("reasoning"))


def _text(value: object) -> str:
    """Return a message's text; of a list of parts, the text parts. Lone surrogates, which UTF-8 cannot encode, become
    ``?``."""
    if isinstance(value, list):
        value = "".join(part["text"] for part in value if isinstance(part, dict) and isinstance(part.get("text"), str))
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _usage(record: object) -> LlmTokenUsage | None:
    """Return the endpoint's token counts; None if they are missing or implausible."""
    if not isinstance(record, dict):
        return None
    details = record.get("completion_tokens_details")
    reasoning = details.get("reasoning_tokens") if isinstance(details, dict) else None
    numbers = (record.get("prompt_tokens"), record.get("completion_tokens") or 0, reasoning or 0)
    counted = [number for number in numbers if isinstance(number, int) and 0 <= number < MAX_TOKEN_COUNT]
    return LlmTokenUsage(*counted) if len(counted) == len(numbers) else None
