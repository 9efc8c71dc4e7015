"""Builds the prompts for the paper's two operations on one segment, from the versioned files in ``templates/``.

All prompts about a program begin with the same text (task and solution), so that an endpoint with a prefix cache
processes it once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prlcoder.mutator.llm.completions import Question, estimated_tokens
from prlcoder.mutator.model import RewriteSite, VariantKind
from prlcoder.mutator.rules.registry import BugClass

if TYPE_CHECKING:
    from jinja2 import Template

VERSION = "v1"
BUGS = tuple(bug.value for bug in BugClass if bug is not BugClass.SYNTAX)
_TEXT = {"type": "string"}
_JSON_OVERHEAD_TOKENS = 24  # keys, quotes and escapes of one variant


def question(
    place: RewriteSite, kind: VariantKind, count: int, *, model: str, temperature: float, max_tokens: int, seed: int
) -> Question:
    """Ask for ``count`` variants of one kind of one segment."""
    segment = place.segments[place.index]
    text = segment.text.strip("\n")
    leading = len(segment.text) - len(segment.text.lstrip("\n"))
    first = place.source.count("\n", 0, segment.start + leading) + 1
    last = first + text.count("\n")
    head = _template("program").render(statement=place.statement.strip(), source=place.source.rstrip("\n"))
    body = _template(kind).render(
        place=f"line {first}" if first == last else f"lines {first} to {last}",
        segment=text,
        count=count,
        bugs=", ".join(f'"{bug}"' for bug in BUGS),
    )
    return Question(
        model=model,
        prompt=f"{head}\n{body}",
        schema=schema(kind),
        temperature=temperature,
        max_tokens=max_tokens,
        seed=seed,
        expected_tokens=count * (estimated_tokens(text) + _JSON_OVERHEAD_TOKENS) + _JSON_OVERHEAD_TOKENS,
    )


def schema(kind: VariantKind) -> Mapping[str, Any]:
    """Return the JSON Schema of an answer, in the subset that all strict structured-output modes accept."""
    fields = {"bug": {"type": "string", "enum": list(BUGS)}, "segment": _TEXT}
    if kind == "refactoring":
        del fields["bug"]
    variant = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    return {
        "type": "object",
        "properties": {"variants": {"type": "array", "items": variant}},
        "required": ["variants"],
        "additionalProperties": False,
    }


@cache
def templates_digest() -> str:
    """Return the SHA-256 of the templates and schemas, which determine the answers."""
    kinds: tuple[VariantKind, ...] = ("mutation", "refactoring")
    parts = [_source(name) for name in ("program", *kinds)] + [schema(kind) for kind in kinds]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _source(name: str) -> str:
    return (Path(__file__).parent / "templates" / f"{name}-{VERSION}.jinja").read_text(encoding="utf-8")


@cache
def _template(name: str) -> Template:
    from jinja2 import Environment, StrictUndefined

    return Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True).from_string(
        _source(name)
    )
