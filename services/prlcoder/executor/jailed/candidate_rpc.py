"""What crosses between a tester and its candidate: values, objects of the preamble's classes, handles for the rest.

A message is ``V`` and one plain value, or ``O`` and a table: the root, then every object that it leads to. Most are
plain values and stay in C on their way out; on their way in, only what the tester says is read by ``marshal`` itself.
What a candidate says goes through the strict decoder, always.
"""

from __future__ import annotations

import builtins
import marshal
import os
import struct
from collections.abc import Callable
from typing import Any, Final

from prlcoder.executor.jailed.values import VERSION, UndecodableError, decode, encode

MAX_MESSAGE: Final = 64 << 20
PLAIN: Final = b"V"
OBJECTS: Final = b"O"

_LENGTH = struct.Struct("<I")
_READ_SIZE: Final = 1 << 14

_TYPES_BY_NAME: Final = {name: value for name, value in vars(builtins).items() if type(value) is type}
_BUILTIN_TYPES: Final = {value: name for name, value in _TYPES_BY_NAME.items()}

SendRequest = Callable[..., Any]


class Handle:
    """Names an object that lives in the candidate's process; its attributes are read and set there.

    Equal to itself only, whatever the candidate's class says.
    """

    def __init__(self, number: int, ask: SendRequest) -> None:
        object.__setattr__(self, "number", number)
        object.__setattr__(self, "ask", ask)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.ask("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.ask("set", self, name, value)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self.ask("call", self, arguments, keywords)


class Exchange:
    """Turns values into messages and back on one side of the channel."""

    def __init__(self, classes: dict[str, type], ask: SendRequest | None) -> None:
        self.classes = classes
        self._ask = ask  # how handles reach the candidate; None on the candidate's side
        self._kept: list[Any] = []  # the candidate's objects behind handles

    def pack(self, value: Any) -> bytes:
        """A message of ``value``; objects in it keep their identity, so shared and circular structures survive."""
        try:
            return PLAIN + marshal.dumps(value, VERSION)
        except ValueError:  # something that is no builtin, or nested too deep
            return OBJECTS + self._pack_objects(value)

    def _pack_objects(self, value: Any) -> bytes:
        objects: list[Any] = []
        numbers: dict[int, int] = {}

        def replace(item: Any) -> tuple[Any, ...] | None:
            if type(item) is Handle:
                return (Ellipsis, "handle", item.number)
            if type(item) is type and item in _BUILTIN_TYPES:
                return (Ellipsis, "builtin", _BUILTIN_TYPES[item])
            if type(item).__name__ in self.classes and hasattr(item, "__dict__"):
                if id(item) not in numbers:
                    numbers[id(item)] = len(objects)
                    objects.append(item)
                return (Ellipsis, "object", numbers[id(item)])
            if self._ask is not None:
                return None
            self._kept.append(item)
            return (Ellipsis, "handle", len(self._kept) - 1)

        root = encode(value, replace)
        table = []
        position = 0
        while position < len(objects):  # encoding an object may append further ones
            item = objects[position]
            table.append(encode((type(item).__name__, dict(vars(item))), replace))
            position += 1
        return marshal.dumps([root, *table], VERSION)

    def unpack(self, data: bytes) -> Any:
        """The value of a message; an exception of any kind if it is not one."""
        kind, data = data[:1], data[1:]
        if kind == PLAIN:
            return marshal.loads(data) if self._ask is None else decode(data)
        if kind != OBJECTS:
            raise UndecodableError("not a message")
        return self._unpack_objects(data)

    def _unpack_objects(self, data: bytes) -> Any:
        parts = decode(data)
        if type(parts) is not list or not parts or not all(type(part) is bytes for part in parts):
            raise UndecodableError("not a message")
        objects: list[Any] = []

        def resolve(name: str, arguments: tuple[Any, ...]) -> Any:
            (which,) = arguments
            if name == "builtin":
                return _TYPES_BY_NAME[which]
            if name == "object":
                return objects[which]
            return self._kept[which] if self._ask is None else Handle(int(which), self._ask)

        for part in parts[1:]:  # first every object empty, then their attributes: references may point anywhere
            name = decode(part, lambda *_: None)[0]
            if name not in self.classes:
                raise UndecodableError(f"an object of unknown class {name}")
            objects.append(object.__new__(self.classes[name]))
        states = [decode(part, resolve)[1] for part in parts[1:]]
        for item, attributes in zip(objects, states, strict=True):
            for attribute, value in attributes.items():
                object.__setattr__(item, attribute, value)
        return decode(parts[0], resolve)


class Channel:
    """One side of the connection: messages with their lengths, on a blocking descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._ahead = b""  # read, but not asked for yet
        self._read, self._write = os.read, os.write  # for the candidate may have patched ``os`` by then

    def send(self, data: bytes) -> None:
        """One message. ``OSError`` if the other side has gone."""
        framed = _LENGTH.pack(len(data)) + data
        sent = self._write(self._descriptor, framed)
        while sent < len(framed):
            sent += self._write(self._descriptor, framed[sent : sent + MAX_MESSAGE])

    def receive(self) -> bytes | None:
        """One message; None at the end of the channel or for one that is too long."""
        try:
            data = self._ahead or self._read(self._descriptor, _READ_SIZE)
            while len(data) < _LENGTH.size:
                data += self._more(1)
            end = _LENGTH.size + _LENGTH.unpack_from(data)[0]
            if end > MAX_MESSAGE:
                return None
            if len(data) < end:
                data = self._rest(data, end)
        except (OSError, EOFError):
            return None
        self._ahead = data[end:]
        return data[_LENGTH.size : end]

    def _rest(self, start: bytes, end: int) -> bytes:
        data = bytearray(start)
        while len(data) < end:
            data += self._more(end - len(data))
        return bytes(data)

    def _more(self, count: int) -> bytes:
        data = self._read(self._descriptor, min(count, 1 << 20))
        if not data:
            raise EOFError
        return data
