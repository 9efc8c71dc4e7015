"""The rewritten segments in a model's answer, whatever form it came in. Pure; nothing here is trusted to be code.

Tried in turn: JSON as it was asked for (alone, in a fence, or after other text), the complete variants of JSON that was
cut off, and the fenced code blocks. A thinking model's thoughts are left out, wherever the endpoint puts them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from prlcoder.mutator.llm.completions import LlmCompletion

MOST = 32  # variants read from one answer
_THOUGHTS = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_END_OF_THOUGHT = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_START_OF_THOUGHT = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_FENCE = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)^[ \t]*```", re.DOTALL | re.MULTILINE)
_WHOLE_FENCE = re.compile(r"\A\s*```[^\n`]*\n(.*?)\n?[ \t]*```\s*\Z", re.DOTALL)


@dataclass(frozen=True)
class ProposedText:
    """A proposed text for the segment, and the class of bug that the model says it holds (empty if it says none)."""

    text: str
    bug: str


def candidates(answer: LlmCompletion) -> list[ProposedText]:
    """The proposals in an answer, in order; none if it holds none.

    An endpoint that takes the whole answer for thought leaves the content empty: then a finished thought is read.
    """
    content = without_thoughts(answer.content)
    if not content.strip() and answer.finish_reason != "length":
        content = without_thoughts(answer.reasoning)
    return list(_read(content))[:MOST]


def without_thoughts(text: str) -> str:
    """The text after the thinking. A template may have opened ``<think>`` in the prompt, so that only its end is
    there; a thought that never ends leaves nothing."""
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
    """Candidates of the first JSON value in ``text`` that holds any; of one that is cut off, those that are whole."""
    decoder = json.JSONDecoder(strict=False)  # models put raw newlines into strings
    position, tries = 0, 0
    while (position := _next_value(text, position)) >= 0 and tries < 4 * MOST:
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
