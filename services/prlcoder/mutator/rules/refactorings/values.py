"""Expressions in another form with the same value."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from prlcoder.mutator.rules.edits import Edit, Edits
from prlcoder.mutator.rules.inference import INT
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.mutator.rules.purity import is_pure
from prlcoder.mutator.rules.registry import refactoring

_DICT = frozenset({"dict"})
_SEQUENCES = frozenset({"list", "str", "tuple"})
_ATOMS = (ast.Name, ast.Constant, ast.Call, ast.Subscript, ast.Attribute)
_OPEN = (ast.Assign, ast.AugAssign, ast.Return, ast.Call, ast.Subscript, ast.keyword)
_SPECIAL = frozenset("{}\\\n\"'")


@refactoring(
    "get-as-choice",
    3,
    (ast.Call, ast.IfExp),
    "the table is a dict and not a `defaultdict`; dict, key and default have no side effects",
    "d = {}\nn = d.get(k, 0)",
    "d = {}\nn = d[k] if k in d else 0",
)
def get_as_choice(node: ast.Call | ast.IfExp, program: ProgramAnalysis) -> Iterator[Edits]:
    """``d.get(k, v)`` as ``d[k] if k in d else v`` and back."""
    match node:
        case ast.Call(func=ast.Attribute(value=table, attr="get"), args=[key, default], keywords=[]):
            pure = all(is_pure(part, program) for part in (table, key, default))
            if pure and program.types.name_is(table, _DICT) and not isinstance(default, ast.Tuple):
                d, k, v = (program.text(part) for part in (table, key, default))
                text = f"{d}[{k}] if {k} in {d} else {v}"
                yield (program.replace(node, text if isinstance(program.parents[node], _OPEN) else f"({text})"),)
        case ast.IfExp(
            test=ast.Compare(left=key, ops=[ast.In()], comparators=[table]),
            body=ast.Subscript(value=same, slice=index),
            orelse=default,
        ) if program.types.name_is(table, _DICT) and is_pure(default, program):
            if ast.dump(table) == ast.dump(same) and ast.dump(key) == ast.dump(index):
                arguments = f"{program.text(key)}, {program.outer_text(default)}"
                yield (Edit(*program.outer(node), f"{program.text(table)}.get({arguments})"),)


@refactoring(
    "last-index",
    3,
    (ast.Subscript,),
    "the sequence is a name whose type is list, str or tuple",
    "def f(xs: list):\n    return xs[-1]",
    "def f(xs: list):\n    return xs[len(xs) - 1]",
)
def last_index(node: ast.Subscript, program: ProgramAnalysis) -> Iterator[Edits]:
    """``xs[-1]`` as ``xs[len(xs) - 1]``, which differs only where both fail."""
    match node:
        case ast.Subscript(
            value=ast.Name(id=name) as xs, slice=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1)) as place
        ):
            if program.types.name_is(xs, _SEQUENCES) and program.editable(place):
                yield (program.replace(place, f"len({name}) - 1"),)


@refactoring(
    "parity",
    3,
    (ast.Compare,),
    "the remainder of an int by 2",
    "def f(n: int):\n    return n % 2 == 1",
    "def f(n: int):\n    return n % 2 != 0",
)
def parity(node: ast.Compare, program: ProgramAnalysis) -> Iterator[Edits]:
    """``n % 2 == 1`` as ``n % 2 != 0``, and so on."""
    match node:
        case ast.Compare(
            left=ast.BinOp(left=number, op=ast.Mod(), right=ast.Constant(value=2)) as left,
            ops=[ast.Eq() | ast.NotEq() as op],
            comparators=[ast.Constant(value=0 | 1 as value) as right],
        ) if program.types.of(number) == INT and (place := program.operator(left, right)):
            symbol = "!=" if isinstance(op, ast.Eq) else "=="
            yield (Edit(*place, symbol), program.replace(right, str(1 - value)))


@refactoring(
    "halving",
    2,
    (ast.BinOp,),
    "the left side is an int: a name, a call or in parentheses",
    "def f(low: int, high: int):\n    return (low + high) // 2",
    "def f(low: int, high: int):\n    return (low + high) >> 1",
)
def halving(node: ast.BinOp, program: ProgramAnalysis) -> Iterator[Edits]:
    """``n // 2`` as ``n >> 1`` and back."""
    bracketed = program.outer(node.left) != program.span(node.left) or isinstance(node.left, _ATOMS)
    if not bracketed or program.types.of(node.left) != INT:
        return
    match node:
        case ast.BinOp(op=ast.FloorDiv(), right=ast.Constant(value=2)):
            text = f"{program.outer_text(node.left)} >> 1"
        case ast.BinOp(op=ast.RShift(), right=ast.Constant(value=1)):
            text = f"{program.outer_text(node.left)} // 2"
        case _:
            return
    yield (program.replace(node, text if isinstance(program.parents[node], _OPEN) else f"({text})"),)


@refactoring(
    "string-format",
    3,
    (ast.JoinedStr, ast.Call),
    "all fields are names without conversion or format; the text needs no escapes",
    'x = f"{a}-{b}"',
    'x = "{}-{}".format(a, b)',
)
def string_format(node: ast.JoinedStr | ast.Call, program: ProgramAnalysis) -> Iterator[Edits]:
    """An f-string as ``str.format`` and back."""
    match node:
        case ast.JoinedStr(values=parts):
            pieces, names = _pieces(parts)
            if names:
                yield (program.replace(node, f'"{"".join(pieces)}".format({", ".join(names)})'),)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(template)), attr="format"), args=arguments):
            plain = template.split("{}")
            names = [argument.id for argument in arguments if isinstance(argument, ast.Name)]
            fits = len(plain) == len(names) + 1 == len(arguments) + 1 and not node.keywords
            if fits and _SPECIAL.isdisjoint("".join(plain)):
                inside = "".join(f"{text}{{{name}}}" for text, name in zip(plain, names, strict=False))
                yield (program.replace(node, f'f"{inside}{plain[-1]}"'),)


def _pieces(parts: list[ast.expr]) -> tuple[list[str], list[str]]:
    """Return the template's pieces and its names; both empty if a part is neither plain text nor a name."""
    pieces: list[str] = []
    names: list[str] = []
    for part in parts:
        match part:
            case ast.Constant(value=str(text)) if _SPECIAL.isdisjoint(text):
                pieces.append(text)
            case ast.FormattedValue(value=ast.Name(id=name), conversion=-1, format_spec=None):
                pieces.append("{}")
                names.append(name)
            case _:
                return [], []
    return pieces, names
