"""Caches answers on disk, so that no question is paid for twice.

The cache is an SQLite file. A row is present completely or not at all, whenever the process is killed, and several
processes may share the file. The first answer to a question stays; a process that stores a second one gets the first
back, so that all readers see the same.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Self

from prlcoder.errors import WorkError
from prlcoder.mutator.llm.completions import LlmCompletion, LlmTokenUsage, Question

LOCK_TIMEOUT_S = 60.0  # how long to wait for another process to finish writing
_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, content TEXT NOT NULL, reasoning TEXT NOT NULL,
    finish_reason TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL
) WITHOUT ROWID
"""
_COLUMNS = "content, reasoning, finish_reason, prompt_tokens, completion_tokens, reasoning_tokens"


def key(question: Question, templates: str) -> str:
    """Return the cache key: a hash of model, template digest, message, sampling and seed, but not of the address."""
    parts = [question.model, templates, question.prompt, question.temperature, question.max_tokens, question.seed]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class Cache:
    """The answers in one file, which is created if it is missing. Raises ``WorkError`` if it cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(path, timeout=LOCK_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            self._file.execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from None

    def get(self, key: str) -> LlmCompletion | None:
        """Return the answer stored under ``key``, or None."""
        try:
            row = self._file.execute(f"SELECT {_COLUMNS} FROM answers WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            raise self._unusable(error) from None
        return None if row is None else LlmCompletion(row[0], row[1], row[2], LlmTokenUsage(*row[3:]))

    def put(self, key: str, model: str, answer: LlmCompletion) -> LlmCompletion:
        """Store ``answer`` unless the key has one already; return the stored answer."""
        usage = answer.usage
        row = (key, model, answer.content, answer.reasoning, answer.finish_reason)
        numbers = (usage.prompt, usage.completion, usage.reasoning)
        try:
            self._file.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, *numbers))
        except sqlite3.Error as error:
            raise self._unusable(error) from None
        kept = self.get(key)
        return answer if kept is None else kept

    def spent(self) -> LlmTokenUsage:
        """Return the sum of the tokens of all answers in the file."""
        sums = ", ".join(f"TOTAL({kind}_tokens)" for kind in ("prompt", "completion", "reasoning"))
        try:
            row = self._file.execute(f"SELECT {sums} FROM answers").fetchone()
        except sqlite3.Error as error:
            raise self._unusable(error) from None
        return LlmTokenUsage(*(int(number) for number in row))

    def close(self) -> None:
        """Close the file. Every stored answer is on disk already."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _unusable(self, error: Exception) -> WorkError:
        return WorkError(
            f"{self._path}: the teacher's cache cannot be used ({error}); free space, or name another file"
        )
