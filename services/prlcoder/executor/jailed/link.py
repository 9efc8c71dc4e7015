"""The connection between a tester and its candidate: framed messages, and requests that may nest.

Only one side runs at a time. It asks the other to call an object or to do an operation on it. While it waits for the
reply, it serves the other's requests: a callback that a test has passed is called in the test's process.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable
from typing import Any, Final

from prlcoder.executor.jailed.candidate import class_name
from prlcoder.executor.jailed.operations import OPERATIONS
from prlcoder.executor.jailed.remote_objects import RemoteObjects

MAX_MESSAGE: Final = 64 << 20
Ask = Callable[[str, tuple[Any, ...]], Any]  # ``Link.request`` with an operation and its values
REQUEST, RESULT, ERROR = range(3)  # kinds of messages
READY: Final = b"ready"  # the candidate's first message, sent when its program is loaded

_LENGTH = struct.Struct("<I")
_READ_SIZE: Final = 1 << 14


class DisconnectedError(BaseException):
    """The other side has ended or has sent something that is no message. No program and no test may catch this."""


class Channel:
    """One side of the connection: messages with their lengths, on a blocking descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._ahead = b""  # bytes that were read beyond the last message
        self._read, self._write = os.read, os.write  # kept here, because the program may patch ``os``

    def send(self, data: bytes) -> None:
        """Send one message. Raises ``OSError`` if the other side has ended."""
        framed = _LENGTH.pack(len(data)) + data
        sent = self._write(self._descriptor, framed)
        while sent < len(framed):
            sent += self._write(self._descriptor, framed[sent : sent + MAX_MESSAGE])

    def receive(self) -> bytes | None:
        """Receive one message. None at the end of the channel and for a message that is too long."""
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


class Link(RemoteObjects):
    """One side's objects and its end of the connection."""

    def __init__(self, channel: Channel, sign: int, trusted: bool) -> None:
        super().__init__(sign, trusted)
        self.channel = channel
        self.closed = False  # whether the other side has ended
        self._lock = threading.RLock()  # a candidate's threads may call a test's callback

    # --- differences between the sides --------------------------------------------------------------------------------

    def note(self) -> tuple[Any, ...]:
        """Atoms that go with a message, if there is anything to note."""
        return ()

    def take_note(self, note: tuple[Any, ...]) -> None:
        """Take what came with a message; it is empty if there was nothing to note."""

    def undecodable(self) -> Any:
        """What a reply that cannot be decoded counts as."""
        raise self.disconnected()

    def disconnected(self) -> DisconnectedError:
        """The error to raise where the other side has ended. It is remembered, because a test may catch everything."""
        self.closed = True
        return DisconnectedError()

    def note_error(self, error: BaseException, name: str) -> None:
        """Take note that the other side has raised ``error``, whose class is called ``name``."""

    def perform(self, operation: str, target: Any, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        """Do what the other side asks for."""
        if operation == "call":
            return target(*arguments, **keywords)
        return OPERATIONS[operation](target, *arguments)

    # --- asking -------------------------------------------------------------------------------------------------------

    def call(self, target: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Call an object of the other side."""
        return self.request("call", (target, *arguments, *keywords.values()), tuple(keywords))

    def operate(self, operation: str, target: Any, *arguments: Any) -> Any:
        """Do an operation on an object of the other side."""
        return self.request(operation, (target, *arguments))

    def request(self, operation: str, values: tuple[Any, ...], keywords: tuple[str, ...] = ()) -> Any:
        """Send a request and return, or raise, what the other side answers. ``DisconnectedError`` if it has ended."""
        with self._lock:
            self._send((REQUEST, operation, list(keywords), *self.note()), values, sweep=True)
            while True:
                data = self.channel.receive()
                if data is None:
                    raise self.disconnected()
                try:
                    head, received = self.unpack(data)
                    kind = head[0]
                except RecursionError:  # this side has no room to read it, which says nothing about the message
                    raise
                except Exception:  # bytes that a candidate has made up may raise anything while they are decoded
                    return self.undecodable()
                if kind == REQUEST:
                    self.serve(head, received)
                    continue
                return self._answer(head, received)

    def _answer(self, head: tuple[Any, ...], received: list[Any]) -> Any:
        (value,) = received
        if head[0] != ERROR:
            self.take_note(head[1:])
            return value
        self.take_note(head[2:])
        if isinstance(value, BaseException):
            self.note_error(value, str(head[1]))
            raise value
        return value

    def _send(self, head: tuple[Any, ...], values: tuple[Any, ...], sweep: bool = False) -> None:
        data = self.pack(head, values, sweep)
        try:
            self.channel.send(data)
        except OSError:
            raise self.disconnected() from None

    # --- serving ------------------------------------------------------------------------------------------------------

    def serve(self, head: tuple[Any, ...], received: list[Any]) -> None:
        """Do what a request asks for and send the reply."""
        try:
            operation, keywords = head[1], head[2]
            self.take_note(head[3:])
            target, *values = received
            named: dict[str, Any] = {}
            if keywords:
                split = len(values) - len(keywords)
                values, named = values[:split], dict(zip(keywords, values[split:], strict=True))
            result = self.perform(operation, target, values, named)
        except DisconnectedError:
            raise
        except BaseException as error:
            self._reply((ERROR, class_name(error).decode("utf-8", "replace")), error)
        else:
            self._reply((RESULT,), result)

    def _reply(self, head: tuple[Any, ...], value: Any) -> None:
        try:
            self._send((*head, *self.note()), (value,))
        except DisconnectedError:
            raise
        except BaseException as error:  # a value without any encoding: nested too deep, or hostile
            failure = RuntimeError(f"{type(error).__name__} while encoding a result")
            name = head[1] if head[0] == ERROR else "RuntimeError"
            self._send((ERROR, name, *self.note()), (failure,))
