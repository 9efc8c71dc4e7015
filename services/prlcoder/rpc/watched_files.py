"""Files that are read again when they change, so that certificates and tokens can be replaced in a running server."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from prlcoder.errors import InputError
from prlcoder.telemetry.logs import logger

LOG = logger("rpc")
T = TypeVar("T")
Identity = tuple[tuple[int, int, int], ...]


class Watched(Generic[T]):
    """The value that ``parse`` makes of the files' bytes. Each access to ``value`` checks the files' times and sizes,
    and reads them only if one has changed."""

    def __init__(self, paths: Sequence[Path], parse: Callable[[Sequence[bytes]], T]) -> None:
        """Reads the files. ``InputError`` if one cannot be read or ``parse`` raises it."""
        self._paths = tuple(paths)
        self._parse = parse
        self._seen = self._identity()
        self._value = self._read()

    def value(self) -> T:
        """The newest value that could be read and parsed. While a change is half written, the value before it stays."""
        try:
            seen = self._identity()
            if seen != self._seen:
                self._value = self._read()
                self._seen = seen
                LOG.info("reloaded", extra={"files": [str(path) for path in self._paths]})
        except InputError as error:
            LOG.warning("not reloaded", extra={"cause": str(error)})
        return self._value

    def _identity(self) -> Identity:
        return tuple((found.st_mtime_ns, found.st_size, found.st_ino) for found in map(_stat, self._paths))

    def _read(self) -> T:
        try:
            return self._parse([path.read_bytes() for path in self._paths])
        except OSError as error:
            raise _unreadable(error) from None


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise _unreadable(error) from None


def _unreadable(error: OSError) -> InputError:
    return InputError(f"{error.filename}: cannot be read ({error.strerror}); check the path and its permissions")
