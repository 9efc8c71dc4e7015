"""Proxies: their classes, and how a class statement derives from one.

Every attribute of a proxy is looked up in the other process, and every special method is forwarded to it.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from prlcoder.executor.jailed.operations import ASYNCHRONOUS


class RemoteType(type):
    """The class of proxies' classes. What such a class lacks is asked for at the class that it stands for."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        """Make a proxy's class. A class statement that derives from one makes its class in the other process."""
        if "__prlcoder_native__" in namespace:
            return super().__new__(cls, name, bases, namespace)
        link = next(base.__prlcoder_link__ for base in bases if type(base) is RemoteType)
        return link.request("derive", (name, bases, derivable(namespace)))

    __prlcoder_link__: Any
    __prlcoder_native__: bool  # whether the class that it stands for is the standard library's

    def __getattr__(cls, name: str) -> Any:
        return cls.__prlcoder_link__.operate("get", cls, name)

    def __setattr__(cls, name: str, value: Any) -> None:
        if name.startswith("_abc_") or name == "__abstractmethods__":
            type.__setattr__(cls, name, value)
        else:
            cls.__prlcoder_link__.operate("set", cls, name, value)

    def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
        return cls.__prlcoder_link__.call(cls, arguments, keywords)

    def __iter__(cls) -> Any:
        return cls.__prlcoder_link__.operate("iter", cls)

    def __len__(cls) -> Any:
        return cls.__prlcoder_link__.operate("len", cls)

    def __getitem__(cls, key: Any) -> Any:
        return cls.__prlcoder_link__.operate("getitem", cls, key)

    def __contains__(cls, item: Any) -> bool:
        return any(member is item or member == item for member in cls)

    def __bool__(cls) -> bool:
        return True


class RemoteObject:
    """The base of all proxies. It has no attributes of its own: every name is looked up in the other process."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        return _link(self).operate("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("__") and isinstance(self, BaseException):
            object.__setattr__(self, name, value)  # __traceback__ and the like belong to the raising process
        else:
            _link(self).operate("set", self, name, value)

    def __delattr__(self, name: str) -> None:
        _link(self).operate("delete", self, name)

    def __dir__(self) -> Any:
        return _link(self).operate("dir", self)

    def __copy__(self) -> Any:
        return _link(self).operate("copy", self)

    def __deepcopy__(self, memo: Any) -> Any:
        return _link(self).operate("deepcopy", self)


def _link(proxy: Any) -> Any:
    return type.__getattribute__(type(proxy), "__prlcoder_link__")


def forwarding(name: str, operation: str) -> Callable[..., Any]:
    """A special method that forwards ``operation``."""
    if operation == "call":
        return lambda self, *arguments, **keywords: _link(self).call(self, arguments, keywords)
    if name == "__await__":
        return lambda self: _await(self, "await").__await__()
    if name in ASYNCHRONOUS:
        return lambda self, *arguments: _await(self, operation, *arguments[1:2])
    if operation == "exit":
        return lambda self, _kind, error, _trace: _link(self).operate(operation, self, error)
    return lambda self, *arguments: _link(self).operate(operation, self, *arguments)


async def _await(proxy: Any, operation: str, *arguments: Any) -> Any:
    return _link(proxy).operate(operation, proxy, *arguments)


class RemoteAttribute:
    """An attribute of a builtin that the program's class overrides: it is looked up in the other process."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        target = owner if instance is None else instance
        return type.__getattribute__(owner, "__prlcoder_link__").operate("get", target, self._name)


def derivable(namespace: dict[str, Any]) -> dict[str, Any]:
    """The functions and values of a class body. Raises ``TypeError`` if it holds anything that cannot cross."""
    parts = {}
    for name, value in namespace.items():
        if isinstance(value, (staticmethod, classmethod, property)) or name == "__classcell__":
            raise TypeError(f"a class derived from one of the program's may not have {name}: only functions and values")
        if isinstance(value, types.FunctionType) or not name.startswith("__"):
            parts[name] = value
    return parts


def derive(name: str, bases: tuple[type, ...], parts: dict[str, Any]) -> type:
    """A class whose functions run in the other process."""
    namespace = {
        key: _bindable(part) if callable(part) and not isinstance(part, type) else part for key, part in parts.items()
    }
    return types.new_class(name, bases, exec_body=lambda body: body.update(namespace))


def _bindable(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments, **keywords: function(*arguments, **keywords)
