"""Evaluates predicates over answers: constants, comparisons, arithmetic and a few pure functions.

The evaluator works on decoded builtins. No expression can make it fill memory or reach anything else.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

MAX_ITEMS: Final = 1_000_000  # of a sequence that an expression builds


class NotRewritableError(Exception):
    """Raised if a test uses something that only a tester process can run."""


def _bounded(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Restrict ``function`` to numbers, because ``"a" * answer`` must not fill the supervisor's memory."""

    def apply(left: Any, right: Any) -> Any:
        if not isinstance(left, (int, float, complex)) or not isinstance(right, (int, float, complex)):
            raise TypeError("numbers only")
        return function(left, right)

    return apply


def _add(left: Any, right: Any) -> Any:
    return left + right


def _multiply(left: Any, right: Any) -> Any:
    """The product of two numbers, or of a sequence and a small integer."""
    for sequence, count in ((left, right), (right, left)):
        if isinstance(sequence, (str, bytes, list, tuple)):
            if type(count) is not int or len(sequence) * count > MAX_ITEMS:
                raise NotRewritableError
            return sequence * count
    return _bounded(operator.mul)(left, right)


def _power(left: Any, right: Any) -> Any:
    if not isinstance(left, (int, float)) or not isinstance(right, (int, float)) or abs(right) > 4096:
        raise NotRewritableError
    if isinstance(left, int) and left.bit_length() * abs(right) > 1 << 16:
        raise NotRewritableError
    return left**right


def _range(*arguments: int) -> range:
    result = range(*arguments)
    if len(result) > MAX_ITEMS:
        raise NotRewritableError
    return result


_BINARY: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: _add,
    ast.Sub: operator.sub,
    ast.Mult: _multiply,
    ast.Pow: _power,
    ast.Div: _bounded(operator.truediv),
    ast.FloorDiv: _bounded(operator.floordiv),
    ast.Mod: _bounded(operator.mod),
}
_UNARY: Final[Mapping[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
_COMPARE: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "abs": abs,
    "all": all,
    "any": any,
    "bool": bool,
    "complex": complex,
    "dict": dict,
    "float": float,
    "frozenset": frozenset,
    "int": int,
    "len": len,
    "list": list,
    "max": max,
    "min": min,
    "range": _range,
    "round": round,
    "set": set,
    "sorted": sorted,
    "sum": sum,
    "tuple": tuple,
    "math.ceil": math.ceil,
    "math.fabs": math.fabs,
    "math.floor": math.floor,
    "math.isclose": math.isclose,
    "math.sqrt": math.sqrt,
}
_NAMES: Final[Mapping[str, Any]] = {"math.inf": math.inf, "math.pi": math.pi, "math.e": math.e, "math.nan": math.nan}


class Evaluator:
    """Evaluates expressions; ``answers`` maps the ``id`` of each node that calls the candidate to its answer."""

    def __init__(self, answers: dict[int, Any]) -> None:
        self._answers = answers

    def check(self, node: ast.expr) -> None:
        """Raises ``NotRewritableError`` if the expression uses anything that the evaluator lacks."""
        if id(node) in self._answers:
            return
        match node:
            case ast.Constant() | ast.List() | ast.Tuple() | ast.Set() | ast.Dict() | ast.UnaryOp() | ast.BinOp():
                pass
            case ast.Compare() | ast.BoolOp() | ast.Subscript() | ast.Attribute() | ast.Slice():
                pass
            case ast.Call(func=function) if _dotted(function) in _FUNCTIONS:
                for keyword in node.keywords:
                    if keyword.arg is None or keyword.arg == "key":
                        raise NotRewritableError
                    self.check(keyword.value)
                for argument in node.args:
                    self.check(argument)
                return
            case _:
                raise NotRewritableError
        if isinstance(node, ast.Compare) and _compares_identity(node):
            raise NotRewritableError  # decoded answers are copies: only a tester knows which objects are the same
        if isinstance(node, ast.Attribute):
            if _dotted(node) not in _NAMES:
                raise NotRewritableError
            return
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.check(child)

    def constant(self, node: ast.expr) -> Any:
        """The value of an expression without answers. Raises ``NotRewritableError`` if it has none."""
        self.check(node)
        try:
            return self.value(node)
        except Exception as error:
            raise NotRewritableError from error

    def value(self, node: ast.expr) -> Any:
        """The value of an expression that ``check`` has accepted. Raises what Python would raise."""
        if id(node) in self._answers:
            return self._answers[id(node)]
        match node:
            case ast.Constant(value=value):
                return value
            case ast.List(elts=items):
                return [self.value(item) for item in items]
            case ast.Tuple(elts=items):
                return tuple([self.value(item) for item in items])
            case ast.Set(elts=items):
                return {self.value(item) for item in items}
            case ast.Dict(keys=keys, values=values):
                return {
                    self.value(key): self.value(item) for key, item in zip(keys, values, strict=True) if key is not None
                }
            case ast.UnaryOp(op=sign, operand=operand):
                return _UNARY[type(sign)](self.value(operand))
            case ast.BinOp(left=left, op=operation, right=right):
                return _BINARY[type(operation)](self.value(left), self.value(right))
            case ast.Compare():
                return self._comparison(node)
            case ast.BoolOp(op=ast.And(), values=values):
                return all(self.value(item) for item in values)
            case ast.BoolOp(values=values):
                return any(self.value(item) for item in values)
            case ast.Subscript(value=container, slice=index):
                return self.value(container)[self.value(index)]
            case ast.Attribute():
                return _NAMES[_dotted(node)]
            case ast.Call(func=function):
                keywords = {str(keyword.arg): self.value(keyword.value) for keyword in node.keywords}
                return _FUNCTIONS[_dotted(function)](*[self.value(item) for item in node.args], **keywords)
        raise NotRewritableError

    def _comparison(self, node: ast.Compare) -> bool:
        left = self.value(node.left)
        for comparison, operand in zip(node.ops, node.comparators, strict=True):
            right = self.value(operand)
            if not _COMPARE[type(comparison)](left, right):
                return False
            left = right
        return True


def _compares_identity(node: ast.Compare) -> bool:
    """Whether ``is`` compares with anything but None, True, False or Ellipsis."""
    singletons = [
        isinstance(item, ast.Constant) and item.value in (None, True, False, ...) and type(item.value) is not int
        for item in node.comparators
    ]
    return any(
        isinstance(sign, (ast.Is, ast.IsNot)) and not known for sign, known in zip(node.ops, singletons, strict=True)
    )


def _dotted(node: ast.expr) -> str:
    """The text ``math.pi`` for that attribute and ``abs`` for that name; an empty string for any other node."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            return f"{module}.{name}"
    return ""
