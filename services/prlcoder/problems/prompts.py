"""Renders the prompt for a problem and extracts the program from a model's answer, in training and in generation.

Templates are the versioned files in ``templates/``; ``template_digest`` is stored with every result. The text of a
template is followed by the code that the problem gives (``Problem.prompt``), inside an opened code fence for the
templates whose answers are fenced.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prlcoder.errors import InputError
from prlcoder.problems.model import Problem

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES = ("nano", "chat", "paper-appsplus", "plain")
_FENCED_ANSWER = frozenset({"chat", "paper-appsplus"})
_FENCE = "```"
_BLOCK = re.compile(r"^```[^\n`]*\n(.*?)(?:^```|\Z)", re.DOTALL | re.MULTILINE)
_CLOSING_FENCE = re.compile(r"^```", re.MULTILINE)


@dataclass(frozen=True)
class Prompt:
    """``text`` ends in ``given``, the beginning of every program; ``closing`` comes after the program."""

    text: str
    given: str
    closing: str

    @property
    def program_start(self) -> int:
        """Offset of the program's first character in ``whole(program)``, in code points."""
        return len(self.text) - len(self.given)

    def whole(self, program: str) -> str:
        """Prompt, program and closing as one text to tokenise.

        ``ValueError`` if the program does not begin with ``given``.
        """
        if not program.startswith(self.given):
            raise ValueError("the program does not begin with the code that the problem gives")
        closing = self.closing.removeprefix("\n") if program.endswith("\n") else self.closing
        return self.text + program[len(self.given) :] + closing


def render(problem: Problem, template: str, tokenizer: Any | None = None) -> Prompt:
    """The prompt for a problem. ``InputError`` if ``chat`` is used without a tokenizer that has a chat template."""
    given = problem.prompt
    body = _template(template).render(
        statement=problem.statement,
        given=given,
        starter_code=problem.starter_code,
        examples=problem.meta.get("examples", []),
    )
    if template == "chat":
        body = _chat(body, tokenizer)
    fenced = template in _FENCED_ANSWER
    opening = f"{_FENCE}python\n" if fenced else ""
    return Prompt(text=body + opening + given, given=given, closing=f"\n{_FENCE}" if fenced else "")


def extract_program(problem: Problem, template: str, completion: str) -> str:
    """The whole program in the text that a model generated after ``Prompt.text``.

    Where the prompt opened the fence, the program ends at the closing fence; a model may also open the fence again.
    Otherwise the program is the last fenced block, or the whole text if there is none
    (docs/reference/contracts.md, section 1).
    """
    if template in _FENCED_ANSWER:
        closing = _CLOSING_FENCE.search(completion)
        if closing is None:
            return problem.program(completion)
        if completion[: closing.start()].strip():
            return problem.program(completion[: closing.start()])
    blocks = _BLOCK.findall(completion)
    code: str = blocks[-1] if blocks else completion
    begins_anew = bool(blocks) and code.startswith(problem.prompt)
    return code if begins_anew else problem.program(code)


def fenced_program(text: str) -> str:
    """The last fenced block of a text, or the whole text if it has none."""
    blocks: list[str] = _BLOCK.findall(text)
    return blocks[-1] if blocks else text


def template_digest(template: str) -> str:
    """SHA-256 of the template's file."""
    return hashlib.sha256(_source(template).encode()).hexdigest()


def _source(template: str) -> str:
    if template not in TEMPLATES:
        raise InputError(f"promptTemplate: {template!r} is not a template; choose one of {', '.join(TEMPLATES)}")
    return (Path(__file__).parent / "templates" / f"{template}.jinja").read_text(encoding="utf-8")


@cache
def _template(template: str) -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, autoescape=False)
    environment.filters["commented"] = _commented
    return environment.from_string(_source(template))


def _commented(text: str) -> str:
    """Every line as a comment line; text whose lines are all comments stays as it is."""
    lines = text.strip("\n").split("\n")
    if all(line.startswith("#") for line in lines):
        return "\n".join(lines)
    return "\n".join(f"# {line}".rstrip() for line in lines)


def _chat(message: str, tokenizer: Any | None) -> str:
    if getattr(tokenizer, "chat_template", None) is None:
        raise InputError(
            "model.promptTemplate: chat needs a tokenizer with a chat template, and this model has none; use plain"
        )
    assert tokenizer is not None
    text: str = tokenizer.apply_chat_template(
        [{"role": "user", "content": message}], tokenize=False, add_generation_prompt=True
    )
    return text
