"""Extracts the rewritten segments from a model's answer. Pure functions; nothing here assumes that the text is code.

It tries in turn: the JSON that was asked for (alone, in a fence, or after other text), the complete variants of
truncated JSON, and fenced code blocks. The thoughts of a thinking model are removed, wherever the endpoint puts them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from prlcoder.mutator.llm.completions import LlmCompletion

MAX_VARIANTS = 32  # further variants in an answer are ignored
_THOUGHTS = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_END_OF_THOUGHT = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_START_OF_THOUGHT = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_FENCE = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)^[ \t]*```", re.DOTALL | re.MULTILINE)
_WHOLE_FENCE = re.compile(r"\A\s*```[^\n`]*\n(.*?)\n?[ \t]*```\s*\Z", re.DOTALL)


@dataclass(frozen=True)
class ProposedText:
    """A proposed text for the segment, and the class of bug that the model names (empty if it names none)."""

    text: str
    bug: str


def candidates(answer: LlmCompletion) -> list[ProposedText]:
    """Return the proposals in an answer, in order.

    Some endpoints classify the whole answer as reasoning and leave the content empty. If the answer was finished, the
    reasoning is then read instead.
    """
    content = without_thoughts(answer.content)
    if not content.strip() and answer.finish_reason != "length":
        content = without_thoughts(answer.reasoning)
    return list(_read(content))[:MAX_VARIANTS]


def without_thoughts(text: str) -> str:
    """Return the text after the thinking. If the prompt's template opened ``<think>``, only the end tag is present. A
    thought without an end tag extends to the end of the text."""
    text = _THOUGHTS.sub("", text)
    ends = list(_END_OF_THOUGHT.finditer(text))
    if ends:
        text = text[ends[-1].end() :]
    return _START_OF_THOUGHT.split(text)[0]


def _read(content: str) -> Iterator[ProposedText]:
    blocks = [match[1] for match in _FENCE.finditer(content)]
    for text in (content, *reversed(blocks)):
        found = list(_from_json(text))
        if found:
            yield from found
            return
    yield from (ProposedText(block, "") for block in blocks if block.strip())


def _from_json(text: str) -> Iterator[ProposedText]:
    """Yield the candidates of all JSON values in ``text``; of a truncated value, those that are complete."""
    decoder = json.JSONDecoder(strict=False)  # models put raw newlines into strings
    position, tries = 0, 0
    while (position := _next_value(text, position)) >= 0 and tries < 4 * MAX_VARIANTS:
        tries += 1
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            position += 1
            continue
        yield from _from_value(value)
        position = end


def _next_value(text: str, start: int) -> int:
    places = [place for place in (text.find("{", start), text.find("[", start)) if place >= 0]
    return min(places, default=-1)


def _from_value(value: Any) -> Iterator[ProposedText]:
    if isinstance(value, list):
        for item in value:
            yield from _from_value(item)
    elif isinstance(value, dict) and isinstance(value.get("segment"), str):
        bug = value.get("bug")
        yield ProposedText(_unfenced(value["segment"]), bug if isinstance(bug, str) else "")
    elif isinstance(value, dict) and isinstance(value.get("variants"), list):
        yield from _from_value([item for item in value["variants"] if isinstance(item, dict)])


def _unfenced(text: str) -> str:
    match = _WHOLE_FENCE.match(text)
    text = match[1] if match else text
    return text.encode("utf-8", "replace").decode()
