"""What the other process must know of a class: its special methods, and the builtin value of its instances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from prlcoder.executor.jailed.operations import SPECIAL_METHODS
from prlcoder.executor.jailed.shared_objects import CONTAINERS

# Builtin types whose subclasses' instances carry a value of that type.
VALUE_BASES: Final[dict[type, Callable[[Any], Any]]] = {
    int: int.__int__,
    float: float.__float__,
    complex: complex.__pos__,
    str: str.__str__,
    bytes: lambda value: bytes(memoryview(value)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
}


def builtin_base(kind: type) -> type | None:
    """The builtin type whose value an instance of ``kind`` holds, or None."""
    return next((base for base in kind.__mro__ if base in VALUE_BASES or base in CONTAINERS), None)


def plain_value(value: Any) -> Any:
    """The builtin value that an instance of a builtin's subclass holds; the value itself for anything else."""
    base = builtin_base(type(value))
    if base is None:
        return value
    return VALUE_BASES[base](value) if base in VALUE_BASES else _copied(value, base)


def _copied(value: Any, base: type) -> Any:
    read, fill = CONTAINERS[base]
    result = base()
    fill(result, read(value))
    return result


def special_methods(kind: type) -> list[str]:
    """The special methods that ``kind`` does not have from ``object`` or from a builtin base whose value it holds."""
    native = {object, *(base for base in kind.__mro__ if base in VALUE_BASES or base in CONTAINERS)}
    native |= {base for base in kind.__mro__ if issubclass(base, BaseException) and base.__module__ == "builtins"}
    found = []
    for name in SPECIAL_METHODS:
        owner = next((base for base in kind.__mro__ if name in base.__dict__), object)
        if owner not in native:
            found.append(f"!{name}" if owner.__dict__[name] is None else name)
    return found


def overridden_attributes(kind: type) -> list[str]:
    """Public attributes of the builtin base that the class or its other bases define anew."""
    base = builtin_base(kind) or next((one for one in kind.__mro__ if one.__module__ == "builtins"), object)
    mine = [one for one in kind.__mro__ if one.__module__ != "builtins"]
    names = {name for one in mine for name in one.__dict__ if not name.startswith("__") and hasattr(base, name)}
    return sorted(names)
