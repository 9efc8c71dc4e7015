"""Proxies for objects that live in the other process, and the operations that a proxy forwards.

A proxy's class is made from a description: its name, its bases, and which special methods it has. So ``callable``,
``isinstance`` and ``except`` work on proxies as they do on the objects. A class that derives from a builtin type gives
proxies that hold the builtin's value as well.
"""

from __future__ import annotations

import contextlib
import copy
import math
import operator
import threading
import types
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from prlcoder.executor.jailed.shared_objects import CONTAINERS, GLOBAL, EncodedValue, SharedObjects
from prlcoder.executor.jailed.value_types import global_name
from prlcoder.executor.jailed.values import UndecodableError

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


# What one side may ask the other to do with an object there.
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
_ASYNCHRONOUS: Final = frozenset({"__await__", "__anext__", "__aenter__", "__aexit__"})

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


def _forwarding(name: str, operation: str) -> Callable[..., Any]:
    """A special method that forwards ``operation``."""
    if operation == "call":
        return lambda self, *arguments, **keywords: _link(self).call(self, arguments, keywords)
    if name == "__await__":
        return lambda self: _await(self, "await").__await__()
    if name in _ASYNCHRONOUS:
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


class RemoteObjects(SharedObjects):
    """Adds classes and proxies to the table. The other side of ``call`` and ``operate`` is left to a subclass."""

    def __init__(self, sign: int, trusted: bool) -> None:
        super().__init__(sign, trusted)
        self._natives: dict[type, Any] = {}  # stand for classes of the standard library that have proxies

    def call(self, target: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Call an object of the other side."""
        raise NotImplementedError

    def operate(self, operation: str, target: Any, *arguments: Any) -> Any:
        """Do an operation on an object of the other side."""
        raise NotImplementedError

    # --- writing ------------------------------------------------------------------------------------------------------

    def define_foreign(self, value: Any) -> EncodedValue:
        """Encode a class, an exception, a coroutine, or an object for which the other side gets a proxy."""
        kind = type(value)
        if issubclass(kind, type):
            return self._define_class(value)
        if issubclass(kind, BaseException):
            return self._define_exception(value, kind)
        if kind is types.CoroutineType:
            return self.define_proxied(value, "coroutine", None)
        base = builtin_base(kind)
        if base in VALUE_BASES:
            return self.define_proxied(value, "value", (self.encode(kind), self.encode(VALUE_BASES[base](value))))
        if base is not None:
            reference = self.define_proxied(value, "subclass", (self.encode(kind), base.__name__))
            self.share(reference[1], base)
            return reference
        return self.define_proxied(value, "object", self._proxy_kind(kind))

    def _define_exception(self, error: BaseException, kind: type[BaseException]) -> EncodedValue:
        arguments = BaseException.args.__get__(error)  # type: ignore[attr-defined]
        if isinstance(error, BaseExceptionGroup):
            arguments = (error.message, error.exceptions)
        encoded = [self.encode(item) for item in arguments]
        named = global_name(kind, functions=False) is not None
        attributes = tuple(vars(error).items()) if named else ()  # those of the program's own classes are asked for
        cause = error.__cause__
        cause = self.encode(cause) if cause is not None and id(cause) not in self.numbers else None
        return self.define_proxied(error, "exception", (self.encode(kind), encoded, self.encode(attributes), cause))

    def _proxy_kind(self, kind: type) -> EncodedValue:
        """The class of the proxy for an object of ``kind``."""
        if global_name(kind, functions=True) is None:
            return self.encode(kind)
        if id(self._natives.get(kind)) not in self.numbers:
            self._natives[kind] = stand_in = [kind]
            self.define_proxied(stand_in, "class", self._description(kind, [], global_name(kind, functions=False)))
        return self.encode(self._natives[kind])

    def _define_class(self, kind: type) -> EncodedValue:
        bases = [self.encode(base) for base in kind.__bases__ if global_name(base, functions=True) is None]
        errors = [base for base in kind.__bases__ if issubclass(base, BaseException)]
        errors += [base for base in kind.__mro__ if issubclass(base, BaseException) and base.__module__ == "builtins"][
            :1
        ]
        builtin = builtin_base(kind)
        for base in dict.fromkeys(errors if builtin is None else [*errors, builtin]):
            name = global_name(base, functions=False)
            bases += [] if name is None else [(GLOBAL, *name)]
        return self.define_proxied(kind, "class", self._description(kind, bases, None))

    def _description(self, kind: type, bases: list[EncodedValue], stands_for: tuple[str, str] | None) -> EncodedValue:
        abstract = [global_name(base, functions=False) for base in kind.__mro__ if base.__module__ == "collections.abc"]
        names = [str(kind.__name__), str(kind.__qualname__), str(kind.__module__)]
        virtual = [(GLOBAL, *name) for name in abstract if name is not None]
        special = special_methods(kind)
        native = global_name(kind, functions=True) is not None
        stood_for = stands_for and (GLOBAL, *stands_for)
        return (names, bases, special, overridden_attributes(kind), virtual, native, stood_for)

    # --- reading ------------------------------------------------------------------------------------------------------

    def build_foreign(self, number: int, form: str, argument: EncodedValue) -> Any:
        """Build the counterpart of what ``define_foreign`` has defined."""
        if form == "class":
            return self._build_class(*argument)
        if form == "object":
            return object.__new__(self._proxy_class(argument))
        if form == "value":
            kind = self._proxy_class(argument[0])
            return _base_of(kind).__new__(kind, plain_value(self.decode(argument[1])))
        if form == "subclass":
            kind = self._proxy_class(argument[0])
            self.share(number, _base_of(kind))
            return _base_of(kind).__new__(kind)
        if form == "exception":
            return self._build_exception(*argument)
        if form == "coroutine":
            return self._build_coroutine(number)
        return super().build_foreign(number, form, argument)

    def _proxy_class(self, reference: EncodedValue) -> Any:
        kind = self.decode(reference)
        if type(kind) is not RemoteType:
            raise UndecodableError("no class of a proxy")
        return kind

    def _build_class(
        self,
        names: list[str],
        bases: list[EncodedValue],
        special: list[str],
        overridden: list[str],
        virtual: list[EncodedValue],
        native: bool,
        stands: EncodedValue,
    ) -> Any:
        name, qualified, module = names
        methods: dict[str, Any] = {"__slots__": (), "__qualname__": qualified, "__module__": module}
        methods |= {"__prlcoder_link__": self, "__prlcoder_native__": native, "__doc__": RemoteAttribute("__doc__")}
        for method in special:
            absent = method.startswith("!")
            method = method.removeprefix("!")
            methods[method] = None if absent else _forwarding(method, SPECIAL_METHODS[method])
        if "__eq__" in methods and "__hash__" not in methods:
            methods["__hash__"] = None
        methods |= {attribute: RemoteAttribute(attribute) for attribute in overridden if not attribute.startswith("__")}
        if stands is not None:
            stood_for = self.decode(stands)
            methods["__class__"] = property(lambda self: stood_for)
        parents = [self.decode(base) for base in bases]
        if not any(type(parent) is RemoteType for parent in parents):
            parents.insert(0, RemoteObject)
        built = RemoteType(name, tuple(parents), methods)
        for abstract in virtual:
            self.decode(abstract).register(built)
        return built

    def _build_exception(
        self, kind: EncodedValue, arguments: list[EncodedValue], attributes: EncodedValue, cause: EncodedValue
    ) -> BaseException:
        error: BaseException
        built_kind, values = self.decode(kind), [self.decode(argument) for argument in arguments]
        base = next(one for one in built_kind.__mro__ if type(one) is not RemoteType and one is not RemoteObject)
        if not issubclass(base, BaseException):
            raise UndecodableError("no exception")
        error = base.__new__(built_kind, *values)
        with contextlib.suppress(TypeError):  # a class may ask for other arguments than those that its objects keep
            base.__init__(error, *values)
        if not isinstance(error, BaseExceptionGroup):
            BaseException.args.__set__(error, tuple(values))  # type: ignore[attr-defined]
        for name, value in self.decode(attributes):
            object.__setattr__(error, str(name), value)
        if cause is not None:
            decoded = self.decode(cause)
            error.__cause__ = decoded if isinstance(decoded, BaseException) else None
        return error

    def _build_coroutine(self, number: int) -> Coroutine[Any, Any, Any]:
        async def remote() -> Any:
            return self.operate("await", self.objects[number])

        return remote()


def _base_of(kind: type) -> Any:
    base = builtin_base(kind)
    if base is None:
        raise UndecodableError("a class without a builtin base")
    return base
