"""Sends requests to an OpenAI-compatible endpoint, with retries and rate limits. Error messages never contain the key.

A request ends with an answer or with one of three errors:

- ``UnavailableError``: all retries failed (lost connections, timeouts, 408, 409, 429, 5xx, bodies that are not chat
  completions).
- ``RefusedError``: the endpoint refuses this request (400, 413, 422), or its answer is larger than the limit.
- ``WorkError``: the endpoint would refuse every request (wrong key, address or model).
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prlcoder.errors import WorkError
from prlcoder.mutator.llm.completions import Dialect, LlmCompletion, MalformedAnswerError, Question, parse
from prlcoder.mutator.llm.rate_limits import MAX_RETRY_AFTER_S, Backoff, Pace, retry_after_s

if TYPE_CHECKING:
    import httpx

MAX_RESPONSE_BYTES = 16 * 2**20
CONNECT_S = 20.0
RETRYABLE_STATUSES = frozenset({408, 409, 425, 429})  # and every 5xx except 501
REFUSAL_STATUSES = frozenset({400, 413, 422, 501})
CONTEXT_LENGTH_MESSAGE = re.compile(r"context.{0,3}(length|window)|prompt is too long|reduce the length", re.IGNORECASE)


class UnavailableError(Exception):
    """The endpoint did not answer, and retrying did not help."""


class RefusedError(Exception):
    """The endpoint refuses this request. If ``too_long``, the reason is its length, so other requests may succeed."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.too_long = CONTEXT_LENGTH_MESSAGE.search(message) is not None


@dataclass(frozen=True)
class Reply:
    """An HTTP response; ``retry_after_s`` is the pause that the server asked for."""

    status: int
    body: bytes
    retry_after_s: float | None


class Endpoint:
    """One endpoint and the request fields it is known to accept. The HTTP client belongs to an event loop, so it is
    passed to each call."""

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        key: str | None,
        timeout_s: float,
        max_retries: int,
        pace: Pace,
        backoff: Backoff | None = None,
        tell: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.url = base_url.rstrip("/") + "/chat/completions"
        self._model, self._key = model, key
        self._timeout_s, self._max_retries = timeout_s, max_retries
        self._pace, self._backoff = pace, backoff or Backoff()
        self._rng = random.Random()  # only for jitter, which affects timing but not content
        self._tell = tell
        self._dialect, self._proven = Dialect(), False

    def client(self, concurrency: int) -> httpx.AsyncClient:
        """Create an HTTP client for up to ``concurrency`` requests at once."""
        import httpx

        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
        timeout = httpx.Timeout(self._timeout_s, connect=min(CONNECT_S, self._timeout_s), pool=None)
        return httpx.AsyncClient(headers=headers, limits=limits, timeout=timeout)

    async def ask(self, client: httpx.AsyncClient, question: Question, counts: Counter[str]) -> LlmCompletion:
        """Return the answer to one question; ``counts["retries"]`` grows. The module lists the errors."""
        estimate = question.estimate.total
        failure = ""
        for attempt in range(self._max_retries + 1):
            counts["retries"] += attempt > 0
            await self._pace.turn(estimate)
            asked: float | None = None
            try:
                reply = await self._accepted(client, question)
                if reply.status == 200:
                    answer = parse(reply.body, question)
                    self._pace.correct(estimate, answer.usage.total)
                    return answer
                failure, asked = f"status {reply.status}{self._message(reply.body)}", reply.retry_after_s
            except MalformedAnswerError as error:
                failure = self._safe(str(error))
            except (OSError, TimeoutError) as error:
                failure = self._safe(str(error) or type(error).__name__)
            if asked is not None and asked > MAX_RETRY_AFTER_S:
                raise UnavailableError(f"{failure}; it asks to wait {asked:,.0f} s")
            if asked is not None:
                self._pace.pause(asked)
            if attempt < self._max_retries:
                await self._pace.rest(self._backoff.wait(attempt, self._rng))
        raise UnavailableError(failure)

    async def _accepted(self, client: httpx.AsyncClient, question: Question) -> Reply:
        """Send the request in the richest dialect that the endpoint accepts. Raises if retrying would be useless."""
        while True:
            dialect = self._dialect
            reply = await self._post(client, json.dumps(dialect.body(question)).encode())
            if reply.status == 200:
                self._proven = True
                return reply
            said = self._message(reply.body)
            if reply.status in REFUSAL_STATUSES:
                simpler = None if self._proven and not _names_a_field(said) else dialect.simpler(said)
                if simpler is None or CONTEXT_LENGTH_MESSAGE.search(said):
                    raise RefusedError(f"status {reply.status}{said}")
                if self._dialect == dialect:
                    self._dialect = simpler
                    self._tell(f"{self.url} refuses a field ({reply.status}{said}); going on with {simpler.described}")
            elif reply.status in RETRYABLE_STATUSES or reply.status >= 500:
                return reply
            else:
                raise self._fatal(reply.status, said)

    async def _post(self, client: httpx.AsyncClient, body: bytes) -> Reply:
        """Send one request. Raises ``OSError`` or ``TimeoutError`` if no complete response arrives in time."""
        import httpx

        content = bytearray()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                client.stream("POST", self.url, content=body, headers=headers) as response,
            ):
                async for piece in response.aiter_bytes():
                    content += piece
                    if len(content) > MAX_RESPONSE_BYTES:
                        raise RefusedError(f"an answer of more than {MAX_RESPONSE_BYTES >> 20} MiB")
                waited = retry_after_s(response.headers, datetime.now(UTC))
                return Reply(response.status_code, bytes(content), waited)
        except TimeoutError:
            raise TimeoutError(f"no answer within {self._timeout_s:g} s") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise WorkError(f"{self.url}: {error}; check baseUrl") from None
        except httpx.HTTPError as error:
            raise OSError(f"{type(error).__name__}: {error}".rstrip(": ")) from None

    def _fatal(self, status: int, said: str) -> WorkError:
        """Return the error, with a remedy, for a status that every request would get."""
        if status in (401, 403):
            which = "the key was not accepted" if self._key else "it requires a key, and none was given"
            advice = f"{which}; set apiKeyEnv to the environment variable that holds the right one"
        elif status == 402:
            advice = "the account has no credit left; nothing was lost, top it up and run again"
        elif status in (404, 405):
            advice = (
                f"check that baseUrl ends where /chat/completions begins (often /v1) and that it has {self._model!r}"
            )
        elif 300 <= status < 400:
            advice = "it redirects; set baseUrl to the address that it redirects to"
        else:
            advice = "check baseUrl and model"
        return WorkError(f"teacher: {self.url}: status {status}{said}; {advice}")

    def _message(self, body: bytes) -> str:
        """Return the endpoint's message as ``: message``, shortened and without the key; empty if it has none."""
        text = body[:4000].decode("utf-8", "replace").strip()
        try:
            record = json.loads(body)
            error = record.get("error", record)
            text = error if isinstance(error, str) else str(error.get("message") or error.get("detail") or text)
        except (ValueError, AttributeError, RecursionError):
            pass
        text = " ".join(self._safe(text).split())
        return f": {text[:300]}" if text else ""

    def _safe(self, text: str) -> str:
        return text.replace(self._key, "(key)") if self._key else text


def _names_a_field(said: str) -> bool:
    """Whether a refusal names an optional field. Then the field is the reason, even if other requests succeeded."""
    names = ("response_format", "json_schema", "max_tokens", "temperature", "seed")
    return any(name in said.lower() for name in names)
