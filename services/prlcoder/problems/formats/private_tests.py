"""LiveCodeBench's private tests: JSON, or base64 of zlib of a pickle of JSON text.

A pickle is a program, and this one comes from the network. It is read only if all of its instructions build text or
plain containers. Nothing is imported, nothing is called, and the unpacked size is bounded.
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
_MAX_MEMO_INDEX: Final = 1 << 20
_ALLOWED_OPCODES: Final = frozenset(
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
_MEMO_OPCODES: Final = frozenset(("PUT", "BINPUT", "LONG_BINPUT"))


class PackedError(ValueError):
    """The text is not in LiveCodeBench's packed form."""


def unpack(text: str, max_bytes: int = MAX_BYTES) -> Any:
    """The value inside base64(zlib(pickle(...))): text, or lists, tuples and dicts of text.

    ``PackedError`` if the text is something else or unpacks to more than ``max_bytes``.
    """
    try:
        packed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):  # ValueError: the text is not ASCII
        raise PackedError("neither JSON nor base64") from None
    return load_plain(_inflated(packed, max_bytes))


def load_plain(data: bytes) -> Any:
    """The value of a pickle that contains text and plain containers only; ``PackedError`` for any other pickle."""
    try:
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name not in _ALLOWED_OPCODES:
                raise PackedError(f"the pickle contains more than text and containers ({opcode.name})")
            if opcode.name in _MEMO_OPCODES and int(argument or 0) > _MAX_MEMO_INDEX:
                raise PackedError(f"the pickle has a memo index above {_MAX_MEMO_INDEX:,}")
        return _PlainUnpickler(io.BytesIO(data)).load()
    except PackedError:
        raise
    except Exception as error:  # a damaged pickle can raise almost any exception class
        raise PackedError(f"not a pickle ({type(error).__name__})") from None


class _PlainUnpickler(pickle.Unpickler):
    """Refuses imports, as a second safeguard behind the check of the opcodes."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise PackedError(f"the pickle imports {module}.{name}")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise PackedError("the pickle refers to an external object")


def _inflated(packed: bytes, max_bytes: int) -> bytes:
    decompressor = zlib.decompressobj()
    try:
        data = decompressor.decompress(packed, max_bytes)
    except zlib.error as error:
        raise PackedError(f"not zlib ({error})") from None
    if decompressor.unconsumed_tail:
        raise PackedError(f"unpacks to more than {max_bytes:,} bytes")
    if not decompressor.eof:
        raise PackedError("the zlib data is truncated")
    return data
