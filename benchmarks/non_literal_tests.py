"""Tests that look at results and arguments as objects, made from a problem's literal asserts.

``assert f(3) == [0, 1]`` becomes tests of four forms, each with code that is added to the program:

- iterables: the program gives a generator, and the test makes a list of it;
- objects: the program gives an object of its own class, and the test reads its attributes, its length and its text;
- arguments: the test passes variables, and compares them with copies after the call;
- callbacks: the test passes a function to which the program gives its result.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from prlcoder.problems.model import AssertTests, Problem

FORMS = ("iterables", "objects", "arguments", "callbacks")

_WRAPPERS = {
    "iterables": """
def wrapped(*arguments):
    result = {name}(*arguments)
    if isinstance(result, (list, tuple, set, dict, str)):
        yield from result
    else:
        yield result
""",
    "objects": """
class Wrapped:
    def __init__(self, value):
        self.value = value
    def __len__(self):
        return len(self.value) if hasattr(self.value, "__len__") else -1
    def __str__(self):
        return str(self.value)
    def __eq__(self, other):
        return isinstance(other, Wrapped) and self.value == other.value
def wrapped(*arguments):
    return Wrapped({name}(*arguments))
""",
    "arguments": """
def wrapped(*arguments):
    return {name}(*arguments)
""",
    "callbacks": """
def wrapped(callback, *arguments):
    callback({name}(*arguments))
""",
}
_TESTS = {
    "iterables": """
want = {want}
assert list(wrapped({arguments})) == (list(want) if isinstance(want, (list, tuple, set, dict, str)) else [want])
""",
    "objects": """
want, got = {want}, wrapped({arguments})
assert got.value == want
assert len(got) == (len(want) if hasattr(want, "__len__") else -1)
assert str(got) == str(got.value)
assert got == wrapped({arguments})
""",
    "arguments": """
import copy
arguments = [{arguments}]
before = copy.deepcopy(arguments)
assert wrapped(*arguments) == {want}
assert arguments == before
""",
    "callbacks": """
seen = []
wrapped(seen.append, {arguments})
assert seen == [{want}]
""",
}


def rewritten(problem: Problem, form: str) -> tuple[Problem, str] | None:
    """The problem with tests of one form, and the code to add to its programs; None if no assert has a literal call."""
    tests = problem.tests
    if not isinstance(tests, AssertTests) or tests.check or not tests.entry_point.isidentifier():
        return None
    parts = []
    for statement in ast.parse(tests.source).body:
        match statement:
            case ast.Assert(
                test=ast.Compare(
                    left=ast.Call(func=ast.Name(id=tests.entry_point), args=arguments, keywords=[]),
                    ops=[ast.Eq()],
                    comparators=[want],
                )
            ):
                text = ", ".join(ast.unparse(argument) for argument in arguments)
                parts.append(_TESTS[form].format(arguments=text, want=ast.unparse(want)))
    if not parts:
        return None
    new = AssertTests("".join(parts), "wrapped", check=False, setup=tests.setup)
    return replace(problem, tests=new), _WRAPPERS[form].format(name=tests.entry_point)
