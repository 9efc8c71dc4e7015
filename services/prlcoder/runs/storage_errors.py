"""Recognises, however a library words it, that the storage refused a write, and says what to do about it."""

from __future__ import annotations

import errno
from pathlib import Path

from prlcoder.errors import WorkError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR)
_TEXTS = ("No space left on device", "File too large", "Disk quota exceeded", "PytorchStreamWriter failed")


def unwritable(place: str | Path, reason: str) -> WorkError:
    """The message that ``place`` cannot be written."""
    remedy = "free some space or make it writable, or set spec.storage.uri to another place; then run again"
    return WorkError(f"{place}: cannot be written ({reason}); {remedy}")


def storage_error(error: BaseException, folder: Path) -> WorkError | None:
    """The message for the user if ``error``, or one it came from, is a refused write in or below ``folder``.

    Missing space is recognised wherever it was missing; missing rights only at ``folder``, because elsewhere they
    may concern something that was to be read.
    """
    cause: BaseException | None = error
    while cause is not None:
        reason = _reason(cause, folder)
        if reason is not None:
            return unwritable(_place(cause) or folder, reason)
        cause = cause.__cause__ or cause.__context__
    return None


def _reason(error: BaseException, folder: Path) -> str | None:
    if isinstance(error, OSError) and error.errno in _FULL:
        return error.strerror
    if isinstance(error, OSError) and error.errno in _FORBIDDEN:
        place = Path(_place(error) or "/nowhere")
        concerns_it = place.is_relative_to(folder) or folder.is_relative_to(place)  # a parent may be what is forbidden
        return error.strerror if concerns_it else None
    return next((text for text in _TEXTS if text in str(error)), None)


def _place(error: BaseException) -> str | None:
    name = error.filename if isinstance(error, OSError) else None
    return name if isinstance(name, str) else None
