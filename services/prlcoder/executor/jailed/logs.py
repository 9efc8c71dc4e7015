"""``assertLogs`` of a test: what the program logs meanwhile is logged in the test's process.

``logging`` is imported where it is needed, because few programs and tests need it.
"""

from __future__ import annotations

from typing import Any, Final

from prlcoder.executor.jailed.link import Ask

NAMES: Final = frozenset({"assertLogs", "assertNoLogs"})  # test code that has one of them needs this


class TestLogs:
    """The tester's side: it asks for the program's log records while an assertion waits for some."""

    def __init__(self, request: Ask) -> None:
        self._request = request
        self._waiting = 0

    @property
    def are_awaited(self) -> bool:
        """Whether an assertion waits for log records now."""
        return self._waiting > 0

    def install(self) -> None:
        """From now on let every ``assertLogs`` hear the program too."""
        import unittest._log

        kind: Any = unittest._log._AssertLogsContext
        enter, leave = kind.__enter__, kind.__exit__

        def enter_both(context: Any) -> Any:
            result = enter(context)
            self._waiting += 1
            self._request("logs", (context.logger.name, context.logger.level))
            return result

        def leave_both(context: Any, *error: Any) -> Any:
            self._waiting -= 1
            self._request("no logs", (context.logger.name,))
            return leave(context, *error)

        kind.__enter__, kind.__exit__ = enter_both, leave_both

    def take(self, name: Any, level: Any, message: Any) -> None:
        """Log a record of the program. ``TypeError`` if its parts are not text and a number."""
        if (type(name), type(level), type(message)) != (str, int, str):
            raise TypeError("a log record has a name, a level and a text")
        import logging

        logging.getLogger(name).handle(logging.LogRecord(name, level, "", 0, message, (), None))


class ProgramLogs:
    """The program's side: the loggers whose records go to the test, with their former settings."""

    def __init__(self, request: Ask) -> None:
        self._request = request
        self._former: dict[str, list[tuple[list[Any], int, bool]]] = {}

    def send(self, name: str, level: int) -> None:
        """Send the records of a logger, and of those below it, to the test."""
        import logging

        logger, handler = logging.getLogger(name), logging.Handler()
        handler.emit = self._emit  # type: ignore[method-assign]  # on this one handler, not on its class
        self._former.setdefault(name, []).append((logger.handlers, logger.level, logger.propagate))
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)

    def keep(self, name: str) -> None:
        """Give the logger its former settings."""
        import logging

        logger = logging.getLogger(name)
        logger.handlers, level, logger.propagate = self._former[name].pop()
        logger.setLevel(level)

    def _emit(self, record: Any) -> None:
        self._request("log", (record.name, record.levelno, record.getMessage()))
