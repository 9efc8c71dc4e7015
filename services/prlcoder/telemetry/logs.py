"""Logs of servers: one JSON object per line on standard error, with the id of the request that it belongs to."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id", default="")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """``time`` (RFC 3339, UTC), ``level``, ``logger``, ``message``, ``request_id``, then the record's ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, without the newline."""
        row: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if identity := request_id.get():
            row["request_id"] = identity
        row |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            row["traceback"] = self.formatException(record.exc_info)
        return json.dumps(row, ensure_ascii=False, default=str)


def logger(part: str) -> logging.Logger:
    """The logger of one part of PRLCoder, such as ``executor``."""
    return logging.getLogger(f"prlcoder.{part}")


def log_json(level: str = "INFO") -> None:
    """Write PRLCoder's log records of at least ``level`` to standard error as JSON. For the process of a server."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger("prlcoder")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
