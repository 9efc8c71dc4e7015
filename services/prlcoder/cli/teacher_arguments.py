"""The options of ``prlcoder supervise`` for the teachers that propose variants."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from prlcoder.errors import InputError

if TYPE_CHECKING:
    from prlcoder.mutator import RewriteSite
    from prlcoder.problems.model import Problem
    from prlcoder.segmenter.model import Mode
    from prlcoder.spec import LlmTeacher, RulesTeacher

# Options of the language-model teacher: name, type and help. The name is that of the field in the spec.
OPTIONS: tuple[tuple[str, type, str], ...] = (
    ("base-url", str, "base URL of an OpenAI-compatible endpoint, up to and including /v1"),
    ("model", str, "name of the model at the endpoint"),
    ("api-key-env", str, "name of the environment variable that holds the key"),
    ("temperature", float, "sampling temperature (default: 1.0)"),
    ("max-tokens", int, "longest answer in tokens, reasoning included (default: 4096)"),
    ("concurrency", int, "concurrent requests (default: 16)"),
    ("requests-per-minute", int, "rate limit in requests"),
    ("tokens-per-minute", int, "rate limit in tokens"),
    ("timeout", float, "seconds to wait for one answer (default: 300)"),
    ("max-retries", int, "retries of a failed request (default: 5)"),
    ("breaker-failures", int, "consecutive failures after which the rule teacher proposes instead (default: 5)"),
    ("cache", str, "file that caches the answers (default: teacher-cache.sqlite in --out)"),
    ("budget-tokens", int, "stop when the answers in the cache have used this many tokens"),
    ("budget-cost", float, "stop when the answers in the cache have cost this much"),
    ("price-per-million-prompt", float, "price of a million prompt tokens, in any currency"),
    ("price-per-million-completion", float, "price of a million completion tokens, in the same currency"),
)
_METAVAR_BY_TYPE = {str: "TEXT", int: "N", float: "X"}


def add_teacher_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the teachers."""
    parser.add_argument(
        "--teacher",
        dest="teachers",
        action="append",
        choices=("rules", "llm"),
        help="teacher that proposes variants; may be repeated (default: rules)",
    )
    parser.add_argument(
        "--mutations", type=int, default=4, metavar="N", help="mutations per segment at most (default: 4)"
    )
    parser.add_argument(
        "--refactorings", type=int, default=1, metavar="N", help="refactorings per segment at most (default: 1)"
    )
    group = parser.add_argument_group("language-model teacher (--teacher llm; docs/teacher.md)")
    group.add_argument("--estimate", action="store_true", help="print an estimate of the cost, and do nothing else")
    for name, kind, text in OPTIONS:
        group.add_argument(
            f"--{name}", dest=f"llm_{_field_name(name)}", type=kind, metavar=_METAVAR_BY_TYPE[kind], help=text
        )


def teachers_of(arguments: argparse.Namespace) -> list[RulesTeacher | LlmTeacher]:
    """The teachers as sections of the spec. ``InputError`` names the option that is invalid or missing."""
    from prlcoder.spec import LlmTeacher, RulesTeacher

    given = {name: getattr(arguments, f"llm_{_field_name(name)}") for name, _, _ in OPTIONS}
    given = {name: value for name, value in given.items() if value is not None}
    kinds = list(dict.fromkeys(arguments.teachers or ["rules"]))
    if given and "llm" not in kinds:
        raise InputError(f"--{next(iter(given))}: needs --teacher llm; add it")
    counts = {"mutations": arguments.mutations, "refactorings": arguments.refactorings}
    return [
        _validated_section(RulesTeacher, {"kind": "rules", **counts})
        if kind == "rules"
        else _validated_section(LlmTeacher, {"kind": "llm", **counts, **_section_values(given)})
        for kind in kinds
    ]


def print_estimates(problems: Iterable[Problem], teachers: Iterable[object], mode: Mode) -> int:
    """Print what the language-model teacher would cost on these problems. Nothing is requested, run or written."""
    from prlcoder.mutator.llm import LanguageModelTeacher
    from prlcoder.mutator.llm.costs import render

    asked = [teacher for teacher in teachers if isinstance(teacher, LanguageModelTeacher)]
    if not asked:
        raise InputError("--estimate: only a language model costs anything; add --teacher llm")
    places = unverified_places(problems, mode)
    print(render(asked[0].estimate(places)))
    return 0


def unverified_places(problems: Iterable[Problem], mode: Mode) -> Iterator[RewriteSite]:
    """The segments of every canonical solution: a few more than of those that will pass their tests."""
    from prlcoder.executor import ResourceLimits
    from prlcoder.segmenter import SegmentationError, segment
    from prlcoder.supervision.labelling import VerifiedProblem, rewrite_sites

    for problem in problems:
        if problem.solutions:
            with suppress(SegmentationError):
                yield from rewrite_sites(VerifiedProblem(problem, segment(problem.canonical, mode), ResourceLimits()))


def _section_values(given: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {"budget": {}}
    for name, value in given.items():
        if name.startswith("budget-"):
            values["budget"][name.removeprefix("budget-")] = value
        else:
            values[_field_name(name)] = value
    return values


def _validated_section(section: Any, values: dict[str, Any]) -> Any:
    from pydantic import ValidationError

    try:
        return section.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        option = "-".join(_option_name(str(part)) for part in first["loc"])
        what = (
            "is required with --teacher llm"
            if first["type"] == "missing"
            else first["msg"].removeprefix("Value error, ")
        )
        raise InputError(f"--{option}: {what}" if option else f"--teacher {values['kind']}: {what}") from None


def _field_name(option: str) -> str:
    return option.replace("-", "_")


def _option_name(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).replace("_", "-")
