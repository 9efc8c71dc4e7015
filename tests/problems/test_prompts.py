"""Prompts: what each template shows, where the program begins, and what of an answer is the program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prlcoder.errors import InputError
from prlcoder.problems.completions import extract_program
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import TEMPLATES, Prompt, render, template_digest
from prlcoder.problems.reading import read


class ChatTokenizer:
    """As much of a tokenizer as the template needs: ``apply_chat_template`` of a chat model."""

    chat_template = "{{ messages }}"

    def apply_chat_template(self, messages: list[dict[str, str]], **options: Any) -> str:
        assert options == {"tokenize": False, "add_generation_prompt": True}
        [message] = messages
        return f"<user>{message['content']}</user>\n<assistant>\n"


@pytest.fixture(scope="module")
def problems(fixtures: Path) -> dict[str, Problem]:
    return {problem.id: problem for path in sorted(fixtures.glob("*.jsonl")) for problem in read(str(path))}


def prompt(problem: Problem, template: str) -> Prompt:
    return render(problem, template, ChatTokenizer() if template == "chat" else None)


NANO = Problem(
    id="n",
    statement="# 1: reverse the list\n# 2: return the sum\n",
    tests=None,  # type: ignore[arg-type]  # no template looks at the tests
    prompt="def f(v0):\n",
    solutions=("def f(v0):\n    v1 = v0[::-1]\n    return sum(v1)\n",),
)


def test_nano_is_the_numbered_comments_and_the_header() -> None:
    shown = render(NANO, "nano")
    assert shown == Prompt("# 1: reverse the list\n# 2: return the sum\ndef f(v0):\n", "def f(v0):\n", "")
    assert shown.whole(NANO.canonical) == NANO.statement + NANO.canonical
    assert shown.program_start == len(NANO.statement)
    assert render(NANO, "plain") == shown


def test_plain_shows_humaneval_its_own_prompt(problems: dict[str, Problem]) -> None:
    problem = problems["Own/0"]
    assert render(problem, "plain") == Prompt(problem.prompt, problem.prompt, "")


def test_plain_is_comments_that_a_program_follows(problems: dict[str, Problem]) -> None:
    assert render(problems["511"], "plain").text == (
        "# Write a function to tell whether a number is even.\n# It must pass:\n"
        "# assert is_even(2) == True\n# assert is_even(3) == False\n# assert is_even(0) == True\n"
    )
    assert render(problems["largest-item"], "plain").text == (
        "# Return the largest item of nums.\n#\n# Example 1:\n#\n# Input: nums = [3,9,2]\n# Output: 9\n"
        "# Begin with:\n# class Solution:\n#     def largest(self, nums: List[int]) -> int:\n"
    )


def test_plain_v2_is_a_docstring_that_a_program_follows(problems: dict[str, Problem]) -> None:
    assert render(problems["511"], "plain-v2").text == (
        '"""\nWrite a function to tell whether a number is even.\n'
        'assert is_even(2) == True\nassert is_even(3) == False\nassert is_even(0) == True\n"""\n'
    )
    assert render(problems["largest-item"], "plain-v2").text.endswith(
        'Output: 9\nBegin with:\nclass Solution:\n    def largest(self, nums: List[int]) -> int:\n"""\n'
    )
    given = problems["Own/0"].prompt
    assert render(problems["Own/0"], "plain-v2") == Prompt(given, given, "")  # HumanEval's prompt is the statement


def test_plain_v2_closes_its_docstring_only_at_the_end() -> None:
    quoting = Problem(id="q", statement='Return """x""".', tests=NANO.tests)
    assert render(quoting, "plain-v2").text == "\"\"\"\nReturn '''x'''.\n\"\"\"\n"


def test_paper_appsplus_is_appendix_a(problems: dict[str, Problem]) -> None:
    text = render(problems["largest-item"], "paper-appsplus").text
    assert text.startswith("You are an AI programming assistant, utilizing the Deepseek Coder model, developed by")
    assert text.endswith(
        "you will refuse to answer\n### Instruction:\nQUESTION:\nReturn the largest item of nums.\n\nExample 1:\n\n"
        "Input: nums = [3,9,2]\nOutput: 9\nclass Solution:\n    def largest(self, nums: List[int]) -> int:\n"
        "ANSWER: Do not add comments when generating.\n### Response:\n```python\n"
    )


def test_chat_is_a_user_message_and_an_opened_fence(problems: dict[str, Problem]) -> None:
    shown = prompt(problems["count-signs"], "chat")
    assert shown.text == (
        "<user>Solve the following programming problem in Python. Answer with one fenced code block that holds the"
        " whole program. Do not add comments.\n\nCount the negative items of nums.\n\nBegin with this code:\n\n"
        "```python\nclass Solution:\n    def countSigns(self, nums: List[int]) -> int:\n```</user>\n<assistant>\n"
        "```python\n"
    )
    completion = prompt(problems["Own/0"], "chat")
    assert "\n\nComplete this code:\n\n```python\ndef double(x: int) -> int:\n" in completion.text
    assert completion.text.endswith("</user>\n<assistant>\n```python\n" + problems["Own/0"].prompt)
    assert "It must pass:\n\n```python\nassert is_even(2) == True\n" in prompt(problems["511"], "chat").text


@pytest.mark.parametrize("shown", ["", "HELLO", "<user></user>"])
def test_a_chat_template_that_does_not_show_the_problem_is_refused(shown: str) -> None:
    class Forgetful(ChatTokenizer):
        def apply_chat_template(self, messages: list[dict[str, str]], **options: Any) -> str:
            return shown

    with pytest.raises(InputError, match="chat template does not show the problem as it is; correct the template"):
        render(NANO, "chat", Forgetful())


def test_chat_without_a_chat_template_says_what_to_do() -> None:
    with pytest.raises(InputError, match="chat needs a tokenizer with a chat template, and this model has none"):
        render(NANO, "chat", object())


def test_an_unknown_template_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="'alpaca' is not a template; choose one of nano, chat"):
        render(NANO, "alpaca")


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_program_starts_where_the_prompt_says_and_comes_back_from_the_completion(
    template: str, problems: dict[str, Problem]
) -> None:
    for problem in [*(problem for problem in problems.values() if problem.solutions), NANO]:
        shown = prompt(problem, template)
        assert shown.text.endswith(shown.given)
        assert shown.given == problem.prompt
        for program in (problem.canonical, problem.canonical.rstrip("\n")):
            whole = shown.whole(program)
            assert whole[shown.program_start :].startswith(program)
            completion = whole[len(shown.text) :]
            assert extract_program(problem, template, completion).rstrip("\n") == program.rstrip("\n")


def test_the_closing_fence_stands_on_a_line_of_its_own(problems: dict[str, Problem]) -> None:
    shown = prompt(problems["largest-item"], "paper-appsplus")
    assert shown.whole("x = 1\n").endswith("```python\nx = 1\n```")
    assert shown.whole("x = 1").endswith("```python\nx = 1\n```")


def test_a_program_that_does_not_begin_as_given_is_refused() -> None:
    with pytest.raises(ValueError, match="does not begin with the code"):
        render(NANO, "nano").whole("def g():\n    pass\n")


@pytest.mark.parametrize(
    ("template", "id", "completion", "program"),
    [
        ("chat", "511", "x = 1\n```\nThis sets x.\n```python\ny = 2\n```", "x = 1\n"),
        ("chat", "511", "x = 1\n", "x = 1\n"),
        ("chat", "511", "```python\nx = 1\n```\n", "x = 1\n"),
        ("chat", "511", 'x = "```"\n```', 'x = "```"\n'),
        ("chat", "Own/0", "    return 2\n```", "{prompt}    return 2\n"),
        ("chat", "Own/0", "```python\n{prompt}    return 2\n```", "{prompt}    return 2\n"),
        ("plain", "511", "x = 1\n", "x = 1\n"),
        ("plain", "511", "First:\n```\nx = 1\n```\nthen:\n```python\nx = 2\n```\nDone.", "x = 2\n"),
        ("plain", "511", "So:\n```py\nx = 1\n", "x = 1\n"),
        ("plain", "511", "def is_even(n):\n    return True\nassert is_even(3)\n", "def is_even(n):\n    return True\n"),
        ("plain", "Own/0", "    return 2\n", "{prompt}    return 2\n"),
        ("plain", "Own/0", "Here:\n```python\n{prompt}    return 2\n```", "{prompt}    return 2\n"),
    ],
)
def test_what_of_an_answer_is_the_program(
    problems: dict[str, Problem], template: str, id: str, completion: str, program: str
) -> None:
    problem = problems[id]
    answer = completion.replace("{prompt}", problem.prompt)
    assert extract_program(problem, template, answer) == program.replace("{prompt}", problem.prompt)


def test_a_template_is_known_by_the_digest_of_its_file() -> None:
    digests = {template: template_digest(template) for template in TEMPLATES}
    assert all(len(digest) == 64 for digest in digests.values())
    assert len(set(digests.values())) == len(TEMPLATES)
