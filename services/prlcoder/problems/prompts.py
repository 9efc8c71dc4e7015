"""Renders a problem as the prompt of a model. Training, scoring and generation share this module.

Templates are the versioned files in ``templates/``. The text of a template is followed by the beginning of the program
that the problem gives (``Problem.prompt``), inside an opened code fence for the templates whose answers are fenced.
``problems.completions`` reads the program from an answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from prlcoder.errors import InputError
from prlcoder.problems.model import Problem

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES: Final = ("nano", "chat", "paper-appsplus", "plain", "plain-v2")
FENCED_TEMPLATES: Final = frozenset({"chat", "paper-appsplus"})
PLAIN_TEMPLATES: Final = frozenset({"plain", "plain-v2"})  # for base models, which rarely end by themselves
FENCE: Final = "```"
# The date that chat templates see unless the spec names one. Llama 3's own template falls back to the same day.
DEFAULT_DATE: Final = "2024-07-26"
_CLOSED_REASONING: Final = "\n\n</think>\n\n"

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class ModelInput:
    """A text to tokenise. Control tokens (BOS, turn ends and others) are read only within the ``control`` spans.

    Everywhere else their names are ordinary text, as in a program that splits a string at ``"</s>"``.
    """

    text: str
    control: Spans = ()


@dataclass(frozen=True)
class Prompt:
    """A rendered problem. ``text`` ends in ``given``, the beginning of every program; ``closing`` follows the program.

    ``control`` are the spans of ``text`` in which control tokens are read. ``held`` is whitespace at the end of
    ``text`` that the model is left to write itself, because its tokenizer merges it with what follows.
    """

    text: str
    given: str
    closing: str
    control: Spans = ()
    held: str = ""

    @property
    def program_start(self) -> int:
        """Offset of the program's first character in ``whole(program)``, in code points."""
        return len(self.text) - len(self.given)

    @property
    def question(self) -> ModelInput:
        """What the model is given to continue: ``text`` without ``held``."""
        return ModelInput(self.text.removesuffix(self.held), self.control)

    def continued(self, program: str, held: str = "") -> ModelInput:
        """The prompt and the beginning of a program without ``held``, for the model to continue."""
        return ModelInput((self.text + program[len(self.given) :]).removesuffix(held), self.control)

    def whole(self, program: str) -> str:
        """Prompt, program and closing as one text. Raises ``ValueError`` if the program does not begin as given."""
        if not program.startswith(self.given):
            raise ValueError("the program does not begin with the code that the problem gives")
        closing = self.closing.removeprefix("\n") if program.endswith("\n") else self.closing
        return self.text + program[len(self.given) :] + closing

    def input(self, program: str) -> ModelInput:
        """``whole(program)`` to tokenise."""
        return ModelInput(self.whole(program), self.control)


@dataclass(frozen=True)
class ChatSettings:
    """What a chat template is given besides the message: ``arguments``, a system message, and the date of today.

    The date is fixed, because prompts would otherwise change from day to day, also between the stages of one run.
    """

    arguments: Mapping[str, Any] = field(default_factory=dict)
    system_message: str | None = None
    date: str = DEFAULT_DATE

    def clock(self) -> Callable[[str], str]:
        """The function ``strftime_now`` of chat templates, at the fixed date."""
        return date.fromisoformat(self.date).strftime


@dataclass(frozen=True)
class PromptTemplate:
    """A template by name, and the settings of the tokenizer's chat template if the name is ``chat``."""

    name: str
    chat: ChatSettings = ChatSettings()

    @classmethod
    def of(cls, template: PromptTemplate | str) -> PromptTemplate:
        """A name alone has the default settings."""
        return template if isinstance(template, PromptTemplate) else cls(template)

    def record(self, tokenizer: Any | None = None) -> dict[str, Any]:
        """The template as JSON values, with the digest of what it renders: the file ``prompt_template.json``."""
        values: dict[str, Any] = {"name": self.name, "sha256": template_digest(self, tokenizer)}
        if self.name == "chat":
            values["chat"] = {
                "arguments": dict(self.chat.arguments),
                "systemMessage": self.chat.system_message,
                "date": self.chat.date,
            }
        return values

    @classmethod
    def from_record(cls, values: Mapping[str, Any]) -> PromptTemplate:
        """The template that ``record`` has written."""
        chat = values.get("chat", {})
        settings = ChatSettings(chat.get("arguments", {}), chat.get("systemMessage"), chat.get("date", DEFAULT_DATE))
        return cls(str(values["name"]), settings)


def render(problem: Problem, template: PromptTemplate | str, tokenizer: Any | None = None) -> Prompt:
    """The prompt for a problem.

    ``chat`` needs a tokenizer with a chat template and raises ``InputError`` without one. For the other templates the
    tokenizer decides only whether whitespace at the end is held back.
    """
    template, given = PromptTemplate.of(template), problem.prompt
    body = _template(template.name).render(
        statement=problem.statement,
        given=given,
        starter_code=problem.starter_code,
        examples=problem.meta.get("examples", []),
    )
    control: Spans = ()
    if template.name == "chat":
        body, control = _chat(body, template.chat, tokenizer)
    fenced = template.name in FENCED_TEMPLATES
    opening = f"{FENCE}python\n" if fenced else ""
    return Prompt(
        text=body + opening + given,
        given=given,
        closing=f"\n{FENCE}" if fenced else "",
        control=control,
        held=held_whitespace(given, tokenizer),
    )


def template_digest(template: PromptTemplate | str, tokenizer: Any | None = None) -> str:
    """SHA-256 of what a template renders: its file, and for ``chat`` also the tokenizer's template and the settings."""
    template = PromptTemplate.of(template)
    source = _source(template.name)
    wrapper = getattr(tokenizer, "chat_template", None)
    if template.name == "chat" and wrapper is not None:
        settings = [dict(template.chat.arguments), template.chat.system_message]
        shown = [template.chat.date] if "strftime_now" in str(wrapper) else []
        source = json.dumps([source, wrapper, *settings, *shown], sort_keys=True)
    return hashlib.sha256(source.encode()).hexdigest()


def held_whitespace(given: str, tokenizer: Any | None) -> str:
    """The whitespace at the end of ``given`` that the tokenizer would merge with the code that follows.

    GPT-2, StarCoder and SmolLM2 have one token for a newline and the spaces after it. A prompt that ends in the newline
    would end in a token that no training text has in this place, so the model is asked without it and writes it itself.
    """
    if not given or not callable(tokenizer):
        return ""
    last_line = given.rstrip().rpartition("\n")[2]
    return _held(tokenizer, last_line, given[len(given.rstrip()) :])


@lru_cache(maxsize=1024)
def _held(tokenizer: Any, line: str, whitespace: str) -> str:
    code = "    return x\n" if whitespace.endswith("\n") else "return x\n"
    whole = _ids(tokenizer, line + whitespace + code)
    for held in ("", whitespace.rpartition("\n")[2], whitespace):
        alone = _ids(tokenizer, (line + whitespace).removesuffix(held))
        if whole[: len(alone)] == alone:
            return held
    return ""  # no border fits; `check_template` says so for the whole prompt


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return ids


def _source(template: str) -> str:
    if template not in TEMPLATES:
        raise InputError(f"promptTemplate: {template!r} is not a template; choose one of {', '.join(TEMPLATES)}")
    return (Path(__file__).parent / "templates" / f"{template}.jinja").read_text(encoding="utf-8")


@cache
def _template(template: str) -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, autoescape=False)
    environment.filters["commented"] = _commented
    environment.filters["quoted"] = _quoted
    return environment.from_string(_source(template))


def _commented(text: str) -> str:
    """Every line as a comment line; text that is all comments already stays as it is."""
    lines = text.strip("\n").split("\n")
    if all(line.startswith("#") for line in lines):
        return "\n".join(lines)
    return "\n".join(f"# {line}".rstrip() for line in lines)


def _quoted(text: str) -> str:
    """The text as it stands inside a docstring, which its own triple quotes would end."""
    return text.strip("\n").replace('"""', "'''")


def _chat(message: str, settings: ChatSettings, tokenizer: Any | None) -> tuple[str, Spans]:
    """The message inside the tokenizer's chat template, and the spans that the template itself has written."""
    if getattr(tokenizer, "chat_template", None) is None:
        raise InputError(
            "model.promptTemplate: chat needs a tokenizer with a chat template, and this model has none; use plain"
        )
    assert tokenizer is not None
    messages = [{"role": "user", "content": message}]
    if settings.system_message is not None:
        messages.insert(0, {"role": "system", "content": settings.system_message})
    try:
        text: str = tokenizer.apply_chat_template(
            messages,
            tokenize=False,
            add_generation_prompt=True,
            **({"strftime_now": settings.clock()} if "strftime_now" in str(tokenizer.chat_template) else {}),
            **settings.arguments,
        )
    except Exception as error:  # templates raise whatever their author wrote, such as "no system role"
        raise InputError(
            f"model.promptTemplate: chat: the tokenizer's chat template refuses the message ({error}); change "
            "`model.systemMessage` and `model.chatTemplateArguments`, correct the template, or use plain"
        ) from error
    if text.rstrip().endswith("<think>"):
        # The template has opened the model's reasoning. The answer begins with code, so the reasoning stays empty.
        text = text.rstrip() + _CLOSED_REASONING
    return text, _around(text, message)


def _around(text: str, message: str) -> Spans:
    """The spans of ``text`` before and after the message, which some templates strip of whitespace first.

    Raises ``InputError`` if the message is not in the text: the model would be asked something else.
    """
    for content in (message, message.strip()):
        if content and (start := text.find(content)) >= 0:
            return (0, start), (start + len(content), len(text))
    raise InputError(
        "model.promptTemplate: chat: the tokenizer's chat template does not show the problem as it is; correct the "
        "template (chat_template.jinja, or chat_template in tokenizer_config.json), or use plain"
    )
