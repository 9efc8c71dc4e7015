"""Patches that a test makes to modules with ``unittest.mock``: the program's process makes and undoes them as well.

A patched name is one more object of the test that the program may use, as if it had been given as an argument.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any, Final

from prlcoder.executor.jailed import candidate
from prlcoder.executor.jailed.link import Ask
from prlcoder.executor.jailed.proxies import RemoteType

Place = tuple[str, str, str]  # the module, the class in it ("" for the module itself), and the attribute

NAMES: Final = frozenset({"mock", "unittest.mock"})  # test code that has one of them may patch
# The program is told otherwise that these are replaced. Without its modules it could not go on.
_NOT_FORWARDED: Final = frozenset(
    {
        *(("sys", "", name) for name in ("stdin", "stdout", "stderr", "modules")),
        *(("builtins", "", name) for name in ("input", "print")),
        ("os", "", "environ"),
    }
)
_OF_THE_TEST: Final = frozenset({candidate.MODULE_NAME, "__main__"})  # modules of classes that the test defines
_MISSING: Final = object()


def forward_patches(request: Ask) -> None:
    """From now on let every patch of a module, or of a class in one, be made by the other process too."""
    import unittest.mock  # here, because it is large

    kind: Any = unittest.mock._patch
    enter, leave = kind.__enter__, kind.__exit__

    def enter_both(patch: Any) -> Any:
        result = enter(patch)
        place = _place(patch)
        if place is not None:
            request("patch", (place, _shareable(getattr(patch.target, patch.attribute))))
        return result

    def leave_both(patch: Any, *error: Any) -> Any:
        place = _place(patch) if hasattr(patch, "target") else None  # a patch that has not begun
        if place is not None:
            request("unpatch", (place,))
        return leave(patch, *error)

    kind.__enter__, kind.__exit__ = enter_both, leave_both


def _place(patch: Any) -> Place | None:
    """Where the other process finds what is patched. None if it cannot, or need not."""
    target = patch.target
    if isinstance(target, types.ModuleType):
        place = (target.__name__, "", patch.attribute)
    elif isinstance(target, type) and not isinstance(target, RemoteType) and target.__module__ not in _OF_THE_TEST:
        place = (target.__module__, target.__qualname__, patch.attribute)
    else:
        return None
    return None if place in _NOT_FORWARDED or _find(place[0], place[1]) is not target else place


def _find(module: str, path: str) -> Any:
    found = sys.modules.get(module)
    for part in path.split(".") if path else ():
        found = getattr(found, part, None)
    return found


def _shareable(value: Any) -> Any:
    """``value``, but a function with a mock's checks stands for itself and not for the function that it replaces."""
    if isinstance(value, types.FunctionType) and value.__module__ != candidate.MODULE_NAME:
        return lambda *arguments, **keywords: value(*arguments, **keywords)
    return value


class Patches:
    """The patches that are in force in the program's process, in the order in which they were made."""

    def __init__(self) -> None:
        self._made: list[tuple[Place, Any, Any]] = []  # where, the object that has the attribute, its former value

    def make(self, place: Place, value: Any) -> None:
        """Set the attribute. The program's process has to import the module if it has not."""
        module, path, attribute = place
        importlib.import_module(module)
        owner = _find(module, path)
        self._made.append((place, owner, vars(owner).get(attribute, _MISSING)))
        setattr(owner, attribute, value)

    def undo(self, place: Place) -> None:
        """Give the attribute the value that it had before the last patch of it."""
        index = max(number for number, made in enumerate(self._made) if made[0] == place)
        _, owner, before = self._made.pop(index)
        if before is _MISSING:
            delattr(owner, place[2])
        else:
            setattr(owner, place[2], before)
