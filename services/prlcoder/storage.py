"""Locations of files and folders: a local path or any fsspec URI, read, written and listed through one interface.

Local paths go through ``pathlib``, so that a command over a local file does not import fsspec. Every exception of a
remote driver becomes an ``OSError``, which the readers turn into messages.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from prlcoder.errors import InputError, first_line

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

DATA_ENDINGS = (".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet")
_BUFFER_BYTES = 1 << 20


def location(source: str) -> Location:
    """The location that a path or URI names. ``InputError`` if no driver for the URI is installed."""
    if "://" not in source:
        return Location(source, source)
    scheme = source.split("://", 1)[0]
    from fsspec.core import url_to_fs

    try:
        system, path = url_to_fs(source)
    except ImportError as error:
        raise InputError(f"{source}: {scheme}:// needs a driver that is not installed ({error}); install it") from None
    except ValueError as error:
        raise InputError(f"{source}: no driver supports {scheme}:// ({error}); check the URI") from None
    except Exception as error:  # such as missing credentials: each driver has its own exceptions
        raise InputError(f"{source}: cannot be opened ({_class_and_message(error)})") from None
    return Location(source, path, system)


@dataclass(frozen=True)
class Location:
    """A file or folder. ``name`` is what the user wrote; ``system`` is the fsspec file system, None for local paths."""

    name: str
    path: str
    system: Any = None

    def __truediv__(self, child: str) -> Location:
        """The location of ``child`` in this folder."""
        return Location(f"{self.name.rstrip('/')}/{child}", f"{self.path.rstrip('/')}/{child}", self.system)

    @property
    def local(self) -> bool:
        """Whether this is a path of this machine."""
        return self.system is None or "file" in _protocols(self.system)

    @property
    def file_name(self) -> str:
        """The last part of the path."""
        return Path(self.path).name

    def exists(self) -> bool:
        """Whether a file or folder exists here; ``OSError`` if the storage does not answer."""
        return Path(self.path).exists() if self.system is None else bool(_called(self.system.exists, self.path))

    def is_folder(self) -> bool:
        """Whether this is a folder; ``OSError`` if the storage does not answer."""
        return Path(self.path).is_dir() if self.system is None else bool(_called(self.system.isdir, self.path))

    def children(self) -> list[str]:
        """The names in this folder, sorted; ``OSError`` if it cannot be listed."""
        if self.system is None:
            return sorted(child.name for child in Path(self.path).iterdir())
        return sorted({Path(entry["name"]).name for entry in _called(self.system.ls, self.path, detail=True)})

    def open(self) -> IO[bytes]:
        """The content as bytes, decompressed if the name ends in ``.gz``; ``OSError`` if it cannot be opened."""
        compressed = self.path.endswith(".gz")
        if self.system is None:
            return cast("IO[bytes]", gzip.open(self.path, "rb")) if compressed else Path(self.path).open("rb")
        raw = io.BufferedReader(_RemoteFile(_called(self.system.open, self.path, "rb")), _BUFFER_BYTES)
        return cast("IO[bytes]", gzip.open(raw, "rb") if compressed else raw)

    def read_bytes(self) -> bytes | None:
        """The content of a file as it is stored, or None if there is no such file; ``OSError`` if it cannot be read."""
        try:
            if self.system is None:
                return Path(self.path).read_bytes()
            return bytes(_called(self.system.cat_file, self.path))
        except FileNotFoundError:
            return None

    def write_bytes(self, data: bytes) -> None:
        """Write a file of an object store, which appears as a whole; ``OSError`` if it cannot be written."""
        _called(self._remote.pipe_file, self.path, data)

    def upload(self, source: Path) -> None:
        """Copy a file of this machine to an object store, where it appears as a whole."""
        _called(self._remote.put_file, str(source), self.path)

    def download(self, target: Path) -> None:
        """Copy a file of an object store to this machine. The folder of ``target`` exists."""
        _called(self._remote.get_file, self.path, str(target))

    def files(self) -> dict[str, int]:
        """The files in and below this folder of an object store, by their relative paths, with their sizes in bytes."""
        _called(self._remote.invalidate_cache)
        found = _called(self._remote.find, self.path, detail=True)
        start = len(self.path.rstrip("/")) + 1
        return {str(path)[start:]: int(facts["size"]) for path, facts in found.items()}

    def remove(self, names: Sequence[str]) -> None:
        """Remove these files of this folder of an object store; those that are gone already do not matter."""
        if names:
            with suppress(FileNotFoundError):
                _called(self._remote.rm, [f"{self.path.rstrip('/')}/{name}" for name in names])

    @property
    def _remote(self) -> Any:
        assert self.system is not None  # paths of this machine are written with pathlib
        return self.system


def _protocols(system: Any) -> tuple[str, ...]:
    return (system.protocol,) if isinstance(system.protocol, str) else tuple(system.protocol)


class _RemoteFile(io.RawIOBase):
    """A driver's file; every exception of the driver becomes an ``OSError``."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = _called(self._file.read, len(view))
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(_called(self._file.seek, offset, whence))

    def tell(self) -> int:
        return int(_called(self._file.tell))

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _called(method: Any, *arguments: Any, **keywords: Any) -> Any:
    """The result of a driver's method; ``OSError`` in place of any exception."""
    try:
        return method(*arguments, **keywords)
    except OSError:
        raise
    except Exception as error:  # botocore, aiohttp, google.auth and others raise classes that we cannot list
        raise OSError(_class_and_message(error)) from error


def _class_and_message(error: Exception) -> str:
    """The exception's class and the first line of its message: the message of some drivers is empty."""
    name, line = type(error).__name__, first_line(error)
    return name if line == name else f"{name}: {line}"
