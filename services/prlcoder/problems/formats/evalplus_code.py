"""Reads the test code of EvalPlus's tables on the hub (HumanEval+ and MBPP+) as calls.

The published code lists ``inputs`` and ``results`` and compares with numpy's ``allclose``. Read as calls, it needs no
numpy and shows no expected value to the program. Code of another shape is left as it is: problems with an own oracle
(``find_zero``), and those whose results were too large for the table (a reference function stands in their place).
"""

from __future__ import annotations

import ast
from typing import Any, Final

from prlcoder.problems.formats.record import parsed
from prlcoder.problems.literals import LiteralError
from prlcoder.problems.literals import decode as decode_literal
from prlcoder.problems.model import CallTest, CallTests, Comparison, Tolerance

RELATIVE_TOLERANCE: Final = 1e-7  # numpy's default in `assert_allclose`

# The statements of EvalPlus's `assertion(out, exp, atol)` before its last one; the last compares or asserts.
_EXACT_MATCH: Final = "exact_match = out == exp"
_FLOAT_TOLERANCE: Final = "if atol == 0 and is_floats(exp):\n    atol = 1e-06"
_CLOSE: Final = "assert np.allclose(out, exp, rtol=1e-07, atol=atol)"


def published_calls(source: str, entry_point: str, function: str) -> CallTests | None:
    """The calls in EvalPlus's published test code, or None if the code has another shape.

    ``function`` is how the code calls the program if it does not call ``candidate``.
    """
    if "inputs = [" not in source or "results = [" not in source or "def assertion(" not in source:
        return None
    tree = parsed(source, "test")
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    body = functions["check"].body if "check" in functions else tree.body
    lists = {name: value for node in body for name, value in _assigned(node)}
    absolute = _absolute_tolerance(body, {"candidate", function})
    compares_sets = _compares_sets(functions.get("assertion"))
    if absolute is None or not {"inputs", "results"} <= lists.keys() or compares_sets is None:
        return None
    try:
        inputs, results = _literal(source, lists["inputs"]), _literal(source, lists["results"])
        results = list(map(set, results)) if compares_sets else results
    except (LiteralError, TypeError):  # TypeError: a result that is no set
        return None
    if not (isinstance(inputs, list) and isinstance(results, list) and len(inputs) == len(results) and inputs):
        return None
    entry_point = set_of_result(entry_point) if compares_sets else entry_point
    cases = tuple(CallTest(tuple(arguments), {}, result) for arguments, result in zip(inputs, results, strict=True))
    return evalplus_tests(entry_point, cases, absolute)


def evalplus_tests(entry_point: str, cases: tuple[CallTest, ...], absolute: float) -> CallTests:
    """Calls that are compared as EvalPlus compares them; ``absolute`` is the problem's ``atol``."""
    tolerance = Tolerance(absolute, RELATIVE_TOLERANCE) if absolute else None
    return CallTests(entry_point, cases, Comparison.EVALPLUS, tolerance)


def _assigned(node: ast.stmt) -> list[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign):
        return [(target.id, node.value) for target in node.targets if isinstance(target, ast.Name)]
    return []


def _absolute_tolerance(body: list[ast.stmt], names: set[str]) -> float | None:
    """The last value of ``assertion(f(*inp), exp, ATOL)`` in the loop over the inputs."""
    for loop in body:
        if isinstance(loop, ast.For) and len(loop.body) == 1 and isinstance(loop.body[0], ast.Expr):
            match loop.body[0].value:
                case ast.Call(
                    func=ast.Name(id="assertion"),
                    args=[
                        ast.Call(func=ast.Name(id=name), args=[ast.Starred(value=ast.Name(id="inp"))]),
                        ast.Name(id="exp"),
                        ast.Constant(value=int() | float() as absolute),
                    ],
                ) if name in names:
                    return float(absolute)
    return None


def _compares_sets(function: ast.FunctionDef | None) -> bool | None:
    """Whether ``assertion`` compares sets. None if it is not one of the two that EvalPlus publishes for most tasks."""
    if function is None or [each.arg for each in function.args.args] != ["out", "exp", "atol"]:
        return None
    *first, last = [ast.unparse(node) for node in function.body]
    if first == [_EXACT_MATCH, _FLOAT_TOLERANCE] and last.startswith(
        f"if not exact_match and atol != 0:\n    {_CLOSE}"
    ):
        return False
    sets = [_FLOAT_TOLERANCE, "out = set(out)", "exp = set(exp)"]
    if first == sets and last.startswith(f"if out != exp and atol != 0:\n    {_CLOSE}\nelse:\n    assert out == exp"):
        return True
    return None


def set_of_result(function: str) -> str:
    """An entry point whose result is the set of the function's result."""
    return f"lambda *arguments: set({function}(*arguments))"


def _literal(source: str, node: ast.expr) -> Any:
    return decode_literal(ast.get_source_segment(source, node) or "")
