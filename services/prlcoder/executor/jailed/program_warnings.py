"""Warnings of the program that a test records or filters: they are issued in the test's process as well.

The filters of the test decide about a warning. Where one of them turns the warning into an exception, the program gets
the exception.
"""

from __future__ import annotations

import warnings
from typing import Any, Final

from prlcoder.executor.jailed.link import Ask

NAMES: Final = frozenset({"catch_warnings", "assertWarns", "assertWarnsRegex"})  # test code that has one needs this


class TestWarnings:
    """The tester's side: it asks for the program's warnings while the test catches some."""

    def __init__(self, request: Ask) -> None:
        self._request = request
        self._catching = 0
        self._registry: dict[Any, Any] = {}  # which warnings the filter `default` has shown

    @property
    def are_caught(self) -> bool:
        """Whether the test catches warnings now."""
        return self._catching > 0

    def install(self) -> None:
        """From now on let every ``catch_warnings`` hear the program too."""
        kind: Any = warnings.catch_warnings
        enter, leave = kind.__enter__, kind.__exit__

        def enter_both(context: Any) -> Any:
            result = enter(context)
            self._catching += 1
            self._request("warnings", (self.are_caught,))
            return result

        def leave_both(context: Any, *error: Any) -> Any:
            self._catching -= 1
            self._request("warnings", (self.are_caught,))
            return leave(context, *error)

        kind.__enter__, kind.__exit__ = enter_both, leave_both

    def take(self, category: Any, message: Any, line: Any) -> None:
        """Issue a warning of the program. ``TypeError`` if its parts are not a class of warnings, text and a number."""
        if not (isinstance(category, type) and issubclass(category, Warning)):
            raise TypeError("a warning has a category")
        if (type(message), type(line)) != (str, int):
            raise TypeError("a warning has a text and a line")
        warnings.warn_explicit(message, category, "<program>", line, registry=self._registry)


class ProgramWarnings:
    """The program's side: its own filters and its own way to show a warning are replaced while the test catches."""

    def __init__(self, request: Ask) -> None:
        self._request = request
        self._context: warnings.catch_warnings[None] | None = None

    def send(self, caught: bool) -> None:
        """Send every warning to the test from now on, or no more."""
        if caught and self._context is None:
            self._context = warnings.catch_warnings()
            self._context.__enter__()
            warnings.simplefilter("always")
            warnings.showwarning = self._show
        elif not caught and self._context is not None:
            self._context.__exit__(None, None, None)
            self._context = None

    def _show(
        self, message: Any, category: Any, filename: Any, lineno: int, file: Any = None, line: Any = None
    ) -> None:
        self._request("warn", (category, str(message), lineno))
