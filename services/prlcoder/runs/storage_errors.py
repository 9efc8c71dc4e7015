"""Recognises a refused write of the storage, however a library words it, and says what to do about it."""

from __future__ import annotations

import errno
from pathlib import Path

from prlcoder.errors import WorkError

_NO_SPACE_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN_ERRNOS = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR)
_NO_SPACE_TEXTS = ("No space left on device", "File too large", "Disk quota exceeded", "PytorchStreamWriter failed")


def unwritable(path: str | Path, reason: str) -> WorkError:
    """The message that ``path`` cannot be written."""
    remedy = "free some space or make it writable, or set spec.storage.uri to another place; then run again"
    return WorkError(f"{path}: cannot be written ({reason}); {remedy}")


def storage_error(error: BaseException, folder: Path) -> WorkError | None:
    """The message for the user if ``error``, or one it came from, is a refused write in or below ``folder``.

    Missing space is recognised everywhere. Missing rights are recognised only at ``folder``, because elsewhere they may
    concern a file that was to be read.
    """
    cause: BaseException | None = error
    while cause is not None:
        reason = _reason(cause, folder)
        if reason is not None:
            return unwritable(_path_of(cause) or folder, reason)
        cause = cause.__cause__ or cause.__context__
    return None


def _reason(error: BaseException, folder: Path) -> str | None:
    if isinstance(error, OSError) and error.errno in _NO_SPACE_ERRNOS:
        return error.strerror
    if isinstance(error, OSError) and error.errno in _FORBIDDEN_ERRNOS:
        path = Path(_path_of(error) or "/nowhere")
        concerns_it = path.is_relative_to(folder) or folder.is_relative_to(
            path
        )  # a parent folder may be the forbidden one
        return error.strerror if concerns_it else None
    return next((text for text in _NO_SPACE_TEXTS if text in str(error)), None)


def _path_of(error: BaseException) -> str | None:
    name = error.filename if isinstance(error, OSError) else None
    return name if isinstance(name, str) else None
