"""Sends many questions at once, with a budget and a circuit breaker. Every answer is cached as soon as it arrives."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prlcoder.errors import InputError, PrlcoderError, WorkError
from prlcoder.mutator.llm.breaker import COOLDOWN_S, Breaker
from prlcoder.mutator.llm.cache import Cache
from prlcoder.mutator.llm.completions import LlmCompletion, LlmTokenUsage, Question
from prlcoder.mutator.llm.costs import Budget
from prlcoder.mutator.llm.endpoint import Endpoint, RefusedError, UnavailableError
from prlcoder.mutator.llm.rate_limits import Backoff, Pace
from prlcoder.spec import LlmTeacher
from prlcoder.telemetry.progress import Progress

if TYPE_CHECKING:
    import httpx


@dataclass
class QuestionBatch:
    """The questions of one call (by cache key), the answers so far, and the budget."""

    cache: Cache
    budget: Budget
    waiting: Iterator[tuple[str, Question]]
    progress: Progress
    answers: dict[str, LlmCompletion] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)  # retries, failed, refused, kept_back (not sent)
    used_up: str | None = None  # the message about an exhausted budget


class BatchAsker:
    """Asks one endpoint, and remembers its state between calls. Raises ``InputError`` if the API key is missing."""

    def __init__(
        self, settings: LlmTeacher, *, backoff: Backoff | None = None, breaker_cooldown_s: float = COOLDOWN_S
    ) -> None:
        self._settings = settings
        self._endpoint = Endpoint(
            settings.base_url,
            settings.model,
            key=api_key(settings, os.environ),
            timeout_s=settings.timeout,
            max_retries=settings.max_retries,
            pace=Pace(settings.requests_per_minute, settings.tokens_per_minute),
            backoff=backoff,
            tell=_tell,
        )
        self._breaker = Breaker(settings.breaker_failures, breaker_cooldown_s)
        self._trusted = False  # True once the endpoint has answered
        self._refusals = 0

    def ask_all(
        self, questions: Mapping[str, Question], cache: Cache
    ) -> tuple[dict[str, LlmCompletion], Mapping[str, int]]:
        """Return the answers by key, from the cache or from the endpoint, and counts. Failed questions have no answer.

        Raises ``WorkError`` if the endpoint refuses every request or the budget is used up; answers so far stay in the
        cache. It starts an event loop, so it must not be called on a thread that runs one.
        """
        answers = {key: answer for key in questions if (answer := cache.get(key)) is not None}
        missing = {key: question for key, question in questions.items() if key not in answers}
        counts = Counter(kept_answers=len(answers))
        self._trusted |= bool(answers)
        if missing:
            with Progress("teacher", total=len(missing), unit="requests") as progress:
                current = QuestionBatch(cache, Budget(self._settings, cache.spent()), iter(missing.items()), progress)
                asyncio.run(self._ask_together(current, min(self._settings.concurrency, len(missing))))
            answers |= current.answers
            counts += current.counts
            if current.used_up is not None:
                raise current.budget.error(current.used_up)
        return answers, counts

    async def _ask_together(self, current: QuestionBatch, workers: int) -> None:
        """Run the workers. When the budget is used up, requests under way still finish, because they are paid for; an
        error cancels them."""
        try:
            async with self._endpoint.client(workers) as client, asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(self._work(client, current))
        except BaseExceptionGroup as errors:
            raise next((error for error in errors.exceptions if isinstance(error, PrlcoderError)), errors) from None

    async def _work(self, client: httpx.AsyncClient, current: QuestionBatch) -> None:
        for key, question in current.waiting:
            current.used_up = current.used_up or current.budget.exceeded()
            if current.used_up is not None:
                return
            if self._breaker.admits():
                answer = await self._ask(client, question, current)
                if answer is not None:
                    current.answers[key] = current.cache.put(key, question.model, answer)
            else:
                current.counts["kept_back"] += 1
            current.progress.advance()

    async def _ask(self, client: httpx.AsyncClient, question: Question, current: QuestionBatch) -> LlmCompletion | None:
        """Return the answer, or None if the endpoint failed or refused."""
        used = LlmTokenUsage()
        current.budget.reserve(question)
        try:
            answer = await self._endpoint.ask(client, question, current.counts)
            used = answer.usage
        except UnavailableError as error:
            current.counts["failed"] += 1
            self._breaker.failed()
            if self._breaker.is_open:
                _tell(f"{self._endpoint.url} does not answer ({error}); the rule teacher proposes for now")
            return None
        except RefusedError as error:
            current.counts["refused"] += 1
            self._breaker.abandoned()
            self._refused(error)
            return None
        except BaseException:
            self._breaker.abandoned()
            raise
        finally:
            current.budget.settle(question, used)
        self._breaker.succeeded()
        self._trusted = True
        return answer

    def _refused(self, error: RefusedError) -> None:
        """Raise ``WorkError`` if the endpoint has only ever refused: then the settings are wrong, not this request."""
        self._refusals += not error.too_long
        if not self._trusted and self._refusals >= self._settings.breaker_failures:
            raise WorkError(
                f"teacher: {self._endpoint.url} refuses every request ({error}); check the teacher's model, "
                "temperature and maxTokens against what the endpoint takes"
            )


def api_key(settings: LlmTeacher, environment: Mapping[str, str]) -> str | None:
    """Read the API key from the environment variable that the settings name.

    Raises ``InputError`` if it is missing or contains characters that an HTTP header cannot carry.
    """
    if settings.api_key_env is None:
        return None
    value = environment.get(settings.api_key_env, "").strip()
    if not value:
        raise InputError(f"apiKeyEnv: the environment variable {settings.api_key_env} is not set; put the key in it")
    if not value.isascii() or not value.isprintable():
        raise InputError(
            f"apiKeyEnv: {settings.api_key_env} contains characters that a key cannot have; check what was pasted"
        )
    return value


def _tell(message: str) -> None:
    print(f"teacher: {message}", file=sys.stderr)
