"""LiveCodeBench's private tests: JSON, or base64 of zlib of a pickle of JSON text.

A pickle is a program, and this one comes from the network. It is read only if every one of its instructions builds
text or a plain container; nothing is imported, nothing is called, and what it unpacks to is bounded.
"""

from __future__ import annotations

import base64
import binascii
import io
import pickle
import pickletools
import zlib
from typing import Any, Final, NoReturn

MAX_BYTES: Final = 1 << 30  # the largest problem of the full benchmark unpacks to some hundred MiB
_MAX_MEMO: Final = 1 << 20
_ALLOWED: Final = frozenset(
    {
        "PROTO",
        "FRAME",
        "STOP",
        "MARK",
        "MEMOIZE",
        "PUT",
        "BINPUT",
        "LONG_BINPUT",
        "GET",
        "BINGET",
        "LONG_BINGET",
        "UNICODE",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE8",
        "NONE",
        "EMPTY_LIST",
        "LIST",
        "APPEND",
        "APPENDS",
        "EMPTY_TUPLE",
        "TUPLE",
        "TUPLE1",
        "TUPLE2",
        "TUPLE3",
        "EMPTY_DICT",
        "DICT",
        "SETITEM",
        "SETITEMS",
    }
)
_MEMO: Final = frozenset(("PUT", "BINPUT", "LONG_BINPUT"))


class PackedError(ValueError):
    """The text is not what LiveCodeBench packs."""


def unpack(text: str, max_bytes: int = MAX_BYTES) -> Any:
    """The value inside base64(zlib(pickle(...))): text, or lists, tuples and dicts of it. ``PackedError``."""
    try:
        packed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):  # ValueError: not even ASCII
        raise PackedError("neither JSON nor base64") from None
    return load_plain(_inflated(packed, max_bytes))


def load_plain(data: bytes) -> Any:
    """The value of a pickle that holds text and plain containers only; ``PackedError`` for any other."""
    try:
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name not in _ALLOWED:
                raise PackedError(f"the pickle holds more than text and containers ({opcode.name})")
            if opcode.name in _MEMO and int(argument or 0) > _MAX_MEMO:
                raise PackedError("the pickle numbers an object beyond reason")
        return _Plain(io.BytesIO(data)).load()
    except PackedError:
        raise
    except Exception as error:  # what a broken pickle raises is anyone's guess, here and in the standard library
        raise PackedError(f"not a pickle ({type(error).__name__})") from None


class _Plain(pickle.Unpickler):
    """Imports nothing: a second lock behind the check of the instructions."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise PackedError(f"the pickle asks for {module}.{name}")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise PackedError("the pickle asks for an object outside of it")


def _inflated(packed: bytes, max_bytes: int) -> bytes:
    decompressor = zlib.decompressobj()
    try:
        data = decompressor.decompress(packed, max_bytes)
    except zlib.error as error:
        raise PackedError(f"not zlib ({error})") from None
    if decompressor.unconsumed_tail:
        raise PackedError(f"unpacks to more than {max_bytes:,} bytes")
    if not decompressor.eof:
        raise PackedError("zlib data that ends too early")
    return data
