"""Where the files of a model are: a folder, a hub id, or a GGUF file in either.

``model.path`` and every other place that names a model take one string. ``ModelSource.of`` reads it, and all loaders
pass its ``arguments`` to ``from_pretrained``, so that a GGUF file and the permission for remote code work everywhere.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prlcoder.errors import InputError, first_line

ADAPTER_CONFIG: Final = "adapter_config.json"
TRUST_VARIABLE: Final = "PRLCODER_TRUST_REMOTE_CODE"  # "1" lets transformers execute Python files of a model folder
MAX_REASON_CHARACTERS: Final = 200
_LFS_POINTER: Final = b"version https://git-lfs"
_GGUF_MAGIC: Final = b"GGUF"
_GGUF_HEADER_BYTES: Final = 24  # magic, version, number of tensors, number of fields
_ACCESS_REFUSED: Final = re.compile("40[13] client error")
_HUB_ID: Final = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)


@dataclass(frozen=True)
class ModelSource:
    """A model's folder or hub id, and the name of its GGUF file if its weights are in one."""

    location: str
    gguf_file: str | None = None

    @classmethod
    def of(cls, path: str) -> ModelSource:
        """Read what a user gave: a folder, a hub id, a ``.gguf`` file, or a folder with one such file and no config.

        Raises ``InputError`` if a local path does not exist or a folder has several GGUF files to choose from.
        """
        place = Path(path)
        if place.suffix == ".gguf":
            return _gguf_source(path)
        if place.is_dir():
            if (place / "config.json").is_file() or (place / ADAPTER_CONFIG).is_file():
                return cls(path)
            files = sorted(file.name for file in place.glob("*.gguf"))
            if len(files) > 1:
                names = ", ".join(files)
                raise InputError(f"model.ggufFile: {path} contains several GGUF files ({names}); name one of them")
            if files:
                _require_gguf(place / files[0])
            return cls(path, *files)
        if place.is_absolute() or path.startswith((".", "~")) or not _HUB_ID.fullmatch(path):
            raise InputError(
                f"model {path}: cannot be loaded (it is not a folder on this machine); check the path and its mounts"
            )
        return cls(path)

    @property
    def folder(self) -> Path | None:
        """The local folder, or None for a hub id."""
        place = Path(self.location)
        return place if place.is_dir() else None

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of ``from_pretrained`` that say where the files are and what they may do."""
        arguments: dict[str, Any] = {
            "pretrained_model_name_or_path": self.location,
            "trust_remote_code": trusts_remote_code(),
        }
        return arguments if self.gguf_file is None else {**arguments, "gguf_file": self.gguf_file}

    def read_json(self, name: str) -> dict[str, Any] | None:
        """A JSON file of the model; None if it has no such file. Raises ``InputError`` if the file is not JSON."""
        file = self.file(name)
        if file is None:
            return None
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{file}: cannot be read ({first_line(error)}); check its permissions") from error
        except ValueError as error:
            raise InputError(file_damage(file, f"is invalid JSON ({first_line(error)})")) from error
        if not isinstance(values, dict):
            raise InputError(f"{file}: contains {type(values).__name__} instead of an object; download the file again")
        return values

    def file(self, name: str) -> Path | None:
        """The local copy of a file of the model, downloaded if need be; None if the model has no such file.

        Raises ``InputError`` for a hub id that the hub does not know.
        """
        if (folder := self.folder) is not None:
            return folder / name if (folder / name).is_file() else None
        from transformers.utils import cached_file

        try:
            found = cached_file(
                self.location,
                name,
                _raise_exceptions_for_missing_entries=False,
                _raise_exceptions_for_connection_errors=False,
                _raise_exceptions_for_gated_repo=False,
            )
        except OSError as error:
            raise unloadable("model", self.location, error) from error
        return None if found is None else Path(found)


def trusts_remote_code() -> bool:
    """Whether the user has allowed the Python files of model folders to be executed."""
    return os.environ.get(TRUST_VARIABLE) == "1"


@dataclass(frozen=True)
class _KnownFailure:
    """A failure that a message of ``transformers`` tells by one of its ``words``, and what the user can do about it.

    Without a ``reason``, the first line of the message is shown.
    """

    words: tuple[str, ...]
    remedy: str
    reason: str | None = None


_KNOWN_FAILURES: Final = (
    _KnownFailure(
        ("trust_remote_code",),
        f"read that code, then set `model.trustRemoteCode: true`, or {TRUST_VARIABLE}=1 for a service",
        "config.json: auto_map: it needs Python code from its folder, which is not executed by default",
    ),
    _KnownFailure(
        ("gated repo", "401 client error", "403 client error"),
        "accept its licence on the hub and set HF_TOKEN, or give the path of a downloaded folder",
        "the hub refuses access: the repository is gated, private or does not exist",
    ),
    _KnownFailure(
        ("valid model identifier", "repository not found", "404 client error"),
        "check the name; set HF_TOKEN if the repository is private",
        "it is neither a folder on this machine nor a repository on the hub",
    ),
    _KnownFailure(
        ("couldn't connect", "connection error", "offline mode", "cannot find the requested files"),
        "download the model where the hub can be reached (`hf download NAME --local-dir FOLDER`), and give the folder",
        "it is not a folder on this machine, and the hub cannot be reached",
    ),
    _KnownFailure(
        ("gguf model with architecture", "architecture not supported", "not supported yet"),
        "give the model's original folder, or convert the file to safetensors; docs/models.md says more",
    ),
    _KnownFailure(
        ("magic bytes", "cannot reshape array", "gguf magic", "mmap length"),
        "download the file again",
        "it is not a GGUF file, or it is truncated or damaged",
    ),
    _KnownFailure(("this reader handles",), "update the package gguf, or give the model's original folder"),
    _KnownFailure(("gguf",), "install `prlcoder[gguf]`, or give the model's original folder; docs/models.md says more"),
    _KnownFailure(
        ("deserializing", "incomplete", "header"), "a .safetensors file is truncated or damaged; download it again"
    ),
)


def unloadable(what: str, path: str, error: Exception) -> InputError:
    """The error for a model or an adapter (``what``) at ``path`` that cannot be loaded, with the remedy that fits."""
    refused = _ACCESS_REFUSED.search(_with_causes(error).lower())
    text, shown = refused[0] if refused else str(error).lower(), reason(error)
    for known in _KNOWN_FAILURES:
        if any(word in text for word in known.words):
            return InputError(f"{what} {path}: cannot be loaded ({known.reason or shown}); {known.remedy}")
    return InputError(f"{what} {path}: cannot be loaded ({shown}); check the path and the files in it")


def _with_causes(error: BaseException) -> str:
    """The messages of an exception and of those that led to it: some say only there that access was refused."""
    cause = error.__cause__ or error.__context__
    return str(error) if cause is None else f"{error}\n{_with_causes(cause)}"


def reason(error: Exception) -> str:
    """What an exception of another package says, in one short line without a final full stop.

    >>> reason(ValueError("Validation error for field 'n':\\n    TypeError: expected int, got str"))
    "Validation error for field 'n': TypeError: expected int, got str"
    """
    lines = [line.strip() for line in str(error).strip().splitlines()]
    shown = first_line(error)
    if shown.endswith(":") and len(lines) > 1:
        shown = f"{shown} {lines[1]}"
    if isinstance(error, KeyError):  # its message is only the quoted key
        shown = f"{type(error).__name__} {shown}"
    if len(shown) > MAX_REASON_CHARACTERS:
        return shown[:MAX_REASON_CHARACTERS].rpartition(" ")[0] + " ..."
    return shown.removesuffix(".")


def file_damage(file: Path, otherwise: str = "is damaged") -> str:
    """The message about a file that cannot be read; ``otherwise`` says what is wrong if its beginning does not."""
    with file.open("rb") as opened:
        beginning = opened.read(len(_LFS_POINTER))
    if beginning == _LFS_POINTER:
        return f"{file}: is a Git LFS pointer and not the file itself; run `git lfs pull` there, or download it again"
    return f"{file}: {otherwise if beginning else 'is empty'}; download the file again"


def require_whole(file: Path) -> None:
    """Raises ``InputError`` if a file that exists is empty or only a Git LFS pointer."""
    if file.is_file():
        with file.open("rb") as opened:
            if opened.read(len(_LFS_POINTER)) in (b"", _LFS_POINTER):
                raise InputError(file_damage(file))


def _require_gguf(file: Path) -> None:
    """Raises ``InputError`` if a file does not begin like a GGUF file."""
    with file.open("rb") as opened:
        header = opened.read(_GGUF_HEADER_BYTES)
    if len(header) < _GGUF_HEADER_BYTES or not header.startswith(_GGUF_MAGIC):
        raise InputError(file_damage(file, "is not a GGUF file, or it is truncated"))


def _gguf_source(path: str) -> ModelSource:
    place = Path(path)
    if place.is_file():
        _require_gguf(place)
        return ModelSource(str(place.parent), place.name)
    if place.is_absolute() or path.startswith((".", "~")) or path.count("/") != 2:
        raise InputError(f"model {path}: no such GGUF file; give a file, or `owner/name/file.gguf` on the hub")
    location, _, name = path.rpartition("/")
    return ModelSource(location, name)
