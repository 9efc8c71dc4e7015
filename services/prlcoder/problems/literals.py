"""Writes Python values as readable Python literals and reads them back without ``eval``.

Supported are ``None``, booleans, integers, floats, complex numbers, strings, bytes, lists, tuples, dicts, sets and
frozensets, nested to any depth that Python parses. Infinities and not-a-number are written ``inf`` and ``nan``.
A complex number is written ``complex(1.0, -2.0)``, because ``1-2j`` is a sum, which loses the sign of zeros; both forms
are read. Everything else is refused when writing and when reading.
"""

from __future__ import annotations

import ast
import keyword
import math
import warnings
from typing import Any

_MAX_DECIMAL_BITS = 14_000  # below CPython's limit of 4,300 digits between int and text
_NAMES: dict[str, float] = {"inf": math.inf, "nan": math.nan}
_NAME_OF_ARGUMENTS = "call"


class LiteralError(ValueError):
    """The text is not one literal, or the value has a type that literals cannot express."""


def encode(value: Any) -> str:
    """The value as text; ``LiteralError`` for a type that is not in the list above. Subclasses are refused too."""
    kind = type(value)
    if kind is int:
        return repr(value) if value.bit_length() <= _MAX_DECIMAL_BITS else hex(value)
    if value is None or kind in (bool, float, str, bytes):
        return repr(value)
    if kind is complex:
        return f"complex({value.real!r}, {value.imag!r})"
    if kind is list:
        return f"[{', '.join(map(encode, value))}]"
    if kind is tuple:
        return f"({', '.join(map(encode, value))}{',' if len(value) == 1 else ''})"
    if kind is dict:
        return "{" + ", ".join(f"{encode(key)}: {encode(item)}" for key, item in value.items()) + "}"
    if kind in (set, frozenset):
        members = ", ".join(sorted(map(encode, value)))  # sorted, so that equal sets have equal text
        text = f"{{{members}}}" if members else "set()"
        return text if kind is set else f"frozenset({text})"
    raise LiteralError(f"a value of type {kind.__name__} cannot be written as a literal")


def decode(text: str) -> Any:
    """The value of a literal; ``LiteralError`` with the reason if the text is not one literal."""
    return _value(_expression(text.strip()))


def encode_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Arguments as they would stand between a call's parentheses: ``[1, 2], target=3``."""
    parts = [encode(value) for value in args]
    unusual = {name: value for name, value in kwargs.items() if not _is_plain_name(name)}
    parts += [f"{name}={encode(value)}" for name, value in kwargs.items() if name not in unusual]
    if unusual:
        parts.append(f"**{encode(unusual)}")
    return ", ".join(parts)


def decode_arguments(text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The inverse of ``encode_arguments``; ``LiteralError`` if the text is not one argument list."""
    call = _expression(f"{_NAME_OF_ARGUMENTS}({text}\n)")
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
        raise LiteralError("is not an argument list")  # as in "1)(2" or "1) + call(2"
    kwargs: dict[str, Any] = {}
    for word in call.keywords:
        named = _value(word.value) if word.arg is None else {word.arg: _value(word.value)}
        if not isinstance(named, dict) or not all(isinstance(name, str) for name in named):
            raise LiteralError("** needs a dict with text keys")
        if repeated := kwargs.keys() & named.keys():
            raise LiteralError(f"keyword {min(repeated)!r} is given twice")
        kwargs |= named
    return tuple(_value(argument) for argument in call.args), kwargs


def _is_plain_name(name: str) -> bool:
    """Whether the name can stand before ``=``. ASCII only, because the parser normalises other letters."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name)


def _expression(text: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise LiteralError(f"is not a Python literal ({_reason(error)})") from None


def _reason(error: BaseException) -> str:
    return error.msg if isinstance(error, SyntaxError) else str(error) or type(error).__name__


def _value(node: ast.expr) -> Any:
    try:
        return _unchecked(node)
    except TypeError as error:  # an unhashable key or member
        raise LiteralError(str(error)) from None
    except RecursionError:
        raise LiteralError("is nested too deep") from None


def _unchecked(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value) if value is not Ellipsis:
            return value
        case ast.Name(id=name) if name in _NAMES:
            return _NAMES[name]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            number = _unchecked(operand)
            if type(number) in (int, float, complex):
                return -number if isinstance(sign, ast.USub) else number
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as sign, right=ast.Constant(value=complex() as imaginary)):
            real = _unchecked(left)
            if type(real) in (int, float):
                return real - imaginary if isinstance(sign, ast.Sub) else real + imaginary
        case ast.List(elts=items):
            return [_unchecked(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_unchecked(item) for item in items)
        case ast.Set(elts=items):
            return {_unchecked(item) for item in items}
        case ast.Dict(keys=keys, values=values):
            return {_unchecked(_present(key)): _unchecked(item) for key, item in zip(keys, values, strict=True)}
        case ast.Call(func=ast.Name(id="set" | "frozenset" as kind), args=arguments, keywords=[]):
            return _set(kind, [_unchecked(argument) for argument in arguments])
        case ast.Call(func=ast.Name(id="complex"), args=[real_part, imaginary_part], keywords=[]):
            parts = _unchecked(real_part), _unchecked(imaginary_part)
            if all(type(part) in (int, float) for part in parts):
                return complex(*parts)
    raise LiteralError(f"holds {ast.unparse(node)[:60]!r}, which is not a literal")


def _present(key: ast.expr | None) -> ast.expr:
    if key is None:
        raise LiteralError("** is not allowed inside a literal")
    return key


def _set(kind: str, arguments: list[Any]) -> set[Any] | frozenset[Any]:
    if len(arguments) > 1 or not all(isinstance(members, list | tuple | set) for members in arguments):
        raise LiteralError(f"{kind}(...) takes one list, tuple or set")
    members = arguments[0] if arguments else ()
    return set(members) if kind == "set" else frozenset(members)
