"""The published evaluation procedures of MBPP and LiveCodeBench, written anew from their descriptions and code.

A program of its own, ``python harness.py < items.json``: each item runs in a forked child with an alarm, and one line
of 0s and 1s says which passed. No isolation beyond that: only for programs of ours.

- ``mbpp`` (Austin et al. 2021; the same in the harnesses that took it over): the code and the asserts are executed in
  one empty namespace; passed if nothing is raised.
- ``calls`` (LiveCodeBench): the code is executed as a module called ``tmp_sol``; ``fn_name`` is looked up in one
  ``Solution()`` if the text ``class Solution`` occurs, else in the module; arguments are JSON values, one a line; an
  outermost tuple in the answer counts as a list; then ``==``.
- ``stdio`` (LiveCodeBench): a last statement ``if __name__ == '__main__'`` is unwrapped, everything but the imports
  becomes the body of a function that is called for each test with ``sys.stdin`` and the like replaced; ``SystemExit``
  counts as an ordinary end. Output and expectation are stripped, must have equally many lines, and each line must be
  equal when stripped, or hold equal exact decimal numbers.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import signal
import sys
import types
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any
from unittest import mock


class Stopped(Exception):  # noqa: N818 (LiveCodeBench's, too, is an Exception: `except Exception` catches it)
    """The alarm went off."""


def mbpp(item: dict[str, Any]) -> bool:
    exec("\n".join([item["code"], item["setup"], *item["asserts"]]), {})
    return True


def calls(item: dict[str, Any]) -> bool:
    module = module_of(item["imports"] + "\n\n" + item["code"])
    owner = module.Solution() if "class Solution" in item["code"] else module
    function = getattr(owner, item["fn_name"])
    for given, expected in item["cases"]:
        answer = function(*[json.loads(line) for line in given.split("\n")])
        if (list(answer) if isinstance(answer, tuple) else answer) != json.loads(expected):
            return False
    return True


def stdio(item: dict[str, Any]) -> bool:
    module = module_of(as_function(item["imports"], item["code"]))
    return all(same_output(output_of(module.wrapped, given), expected) for given, expected in item["cases"])


def module_of(source: str) -> Any:
    module = types.ModuleType("tmp_sol")
    exec(source, module.__dict__)
    return module


def as_function(imports: str, code: str) -> str:
    body = ast.parse(code).body
    last = body[-1] if body else None
    if isinstance(last, ast.If) and ast.unparse(last.test) == "__name__ == '__main__'":
        body = [*body[:-1], *last.body]
    imported = [statement for statement in body if isinstance(statement, ast.Import | ast.ImportFrom)]
    rest = [statement for statement in body if not isinstance(statement, ast.Import | ast.ImportFrom)]
    lines = "\n".join(ast.unparse(statement) for statement in rest) or "pass"
    wrapped = ast.parse("def wrapped():\n    pass").body[0]
    assert isinstance(wrapped, ast.FunctionDef)
    wrapped.body = ast.parse(lines).body
    return "\n".join([imports, *map(ast.unparse, imported), ast.unparse(wrapped)])


class Input(io.StringIO):
    """Standard input whose ``read`` and ``readlines`` always give everything, and whose buffer does, too."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text
        self.buffer = types.SimpleNamespace(
            read=lambda *_: text.encode(), readline=lambda *_: text.encode().split(b"\n")[0] + b"\n"
        )

    def read(self, *_: Any) -> str:
        return self.text

    def readlines(self, *_: Any) -> list[str]:
        return self.text.split("\n")


def output_of(function: Callable[[], Any], given: str) -> str:
    """What a call prints. ``readline`` raises ``StopIteration`` at the end, and gives lines without their ends."""
    lines = iter(given.split("\n"))
    stdin = Input(given)
    stdin.readline = lambda *_: next(lines)  # type: ignore[method-assign,assignment]
    printed = io.StringIO()
    with (
        mock.patch("builtins.open", mock.mock_open(read_data=given)),
        mock.patch("sys.stdin", stdin),
        mock.patch("sys.stdout", printed),
        contextlib.suppress(SystemExit),
    ):
        function()
    return printed.getvalue()


def same_output(printed: str, expected: str) -> bool:
    ours, theirs = ([line.strip() for line in text.strip().split("\n")] for text in (printed, expected))
    return len(ours) == len(theirs) and all(map(same_line, ours, theirs))


def same_line(ours: str, theirs: str) -> bool:
    try:
        return ours == theirs or [*map(Decimal, ours.split())] == [*map(Decimal, theirs.split())]
    except InvalidOperation:
        return False


def passed(item: dict[str, Any]) -> bool:
    """Whether the item passes, found out in a child."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        silence = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(silence, descriptor)

        def stop(*_: Any) -> None:
            raise Stopped

        signal.signal(signal.SIGALRM, stop)
        signal.alarm(item["patience_s"])
        try:
            if {"mbpp": mbpp, "calls": calls, "stdio": stdio}[item["procedure"]](item):
                os.write(writer, b"1")
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    verdict = os.read(reader, 1)
    os.close(reader)
    return verdict == b"1"


if __name__ == "__main__":
    print("".join("01"[passed(item)] for item in json.load(sys.stdin)))
