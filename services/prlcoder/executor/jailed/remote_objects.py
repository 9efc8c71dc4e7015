"""Messages about objects that stay in the other process, and the proxies that are built from them.

A proxy's class is made from a description: its name, its bases, and which special methods it has. So ``callable``,
``isinstance`` and ``except`` work on proxies as they do on the objects. A class that derives from a builtin type gives
proxies that hold the builtin's value as well.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Coroutine
from typing import Any

from prlcoder.executor.jailed.class_contents import (
    VALUE_BASES,
    builtin_base,
    overridden_attributes,
    plain_value,
    special_methods,
)
from prlcoder.executor.jailed.operations import SPECIAL_METHODS
from prlcoder.executor.jailed.proxies import RemoteAttribute, RemoteObject, RemoteType, forwarding
from prlcoder.executor.jailed.shared_objects import GLOBAL, EncodedValue, SharedObjects
from prlcoder.executor.jailed.value_types import global_name
from prlcoder.executor.jailed.values import UndecodableError


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
            methods[method] = None if absent else forwarding(method, SPECIAL_METHODS[method])
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
