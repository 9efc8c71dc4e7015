"""Test code in the style of pytest or unittest, turned into statements that run in a tester process.

The names of the program that test code uses are resolved by the tester, so imports of the program's module are removed.
"""

from __future__ import annotations

import ast
from typing import Final

from prlcoder.problems.formats.record import FieldError, check_compiles, parsed

PROGRAM_MODULES: Final = frozenset({"solution", "main", "program"})  # names under which test code imports the program

# What KodCode's tests use of pytest. The tester has only the standard library, so this stands in for the package.
PYTEST_STAND_IN: Final = """\
import contextlib as _contextlib
import math as _math
import re as _re


class _Approximately:
    def __init__(self, expected, rel=None, abs=None):
        self.expected, self.rel, self.abs = expected, rel, abs

    def __eq__(self, actual):
        if isinstance(self.expected, dict):
            return actual.keys() == self.expected.keys() and all(
                _Approximately(self.expected[key], self.rel, self.abs) == actual[key] for key in self.expected
            )
        if isinstance(self.expected, (list, tuple)):
            return len(actual) == len(self.expected) and all(
                _Approximately(item, self.rel, self.abs) == other for item, other in zip(self.expected, actual)
            )
        if actual == self.expected:
            return True
        relative = 1e-6 if self.rel is None and self.abs is None else self.rel or 0.0
        return _math.isclose(actual, self.expected, rel_tol=0.0, abs_tol=max(
            relative * abs(self.expected), 1e-12 if self.abs is None else self.abs
        ))

    def __ne__(self, actual):
        return not self == actual


@_contextlib.contextmanager
def _raises(expected, match=None):
    try:
        yield
    except expected as error:
        if match is not None:
            assert _re.search(match, str(error)), f"{error!r} does not match {match!r}"
        return
    raise AssertionError(f"{expected!r} was not raised")


def _fail(reason=""):
    raise AssertionError(reason)


class _Mark:
    @staticmethod
    def parametrize(names, values, **options):
        count = len([name for name in names.split(",") if name.strip()] if isinstance(names, str) else names)

        def decorate(function):
            rows = [row if count > 1 else (row,) for row in values]
            known = getattr(function, "_cases", [()])
            function._cases = [tuple(row) + case for case in known for row in rows]
            return function

        return decorate

    def __getattr__(self, name):
        return lambda *arguments, **options: arguments[0] if arguments and callable(arguments[0]) else lambda f: f


class pytest:
    raises = staticmethod(_raises)
    approx = _Approximately
    fail = staticmethod(_fail)
    mark = _Mark()


"""


def pytest_statements(test: str, field: str) -> tuple[str, list[str]]:
    """Statements that call every test function of ``test`` in order, and the names that it imports of the program.

    ``FieldError`` if the code has no test functions, or functions that need fixtures.
    """
    check_compiles(test, field)
    tree = parsed(test, field)
    names, aliases, body, uses_pytest = _without_program_imports(tree)
    calls: list[str] = []
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            calls.append(_calls_of(node, node.name, [], field))
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            calls += _calls_of_class(node, field)
    if not calls:
        raise FieldError(field, "has no test functions", "name them test_...")
    source = "\n".join([*aliases, ast.unparse(ast.Module(body, [])), *calls])
    return (PYTEST_STAND_IN if uses_pytest else "") + source + "\n", names


def _without_program_imports(tree: ast.Module) -> tuple[list[str], list[str], list[ast.stmt], bool]:
    """Names imported of the program, statements for their aliases, all other statements, and whether pytest is used."""
    names: list[str] = []
    aliases: list[str] = []
    body: list[ast.stmt] = []
    modules: set[str] = set()
    uses_pytest = False
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module in PROGRAM_MODULES:
            names += [alias.name for alias in node.names]
            aliases += [f"{alias.asname} = {alias.name}" for alias in node.names if alias.asname]
        elif isinstance(node, ast.Import) and all(alias.name in PROGRAM_MODULES for alias in node.names):
            modules.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Import) and any(alias.name == "pytest" for alias in node.names):
            uses_pytest = True
        else:
            body.append(node)
    if modules:
        body = [_ModuleAttributes(modules).visit(node) for node in body]
    return names, aliases, body, uses_pytest


class _ModuleAttributes(ast.NodeTransformer):
    """``solution.f`` as ``f``."""

    def __init__(self, modules: set[str]) -> None:
        self._modules = modules

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id in self._modules:
            return ast.copy_location(ast.Name(node.attr, node.ctx), node)
        return node


def _calls_of(function: ast.FunctionDef, call: str, given: list[str], field: str) -> str:
    """The statement that calls one test function, once per set of parameters."""
    arguments = [each.arg for each in (*function.args.posonlyargs, *function.args.args)][len(given) :]
    required = len(arguments) - len(function.args.defaults)
    parametrized = any("parametrize" in ast.unparse(decorator) for decorator in function.decorator_list)
    if parametrized:
        return f"for _case in {call}._cases:\n    {call}(*_case)"
    if required > 0:
        raise FieldError(field, f"{function.name} needs the fixture {arguments[0]}", "fixtures are not supported")
    return f"{call}()"


def _calls_of_class(node: ast.ClassDef, field: str) -> list[str]:
    methods = [each for each in node.body if isinstance(each, ast.FunctionDef)]
    setup = [each.name for each in methods if each.name in ("setup_method", "setUp")]
    if any("TestCase" in ast.unparse(base) for base in node.bases):
        return [unittest_call(node.name)]
    calls = []
    for method in methods:
        if method.name.startswith("test"):
            lines = [f"_instance = {node.name}()", *(f"_instance.{name}()" for name in setup)]
            calls.append("\n".join([*lines, _calls_of(method, f"_instance.{method.name}", ["self"], field)]))
    return calls


def unittest_call(test_class: str) -> str:
    """Statements that run a ``unittest.TestCase``; the first failure raises its own exception."""
    return f"import unittest as _unittest\n_unittest.defaultTestLoader.loadTestsFromTestCase({test_class}).debug()"
