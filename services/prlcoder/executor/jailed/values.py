"""Encodes values as bytes in the format of ``marshal`` version 2, which has no references and one encoding per value.

``marshal`` itself writes the bytes. They are read by a strict decoder in Python, because ``marshal`` may crash on
hostile bytes; the decoder builds exact builtins only. Other values travel as a tuple that starts with ``Ellipsis``:
``(..., "fraction", n, d)``, ``(..., "decimal", text)``, and ``(..., "opaque", class name, truth)`` for an object that
has no value outside its process.
"""

from __future__ import annotations

import marshal
import struct
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final

VERSION: Final = 2
MAX_DEPTH: Final = 200

_INT32 = struct.Struct("<i")
_DOUBLE = struct.Struct("<d")
_CONSTANTS: Final[dict[int, Any]] = {ord("N"): None, ord("T"): True, ord("F"): False, ord("."): Ellipsis}


class UndecodableError(ValueError):
    """Raised for bytes that ``encode`` never writes."""


@dataclass(frozen=True, eq=False)
class Opaque:
    """Stands for a value that cannot leave its process. It is equal only to itself."""

    kind: str
    truth: bool

    def __bool__(self) -> bool:
        return self.truth


def encode(value: Any, exact: bool = False) -> bytes:
    """The bytes of ``value``. With ``exact``, an instance of a program's own subclass of a builtin is no value."""
    try:
        return marshal.dumps(value, VERSION)
    except ValueError:
        pass
    try:
        return marshal.dumps(_plain(value, exact, 0), VERSION)
    except (ValueError, RecursionError):
        return marshal.dumps((Ellipsis, "opaque", type(value).__name__, True), VERSION)


def _plain(value: Any, exact: bool, depth: int) -> Any:
    """``value`` with instances of builtins' subclasses as plain builtins, and everything else in envelopes.

    It looks at ``type(value)``, never at ``__class__``, and uses the builtin's own methods, so that an honest object
    that overrides ``__iter__`` or ``__int__`` is still encoded by its value.
    """
    kind = type(value)
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    if kind in _ATOMS:
        return value
    if exact and kind not in _EXACT:
        return _envelope(value, kind)
    if issubclass(kind, list):
        return [_plain(item, exact, depth + 1) for item in list.__iter__(value)]
    if issubclass(kind, tuple):
        return tuple([_plain(item, exact, depth + 1) for item in tuple.__iter__(value)])
    if issubclass(kind, dict):
        return {_plain(key, exact, depth + 1): _plain(item, exact, depth + 1) for key, item in dict.items(value)}
    if issubclass(kind, set):
        return {_plain(item, exact, depth + 1) for item in set.__iter__(value)}
    if issubclass(kind, frozenset):
        return frozenset(_plain(item, exact, depth + 1) for item in frozenset.__iter__(value))
    if issubclass(kind, int):
        return int.__int__(value)
    if issubclass(kind, float):
        return float.__float__(value)
    if issubclass(kind, str):
        return str.__str__(value)
    if issubclass(kind, (bytes, bytearray)):
        return bytes(memoryview(value))
    return _envelope(value, kind)


_ATOMS: Final = frozenset({int, str, float, bool, bytes, complex, type(None), type(...)})
_EXACT: Final = frozenset({list, tuple, dict, set, frozenset, bytearray, OrderedDict})


def _envelope(value: Any, kind: type) -> tuple[Any, ...]:
    if kind is Fraction:
        return (Ellipsis, "fraction", int(value.numerator), int(value.denominator))
    if kind is Decimal:
        return (Ellipsis, "decimal", str(value))
    try:
        truth = bool(value)
    except Exception:  # a class of the program may have any __bool__
        truth = False
    return (Ellipsis, "opaque", kind.__name__, truth)


def decode(data: bytes) -> Any:
    """The value that ``data`` encodes, built from exact builtins. Raises ``UndecodableError`` for any other bytes."""
    try:
        value, end = _read(data, 0, 0)
    except (struct.error, IndexError, TypeError, UnicodeDecodeError, OverflowError) as error:
        raise UndecodableError(str(error)) from None
    if end != len(data):
        raise UndecodableError("bytes after the value")
    return value


def _read(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    code = data[at]
    at += 1
    if code == 0x69:  # i
        return _INT32.unpack_from(data, at)[0], at + 4
    if code in _CONSTANTS:
        return _CONSTANTS[code], at
    if code == 0x67:  # g
        return _DOUBLE.unpack_from(data, at)[0], at + 8
    if code == 0x79:  # y
        return complex(*struct.unpack_from("<dd", data, at)), at + 16
    if code == 0x7B:  # {
        return _read_dict(data, at, depth)
    size = _INT32.unpack_from(data, at)[0]
    at += 4
    if code == 0x6C:  # l
        return _read_long(data, at, size)
    if size < 0 or size > len(data) - at:
        raise UndecodableError("a length beyond the end of the data")
    if code == 0x75:  # u
        return data[at : at + size].decode("utf-8", "surrogatepass"), at + size
    if code == 0x73:  # s
        return data[at : at + size], at + size
    build = _SEQUENCES.get(code)
    if build is None:
        raise UndecodableError(f"type code {code:#x}")
    if depth >= MAX_DEPTH:
        raise UndecodableError("nested too deep")
    items = []
    for _ in range(size):
        item, at = _read(data, at, depth + 1)
        items.append(item)
    if code == 0x28 and size >= 2 and items[0] is Ellipsis:
        return _open_envelope(items), at
    return build(items), at


_SEQUENCES: Final[dict[int, Callable[[list[Any]], Any]]] = {
    ord("("): tuple,
    ord("["): lambda items: items,
    ord("<"): set,
    ord(">"): frozenset,
}


def _read_dict(data: bytes, at: int, depth: int) -> tuple[dict[Any, Any], int]:
    if depth >= MAX_DEPTH:
        raise UndecodableError("nested too deep")
    result = {}
    while data[at] != 0x30:  # 0 ends a dict
        key, at = _read(data, at, depth + 1)
        result[key], at = _read(data, at, depth + 1)
    return result, at + 1


def _read_long(data: bytes, at: int, size: int) -> tuple[int, int]:
    """A big integer of ``|size|`` digits of 15 bits each, least significant first.

    The binary literal keeps this linear in the number of digits; adding shifted digits would be quadratic.
    """
    digits = struct.unpack_from(f"<{abs(size)}H", data, at)
    if not digits or max(digits) >= 1 << 15:
        raise UndecodableError("not an integer")
    magnitude = int("".join(format(digit, "015b") for digit in reversed(digits)), 2)
    return (magnitude if size > 0 else -magnitude), at + 2 * len(digits)


def _open_envelope(items: list[Any]) -> Any:
    match items[1:]:
        case ["fraction", int() as numerator, int() as denominator] if denominator != 0:
            return Fraction(numerator, denominator)
        case ["decimal", str() as text] if len(text) < 10_000:
            try:
                return Decimal(text)
            except InvalidOperation:
                raise UndecodableError("not a decimal") from None
        case ["opaque", str() as name, bool() as truth]:
            return Opaque(name, truth)
    raise UndecodableError("an unknown envelope")
