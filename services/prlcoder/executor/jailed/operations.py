"""What one process may ask the other to do with an object there."""

from __future__ import annotations

import contextlib
import copy
import math
import operator
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

_BINARY: Final = (
    *("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "divmod", "pow"),
    *("lshift", "rshift", "and", "or", "xor"),
)
_COMPARISONS: Final = ["eq", "ne", "lt", "le", "gt", "ge"]
_UNARY: Final[dict[str, Callable[[Any], Any]]] = {
    "neg": operator.neg,
    "pos": operator.pos,
    "invert": operator.invert,
    "abs": abs,
    "int": int,
    "float": float,
    "complex": complex,
    "index": operator.index,
    "trunc": math.trunc,
    "floor": math.floor,
    "ceil": math.ceil,
}


def _binary(name: str) -> Callable[[Any, Any], Any]:
    return divmod if name == "divmod" else getattr(operator, f"{name}_" if name in ("and", "or") else name)


def _reflected(name: str) -> Callable[[Any, Any], Any]:
    function = _binary(name)
    return lambda target, other: function(other, target)


def _method(name: str) -> Callable[..., Any]:
    return lambda target, *arguments: getattr(type(target), name)(target, *arguments)


def _leave(name: str, target: Any, error: BaseException | None) -> Any:
    return getattr(type(target), name)(target, error and type(error), error, None)


def run_awaitable(awaitable: Any) -> Any:
    """Run an awaitable to its end, in a thread of its own if this thread already runs an event loop."""

    import asyncio  # here, because few programs need it and it is large

    async def result() -> Any:
        return await awaitable

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        global _loop
        _loop = _loop or asyncio.new_event_loop()
        return _loop.run_until_complete(result())
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append((asyncio.run(result()), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    value, error = outcome[0]
    if error is not None:
        raise error
    return value


_loop: Any = None


def state(target: Any) -> tuple[tuple[str, Any], ...]:
    """An object's attributes, read past whatever its class overrides."""
    found: dict[str, Any] = {}
    for owner in type(target).__mro__:
        slots = owner.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            try:
                found[name] = object.__getattribute__(target, name)
            except AttributeError:
                continue
    found.pop("__dict__", None)
    found.pop("__weakref__", None)
    with contextlib.suppress(AttributeError):
        found |= object.__getattribute__(target, "__dict__")
    return tuple(found.items())


# By name. The object comes first.
OPERATIONS: Final[Mapping[str, Callable[..., Any]]] = {
    **{name: _binary(name) for name in _BINARY},
    **{f"r{name}": _reflected(name) for name in _BINARY},
    **{f"i{name}": getattr(operator, f"i{name}") for name in _BINARY if name != "divmod"},
    **{name: getattr(operator, name) for name in _COMPARISONS},
    **_UNARY,
    "get": getattr,
    "set": setattr,
    "delete": delattr,
    "state": state,
    "dir": dir,
    "len": len,
    "iter": iter,
    "next": next,
    "reversed": reversed,
    "contains": operator.contains,
    "getitem": operator.getitem,
    "setitem": operator.setitem,
    "delitem": operator.delitem,
    "str": str,
    "repr": repr,
    "format": format,
    "bytes": bytes,
    "hash": hash,
    "bool": bool,
    "round": round,
    "enter": _method("__enter__"),
    "exit": lambda target, error=None: _leave("__exit__", target, error),
    "await": run_awaitable,
    "aiter": aiter,
    "anext": lambda target: run_awaitable(anext(target)),
    "aenter": lambda target: run_awaitable(_method("__aenter__")(target)),
    "aexit": lambda target, error=None: run_awaitable(_leave("__aexit__", target, error)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}
ARITHMETIC: Final = frozenset(
    {*_BINARY, *(f"r{name}" for name in _BINARY), *(f"i{name}" for name in _BINARY), *_UNARY, "round"}
)
COMPARISONS: Final = frozenset(_COMPARISONS)

_NAMED_OTHERWISE: Final = {"missing": "getitem"}
# The special methods that a proxy may have, and the operation that each one forwards.
SPECIAL_METHODS: Final[dict[str, str]] = {
    f"__{name}__": _NAMED_OTHERWISE.get(name, name)
    for name in (*OPERATIONS, "call", "missing")
    if name not in ("get", "set", "delete", "state", "dir", "copy", "deepcopy")
}
ASYNCHRONOUS: Final = frozenset({"__await__", "__anext__", "__aenter__", "__aexit__"})
