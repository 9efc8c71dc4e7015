"""Immutable types of the standard library that travel by value, and names that mean the same on both sides."""

from __future__ import annotations

import builtins
import dataclasses
import datetime
import importlib
import math
import operator
import re
import sys
import types
from array import array
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from prlcoder.executor.jailed.values import UndecodableError

Arguments = tuple[Any, ...]

_DATE, _CLOCK = ("year", "month", "day"), ("hour", "minute", "second", "microsecond", "tzinfo")


def _fields(*names: str) -> Callable[[Any], Arguments]:
    return lambda value: tuple([getattr(value, name) for name in names])


# By exact type: the arguments from which FROM_ARGUMENTS makes an equal value, or None if this value has another form.
TO_ARGUMENTS: Final[Mapping[type, Callable[[Any], Arguments | None]]] = {
    float: lambda value: None if value is math.nan else (),  # a NaN, which is equal to nothing but is itself
    Fraction: _fields("numerator", "denominator"),
    Decimal: lambda value: (str(value),),
    range: _fields("start", "stop", "step"),
    slice: _fields("start", "stop", "step"),
    datetime.date: _fields(*_DATE),
    datetime.time: _fields(*_CLOCK, "fold"),
    datetime.datetime: _fields(*_DATE, *_CLOCK, "fold"),
    datetime.timedelta: _fields("days", "seconds", "microseconds"),
    datetime.timezone: lambda value: value.__getinitargs__(),
    re.Pattern: _fields("pattern", "flags"),
    array: lambda value: (value.typecode, value.tobytes()),
    memoryview: lambda value: (value.tobytes(),) if value.format == "B" else None,
    types.MappingProxyType: lambda value: (dict(value),),
    type({}.keys()): lambda value: (tuple(value),),
    type({}.values()): lambda value: (tuple(value),),
    type({}.items()): lambda value: (tuple(value),),
}

# The same for types of modules that are imported only by programs that use them.
_IMPORTED_TO_ARGUMENTS: Final[Mapping[tuple[str, str], Callable[[Any], Arguments]]] = {
    ("zoneinfo", "ZoneInfo"): _fields("key"),
    ("uuid", "UUID"): _fields("int"),
    ("pathlib", "PurePosixPath"): lambda value: (str(value),),
    ("pathlib", "PosixPath"): lambda value: (str(value),),
    **{("ipaddress", f"IPv{v}{kind}"): lambda value: (str(value),) for v in (4, 6) for kind in ("Address", "Network")},
}


def to_arguments(value: Any) -> tuple[str, Arguments] | None:
    """The name of the value's type and the arguments that make an equal value, or None if it has another form."""
    kind = type(value)
    if kind.__module__ == "numpy":
        return _numpy_arguments(value)
    read = TO_ARGUMENTS.get(kind) or _IMPORTED_TO_ARGUMENTS.get((kind.__module__, kind.__qualname__))
    arguments = None if read is None else read(value)
    return None if arguments is None else (kind.__name__, arguments)


def _numpy_arguments(value: Any) -> tuple[str, Arguments] | None:
    """Arrays and scalars of numpy with plain items: type, shape and bytes. Arrays are copied, not shared."""
    numpy = importlib.import_module("numpy")
    if type(value) is not numpy.ndarray and not isinstance(value, numpy.generic):
        return None
    text = value.dtype.str
    name = "numpy array" if type(value) is numpy.ndarray else "numpy scalar"
    return (name, (text, value.shape, value.tobytes())) if _PLAIN_DTYPE.fullmatch(text) else None


def _numpy_array(text: str, shape: tuple[int, ...], data: bytes) -> Any:
    if not _PLAIN_DTYPE.fullmatch(text):
        raise UndecodableError("an array of objects")
    numpy = importlib.import_module("numpy")
    return numpy.frombuffer(data, dtype=text).reshape(shape).copy()


_PLAIN_DTYPE: Final = re.compile(r"[<>|=][biufcSUmM]\d{1,9}(\[\w{1,9}\])?")


def _imported(module: str, name: str) -> Callable[..., Any]:
    return lambda *arguments: getattr(importlib.import_module(module), name)(*arguments)


def _time(*arguments: Any) -> datetime.time:
    return datetime.time(*arguments[:-1], fold=arguments[-1])


def _datetime(*arguments: Any) -> datetime.datetime:
    return datetime.datetime(*arguments[:-1], fold=arguments[-1])


FROM_ARGUMENTS: Final[Mapping[str, Callable[..., Any]]] = {
    **{kind.__name__: kind for kind in TO_ARGUMENTS},
    "float": lambda: float("nan"),
    "Decimal": lambda text: Decimal(text) if len(text) < 10_000 else None,
    **{name: _imported(module, name) for module, name in _IMPORTED_TO_ARGUMENTS},
    "numpy array": _numpy_array,
    "numpy scalar": lambda text, shape, data: _numpy_array(text, shape, data)[()],
    "UUID": lambda number: importlib.import_module("uuid").UUID(int=number),
    "Pattern": re.compile,
    "mappingproxy": types.MappingProxyType,
    "time": _time,
    "datetime": _datetime,
    "dict_keys": lambda items: dict.fromkeys(items).keys(),
    "dict_values": lambda items: dict(enumerate(items)).values(),
    "dict_items": lambda items: dict(items).items(),
}

# The standard library's modules whose classes the tester takes from its own interpreter when the candidate names them.
# Naming one only says of which type a result is. Other functions than pure ones are not taken: they run in the
# candidate's process.
_CLASS_MODULES: Final = frozenset(
    {
        *("builtins", "array", "ast", "collections", "collections.abc", "dataclasses", "datetime", "decimal", "enum"),
        *("fractions", "functools", "inspect", "itertools", "numbers", "pathlib", "random", "re", "statistics"),
        *("string", "types", "typing", "uuid", "zoneinfo", "abc", "_io", "io", "threading", "queue", "ipaddress"),
    }
)
_PURE_BUILTINS: Final = frozenset(
    {
        *("abs", "all", "any", "ascii", "bin", "chr", "divmod", "format", "hash", "hex", "len", "max", "min", "oct"),
        *("ord", "pow", "repr", "round", "sorted", "sum", "callable", "isinstance", "issubclass"),
    }
)
# Objects of which there is one in each process.
_SINGLETONS: Final = {
    ("math", "nan"): math.nan,
    ("builtins", "NotImplemented"): NotImplemented,
    ("dataclasses", "MISSING"): dataclasses.MISSING,
    ("dataclasses", "_FIELD"): dataclasses._FIELD,  # type: ignore[attr-defined]
}
_SINGLETON_NAMES: Final = {id(value): name for name, value in _SINGLETONS.items()}
# Functions that only compute: they do the same in either process.
_PURE_FUNCTIONS: Final = {
    id(function): (module.__name__.removeprefix("_"), name)
    for module in (builtins, math, operator)
    for name, function in vars(module).items()
    if type(function) is types.BuiltinFunctionType and (module is not builtins or name in _PURE_BUILTINS)
}
# Modules of the standard library that do something when they are imported.
_NOISY_MODULES: Final = frozenset({"this", "antigravity", "turtle", "turtledemo", "idlelib", "tkinter", "lib2to3"})
_MODULE_ALIASES: Final = {"_collections_abc": "collections.abc", "pathlib._local": "pathlib"}
_UNNAMED_TYPES: Final = {
    value.__name__: value for name, value in vars(types).items() if isinstance(value, type) and name.endswith("Type")
}


def global_name(value: Any, functions: bool) -> tuple[str, str] | None:
    """Module and name of a class of the standard library, or None. With ``functions`` also of a function or module."""
    name = _SINGLETON_NAMES.get(id(value)) or _PURE_FUNCTIONS.get(id(value))
    if name is not None:
        return name
    if functions and type(value) is types.ModuleType and value.__name__ in sys.stdlib_module_names:
        return value.__name__, ""
    kinds = (type, types.BuiltinFunctionType, types.FunctionType) if functions else (type,)
    if not issubclass(type(value), kinds):
        return None
    module = getattr(value, "__module__", None)
    qualified = getattr(value, "__qualname__", None)
    if type(module) is not str or type(qualified) is not str or module.partition(".")[0] not in sys.stdlib_module_names:
        return None
    module = _MODULE_ALIASES.get(module, module)
    if module == "builtins" and _UNNAMED_TYPES.get(qualified) is value:
        return "types", qualified
    if not functions and module not in _CLASS_MODULES and not _is_exception(value):
        return None
    return (module, qualified) if _look_up(module, qualified) is value else None


def _is_exception(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


def _look_up(module: str, name: str) -> Any:
    value = vars(builtins) if module == "builtins" else vars(sys.modules.get(module, builtins))
    first, *rest = name.split(".")
    found = value.get(first)
    for part in rest:
        found = getattr(found, part, None)
    return found


def resolve_global(module: str, name: str, functions: bool) -> Any:
    """What ``global_name`` names. Without ``functions`` only a class of a known module; ``UndecodableError`` else."""
    if (module, name) in _SINGLETONS:
        return _SINGLETONS[module, name]
    if functions:
        __import__(module)
        return _look_up(module, name) if name else sys.modules[module]
    root = module.partition(".")[0]
    if root in sys.stdlib_module_names and root not in _NOISY_MODULES:
        importlib.import_module(module)  # an exception's class may be of any module
    found = _UNNAMED_TYPES.get(name) if module == "types" else None
    found = found or (_look_up(module, name) if module in sys.modules else None)
    if id(found) in _PURE_FUNCTIONS:
        return found
    if isinstance(found, type) and (module in _CLASS_MODULES or issubclass(found, BaseException)):
        return found
    raise UndecodableError(f"no class {module}.{name} that a candidate may name")
