"""Gives programs what they find under ``python program.py``: ``exit``, ``quit`` and ``help``, and ``/dev/stdin``.

The interpreter of a jail runs without ``site``, and a jail has no ``/proc``, to which ``/dev/stdin`` leads elsewhere.
"""

from __future__ import annotations

import _sitebuiltins
import builtins
import io
import os
from collections.abc import Callable
from typing import Any, Final

_DESCRIPTORS: Final = {
    "/dev/stdin": 0,
    "/dev/stdout": 1,
    "/dev/stderr": 2,
    **{f"/dev/fd/{number}": number for number in range(3)},
}


def install() -> None:
    """Give the interpreter the builtins of ``site``, and let the standard devices be opened by name."""
    for name in ("exit", "quit"):
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D (i.e. EOF)"))
    for name in ("copyright", "credits", "license"):
        setattr(builtins, name, _sitebuiltins._Printer(name, f"There is no {name} text in the sandbox."))
    builtins.help = _sitebuiltins._Helper()
    builtins.open = io.open = _opening(io.open)
    os.open = _opening(os.open)


def _opening(opens: Callable[..., Any]) -> Callable[..., Any]:
    """``opens``, which opens a standard device by duplicating its descriptor."""

    def open(file: Any, *arguments: Any, **keywords: Any) -> Any:
        if type(file) is not int:
            descriptor = _DESCRIPTORS.get(_path(file))
            if descriptor is not None:
                return (
                    os.dup(descriptor) if opens is not _IO_OPEN else opens(os.dup(descriptor), *arguments, **keywords)
                )
        return opens(file, *arguments, **keywords)

    return open


_IO_OPEN: Final = io.open


def _path(file: Any) -> str:
    try:
        return os.fsdecode(file)
    except TypeError:
        return ""  # not a path: the real function reports it
