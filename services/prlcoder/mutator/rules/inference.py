"""Simple static type inference: enough to know that ``x += 1`` rebinds a number, or that two names have one type.

It is sound for programs that respect their annotations, and deliberately small: everything that it does not list has an
unknown type (None). A name has a type if all its bindings in its scope agree; a mixture of ints and floats is
``float``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, NamedTuple

from prlcoder.mutator.rules.scopes import Scope, Scopes


class Type(NamedTuple):
    """A builtin type by name; for a homogeneous container also the type of its elements, if known."""

    name: str
    element: Type | None = None


INT, FLOAT, BOOL, STR, NONE = Type("int"), Type("float"), Type("bool"), Type("str"), Type("None")
NUMBERS = frozenset({"int", "float", "bool"})
SCALARS = frozenset({"int", "float", "bool", "str"})
SIZED = frozenset({"str", "list", "dict", "set", "tuple"})
_PENDING = Type("pending")  # not inferred yet; agrees with every type
_MAX_PASSES = 5

_CALLS = {
    "len": INT,
    "ord": INT,
    "int": INT,
    "hash": INT,
    "id": INT,
    "float": FLOAT,
    "bool": BOOL,
    "isinstance": BOOL,
    "any": BOOL,
    "all": BOOL,
    "str": STR,
    "chr": STR,
    "repr": STR,
    "bin": STR,
    "hex": STR,
    "input": STR,
    "dict": Type("dict"),
    "tuple": Type("tuple"),
    "range": Type("range", INT),
}
_STRING_METHODS = {
    **dict.fromkeys(("strip", "lstrip", "rstrip", "lower", "upper", "replace", "join", "title", "zfill"), STR),
    **dict.fromkeys(("find", "rfind", "index", "count"), INT),
    **dict.fromkeys(("isdigit", "isalpha", "isupper", "islower", "startswith", "endswith"), BOOL),
    **dict.fromkeys(("split", "rsplit", "splitlines"), Type("list", STR)),
}
_ANNOTATIONS = {
    "int": INT,
    "float": FLOAT,
    "bool": BOOL,
    "str": STR,
    "list": Type("list"),
    "List": Type("list"),
    "dict": Type("dict"),
    "Dict": Type("dict"),
    "set": Type("set"),
    "Set": Type("set"),
    "tuple": Type("tuple"),
    "Tuple": Type("tuple"),
}


def join(left: Type | None, right: Type | None) -> Type | None:
    """Return the type of a value that has one of two types; None if they do not agree."""
    if left == right or right == _PENDING:
        return left
    if left == _PENDING:
        return right
    if left is None or right is None:
        return None
    if left.name in NUMBERS and right.name in NUMBERS:
        return FLOAT if FLOAT in (left, right) else INT
    if left.name == right.name:
        return Type(left.name)
    return None


class Inference:
    """The types of the expressions of one program."""

    def __init__(self, tree: ast.Module, scopes: Scopes, parents: dict[ast.AST, ast.AST]) -> None:
        self._scopes = scopes
        self._parents = parents
        self._names: dict[tuple[Scope, str], Type | None] = {
            (scope, name): _PENDING for scope in scopes.by_node.values() for name in scope.occurrences
        }
        self._settle()

    def of(self, node: ast.expr) -> Type | None:
        """Return the type of an expression, or None if it is unknown."""
        found = self._infer(node)
        return None if found == _PENDING else found

    def variable(self, scope: Scope, name: str) -> Type | None:
        """Return the type of a variable, or None if it is unknown."""
        found = self._names.get((scope, name))
        return None if found == _PENDING else found

    def name_is(self, node: ast.expr, names: frozenset[str]) -> bool:
        """Whether the type of an expression is known and its name is one of ``names``."""
        found = self.of(node)
        return found is not None and found.name in names

    def _settle(self) -> None:
        """Iterate over all names to a fixpoint. If a few passes do not reach it, all names are unknown.

        Every type depends on the types of other names, so after an unfinished iteration none of them can be trusted.
        """
        moving: set[tuple[Scope, str]] = set()
        for _ in range(_MAX_PASSES):
            moving.clear()
            for key, old in self._names.items():
                new = self._bindings(*key)
                if new != old:
                    self._names[key] = new
                    moving.add(key)
            if not moving:
                return
        self._names.update(dict.fromkeys(self._names, None))

    def _bindings(self, scope: Scope, name: str) -> Type | None:
        result: Type | None = _PENDING
        for node in scope.occurrences[name]:
            if not (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)):
                result = join(result, self._bound(node))
                if result is None:
                    return None
        return result

    def _bound(self, node: ast.AST) -> Type | None:
        """Return the type that one binding gives to its name."""
        if isinstance(node, ast.arg):
            return self._annotation(node.annotation) if node.annotation else None
        if not isinstance(node, ast.Name):
            return None
        match self._parents[node]:
            case ast.Assign(value=value) | ast.NamedExpr(value=value):
                return self._infer(value)
            case ast.AnnAssign(annotation=annotation):
                return self._annotation(annotation)
            case ast.AugAssign(op=op, value=value):
                return self._operation(op, _PENDING, self._infer(value))
            case ast.For(iter=iterable) | ast.comprehension(iter=iterable):
                return self._element(iterable)
            case ast.Tuple(elts=targets) as from_table:
                return self._unpacked(from_table, targets.index(node))
        return None

    def _unpacked(self, target: ast.Tuple, index: int) -> Type | None:
        match self._parents[target]:
            case ast.Assign(value=ast.Tuple(elts=values)) if len(values) == len(target.elts):
                starred = any(isinstance(part, ast.Starred) for part in [*values, *target.elts])
                return None if starred else self._infer(values[index])
            case (
                ast.For(iter=ast.Call(func=ast.Name(id="enumerate"), args=[iterable]))
                | ast.comprehension(iter=ast.Call(func=ast.Name(id="enumerate"), args=[iterable]))
            ):
                return INT if index == 0 else self._element(iterable)
        return None

    def _element(self, iterable: ast.expr) -> Type | None:
        found = self._infer(iterable)
        if found is None or found == _PENDING:
            return found
        return STR if found == STR else found.element

    def _annotation(self, node: ast.expr) -> Type | None:
        match node:
            case ast.Name(id=name):
                return _ANNOTATIONS.get(name)
            case ast.Subscript(value=ast.Name(id="List" | "list" | "Set" | "set" as name), slice=element):
                return Type(name.lower(), self._annotation(element))
            case ast.Subscript(value=ast.Name(id=name)):
                return _ANNOTATIONS.get(name)
        return None

    def _infer(self, node: ast.expr) -> Type | None:
        rule = _RULES.get(type(node))
        return rule(self, node) if rule else None

    def _constant(self, node: ast.Constant) -> Type | None:
        name = "None" if node.value is None else type(node.value).__name__
        return Type(name) if name in SCALARS or name == "None" else None

    def _name(self, node: ast.Name) -> Type | None:
        scope = self._scopes.of(node)
        return None if scope is None else self._names.get((scope, node.id))

    def _display(self, node: ast.List | ast.Set) -> Type:
        element: Type | None = _PENDING if node.elts else None
        for part in node.elts:
            element = join(element, self._infer(part))
        return Type(type(node).__name__.lower(), None if element == _PENDING else element)

    def _comprehension(self, node: ast.ListComp | ast.SetComp) -> Type:
        element = self._infer(node.elt)
        return Type("list" if isinstance(node, ast.ListComp) else "set", None if element == _PENDING else element)

    def _binary(self, node: ast.BinOp) -> Type | None:
        return self._operation(node.op, self._infer(node.left), self._infer(node.right))

    def _operation(self, op: ast.operator, left: Type | None, right: Type | None) -> Type | None:
        if isinstance(op, ast.Mult) and left is not None and left.name == "list" and right == INT:
            return left
        if left is None or right is None:
            return None
        if isinstance(op, ast.Mod) and left == STR:
            return STR
        if isinstance(op, ast.Mult) and {left.name, right.name} == {"str", "int"}:
            return STR
        if isinstance(op, ast.Div):
            return FLOAT if {left.name, right.name} <= NUMBERS | {"pending"} else None
        if isinstance(op, ast.Pow):
            return FLOAT if FLOAT in (left, right) else None  # int ** -1 is a float
        if isinstance(op, ast.Add):
            return join(left, right)
        return join(left, right) if {left.name, right.name} <= NUMBERS | {"pending"} else None

    def _unary(self, node: ast.UnaryOp) -> Type | None:
        if isinstance(node.op, ast.Not):
            return BOOL
        found = self._infer(node.operand)
        return found if found in (INT, FLOAT, _PENDING) else None

    def _comparison(self, node: ast.Compare) -> Type | None:
        parts = [self._infer(part) for part in (node.left, *node.comparators)]
        known = all(part is not None for part in parts)
        return BOOL if known or isinstance(node.ops[0], ast.In | ast.NotIn | ast.Is | ast.IsNot) else None

    def _choice(self, node: ast.IfExp) -> Type | None:
        return join(self._infer(node.body), self._infer(node.orelse))

    def _subscript(self, node: ast.Subscript) -> Type | None:
        base = self._infer(node.value)
        if base is None or base.name not in ("str", "list"):
            return _PENDING if base == _PENDING else None
        if isinstance(node.slice, ast.Slice):
            return base
        return STR if base == STR else base.element

    def _call(self, node: ast.Call) -> Type | None:
        match node.func:
            case ast.Name(id=name) if self._scopes.is_builtin(node.func):
                return self._builtin_call(name, node)
            case ast.Attribute(value=base, attr=method):
                return _STRING_METHODS.get(method) if self._infer(base) == STR else None
        return None

    def _builtin_call(self, name: str, node: ast.Call) -> Type | None:
        if name in _CALLS:
            return _CALLS[name]
        if name in ("sorted", "list", "set"):
            element = self._element(node.args[0]) if node.args else None
            return Type("set" if name == "set" else "list", None if element == _PENDING else element)
        if name == "abs" and node.args:
            return self._infer(node.args[0])
        if name in ("min", "max", "sum") and len(node.args) == 1 and not node.keywords:
            return self._element(node.args[0])
        if name in ("min", "max") and len(node.args) > 1:
            result: Type | None = _PENDING
            for argument in node.args:
                result = join(result, self._infer(argument))
            return result
        return None


_RULES: dict[type[ast.expr], Callable[[Inference, Any], Type | None]] = {
    ast.Constant: Inference._constant,
    ast.Name: Inference._name,
    ast.List: Inference._display,
    ast.Set: Inference._display,
    ast.ListComp: Inference._comprehension,
    ast.SetComp: Inference._comprehension,
    ast.Dict: lambda self, node: Type("dict"),
    ast.DictComp: lambda self, node: Type("dict"),
    ast.Tuple: lambda self, node: Type("tuple"),
    ast.JoinedStr: lambda self, node: STR,
    ast.BinOp: Inference._binary,
    ast.UnaryOp: Inference._unary,
    ast.Compare: Inference._comparison,
    ast.IfExp: Inference._choice,
    ast.Subscript: Inference._subscript,
    ast.Call: Inference._call,
}
