"""Gives programs what they find under ``python program.py``: ``exit`` and ``help``, ``/dev/stdin``, room to recurse.

The interpreter of a jail runs without ``site``, and a jail's ``/proc`` has no ``self/fd``, to which ``/dev/stdin``
leads elsewhere.
"""

from __future__ import annotations

import _sitebuiltins
import builtins
import functools
import io
import os
import resource
import sys
from collections.abc import Callable
from typing import Any, Final

_DESCRIPTORS: Final = {
    "/dev/stdin": 0,
    "/dev/stdout": 1,
    "/dev/stderr": 2,
    **{f"{folder}/{number}": number for folder in ("/dev/fd", "/proc/self/fd") for number in range(3)},
}
OUTER_FRAMES: Final = 16  # of the zygote and of the link to a test, below the first frame of a program


def install() -> None:
    """Give the interpreter the builtins of ``site``, let the standard devices be opened by name, and make room for the
    recursion that a program has under ``python program.py``."""
    for name in ("exit", "quit"):
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D (i.e. EOF)"))
    for name in ("copyright", "credits", "license"):
        setattr(builtins, name, _sitebuiltins._Printer(name, f"There is no {name} text in the sandbox."))
    builtins.help = _sitebuiltins._Helper()
    builtins.open = io.open = _opening(io.open)
    os.open = _opening(os.open)
    _leave_out_outer_frames()
    resource.setrlimit = _allowing_large_stacks(resource.setrlimit)


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


def _allowing_large_stacks(set_limit: Callable[..., None]) -> Callable[..., None]:
    """``setrlimit``, but a program that asks for a larger stack than there can be gets the largest.

    Programs that recurse deeply ask for an unlimited stack first, which they may do outside.
    """

    @functools.wraps(set_limit)
    def setrlimit(kind: int, limits: tuple[int, int], /) -> None:
        if kind == resource.RLIMIT_STACK and isinstance(limits, (tuple, list)) and len(limits) == 2:
            largest = resource.getrlimit(kind)[1]
            limits = tuple(largest if wanted < 0 or wanted > largest else wanted for wanted in limits)  # type: ignore[assignment]
        set_limit(kind, limits)

    return setrlimit


def _leave_out_outer_frames() -> None:
    """Let the recursion limit count a program's own frames: the limit is higher than the program reads and sets it."""
    get_limit, set_limit = sys.getrecursionlimit, sys.setrecursionlimit
    set_limit(get_limit() + OUTER_FRAMES)

    @functools.wraps(get_limit)
    def getrecursionlimit() -> int:
        return get_limit() - OUTER_FRAMES

    @functools.wraps(set_limit)
    def setrecursionlimit(limit: int, /) -> None:
        largest = (1 << 31) - 1
        inside = isinstance(limit, int) and 0 < limit <= largest
        set_limit(min(limit + OUTER_FRAMES, largest) if inside else limit)

    sys.getrecursionlimit, sys.setrecursionlimit = getrecursionlimit, setrecursionlimit


def _path(file: Any) -> str:
    try:
        return os.fsdecode(file)
    except TypeError:
        return ""  # not a path: the real function reports it
