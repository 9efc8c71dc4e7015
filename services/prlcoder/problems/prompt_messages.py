"""Problems and prompts, as models see them. Their tests do not travel with them."""

from __future__ import annotations

from typing import Any, Final

from prlcoder.errors import InputError
from prlcoder.problems.model import CallTests, Problem
from prlcoder.problems.prompts import Prompt, render
from prlcoder.rpc.errors import invalid
from prlcoder.v1 import problem_pb2

_NO_TESTS: Final = CallTests("", ())


def read_problem(message: problem_pb2.Problem) -> Problem:
    """A problem to render; it has no tests and no solutions."""
    return Problem(
        id=message.id,
        statement=message.statement,
        tests=_NO_TESTS,
        prompt=message.prompt,
        starter_code=message.starter_code,
        preamble=message.preamble,
        meta={"examples": list(message.examples)} if message.examples else {},
    )


def render_problem(problem: Problem, template: str, tokenizer: Any, field: str) -> Prompt:
    """The prompt; ``Refusal`` where this tokenizer cannot use the template."""
    try:
        return render(problem, template, tokenizer)
    except InputError as error:
        raise invalid(field, str(error)) from None


def read_prompt(message: problem_pb2.Prompt, field: str) -> Prompt:
    """The prompt; ``Refusal`` unless its text ends in what it says is given."""
    if not message.text.endswith(message.given):
        raise invalid(f"{field}.given", "the prompt's text does not end in it; the program begins with it")
    return Prompt(message.text, message.given, message.closing)


def write_prompt(prompt: Prompt) -> problem_pb2.Prompt:
    """The message."""
    return problem_pb2.Prompt(text=prompt.text, given=prompt.given, closing=prompt.closing)
