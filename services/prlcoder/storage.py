"""Where problems lie: a local path or any fsspec URI, opened and listed in one way.

Local paths go through ``pathlib``, so that a command over a local file does not import fsspec. Drivers of remote
storage raise what they like; here that becomes an ``OSError``, which the readers turn into messages.
"""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from prlcoder.errors import InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

DATA_ENDINGS = (".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet")
_BUFFER_BYTES = 1 << 20


def location(source: str) -> Location:
    """The place that a path or URI names. ``InputError`` if no driver for the URI is installed."""
    if "://" not in source:
        return Location(source, source)
    scheme = source.split("://", 1)[0]
    from fsspec.core import url_to_fs

    try:
        system, path = url_to_fs(source)
    except ImportError as error:
        raise InputError(f"{source}: {scheme}:// needs a driver that is not here ({error}); install it") from None
    except ValueError as error:
        raise InputError(f"{source}: no driver knows {scheme}:// ({error}); check the URI") from None
    except Exception as error:  # missing credentials, say; every driver has exceptions of its own
        raise InputError(f"{source}: cannot be opened ({_said(error)})") from None
    return Location(source, path, system)


@dataclass(frozen=True)
class Location:
    """A file or folder. ``name`` is as the user gave it; ``system`` is fsspec's file system, None for local paths."""

    name: str
    path: str
    system: Any = None

    def __truediv__(self, child: str) -> Location:
        """What is called ``child`` in this folder."""
        return Location(f"{self.name.rstrip('/')}/{child}", f"{self.path.rstrip('/')}/{child}", self.system)

    @property
    def file_name(self) -> str:
        """The last part of the path."""
        return Path(self.path).name

    def exists(self) -> bool:
        """Whether there is anything; ``OSError`` if that cannot be said."""
        return Path(self.path).exists() if self.system is None else bool(_asked(self.system.exists, self.path))

    def is_folder(self) -> bool:
        """Whether it can be listed; ``OSError`` if that cannot be said."""
        return Path(self.path).is_dir() if self.system is None else bool(_asked(self.system.isdir, self.path))

    def children(self) -> list[str]:
        """Names in this folder, sorted; ``OSError``."""
        if self.system is None:
            return sorted(child.name for child in Path(self.path).iterdir())
        return sorted({Path(entry["name"]).name for entry in _asked(self.system.ls, self.path, detail=True)})

    def open(self) -> IO[bytes]:
        """Its bytes, decompressed if the name ends in ``.gz``; ``OSError``."""
        compressed = self.path.endswith(".gz")
        if self.system is None:
            return cast("IO[bytes]", gzip.open(self.path, "rb")) if compressed else Path(self.path).open("rb")
        raw = io.BufferedReader(_Remote(_asked(self.system.open, self.path, "rb")), _BUFFER_BYTES)
        return cast("IO[bytes]", gzip.open(raw, "rb") if compressed else raw)


class _Remote(io.RawIOBase):
    """A driver's file whose every exception is an ``OSError``."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = _asked(self._file.read, len(view))
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(_asked(self._file.seek, offset, whence))

    def tell(self) -> int:
        return int(_asked(self._file.tell))

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _asked(method: Any, *arguments: Any, **keywords: Any) -> Any:
    try:
        return method(*arguments, **keywords)
    except OSError:
        raise
    except Exception as error:  # botocore, aiohttp, google.auth and the like: none of them is ours to name
        raise OSError(_said(error)) from error


def _said(error: Exception) -> str:
    """The first line of an exception, with its class: some say nothing else."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
