"""The language-model teacher: one request per segment and operation, many at once, and none twice.

Its proposals depend only on the answers, and all answers are cached. A build that was killed therefore asks only for
the missing ones and ends with the same content. If all retries fail, or the circuit breaker is open, the rule teacher
proposes instead, under its own name, and the caller is told for which segments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prlcoder.mutator.llm.answers import candidates
from prlcoder.mutator.llm.batch import BatchAsker
from prlcoder.mutator.llm.breaker import COOLDOWN_S
from prlcoder.mutator.llm.cache import Cache, key
from prlcoder.mutator.llm.completions import LlmCompletion, LlmTokenUsage, Question
from prlcoder.mutator.llm.costs import Estimate, estimate, price
from prlcoder.mutator.llm.prompts import question, templates_digest
from prlcoder.mutator.llm.rate_limits import Backoff
from prlcoder.mutator.llm.validate_proposals import ProposalValidator, UnfitError
from prlcoder.mutator.model import Proposals, RewriteSite, Variant, VariantKind
from prlcoder.mutator.teacher import RuleTeacher
from prlcoder.spec import LlmTeacher

SEEDS = 2**31  # endpoints accept seeds that fit a signed 32-bit integer


@dataclass(frozen=True)
class LlmRequest:
    """One question about one rewrite site (``place`` is its index in the call), and the cache key of its answer."""

    place: int
    kind: VariantKind
    question: Question
    key: str


@dataclass
class AnswerTally:
    """Counts over the answers of one call."""

    counts: Counter[str] = field(default_factory=Counter)  # answers, proposed, fitting
    unfit: Counter[str] = field(default_factory=Counter)  # by reason
    tokens: LlmTokenUsage = field(default_factory=LlmTokenUsage)


class LanguageModelTeacher:
    """Proposes variants that a model behind an OpenAI-compatible endpoint writes (a ``BatchTeacher``).

    ``cache`` is the cache file, unless the settings name one. Raises ``InputError`` at once if the key's variable is
    not set. Not thread-safe.
    """

    name = "llm"

    def __init__(
        self,
        settings: LlmTeacher,
        *,
        seed: int,
        cache: Path,
        backoff: Backoff | None = None,
        breaker_cooldown_s: float = COOLDOWN_S,
    ) -> None:
        self._settings, self._seed = settings, seed
        self._wanted: dict[VariantKind, int] = {"mutation": settings.mutations, "refactoring": settings.refactorings}
        self._cache_path = Path(settings.cache) if settings.cache else cache
        self._asker = BatchAsker(settings, backoff=backoff, breaker_cooldown_s=breaker_cooldown_s)
        self._rules = RuleTeacher(seed, settings.mutations, settings.refactorings)

    def propose_all(self, places: Sequence[RewriteSite]) -> Proposals:
        """The variants of every place, the same for the same kept answers. Errors: ``BatchAsker.ask_all``'s."""
        requests = list(self._requests(places))
        with Cache(self._cache_path) as cache:
            answers, asking = self._asker.ask_all({item.key: item.question for item in requests}, cache)
        tally = AnswerTally()
        variants: list[list[Variant]] = []
        unanswered: list[int] = []
        for number, (place, items) in enumerate(_by_place(places, requests)):
            answered = [(item.kind, answers[item.key]) for item in items if item.key in answers]
            made = self._made(place, answered, tally)
            if len(answered) < len(items):
                unanswered.append(number)
                made += self._instead(place, {item.kind for item in items if item.key not in answers}, made)
            variants.append(made)
        where = [(places[number].problem_id, places[number].index) for number in unanswered]
        return Proposals(variants, self._counts(tally, asking, len(unanswered)), where)

    def estimate(self, places: Iterable[RewriteSite]) -> Estimate:
        """Estimate the requests of ``propose_all`` without sending any. Does not create a cache file."""
        requests = self._requests(places)
        if not self._cache_path.exists():
            return estimate(self._settings, ((item.question, False) for item in requests))
        with Cache(self._cache_path) as cache:
            return estimate(self._settings, ((item.question, cache.get(item.key) is not None) for item in requests))

    def _requests(self, places: Iterable[RewriteSite]) -> Iterator[LlmRequest]:
        settings = self._settings
        for number, place in enumerate(places):
            for kind, count in self._wanted.items():
                if count:
                    asked = question(
                        place,
                        kind,
                        count,
                        model=settings.model,
                        temperature=settings.temperature,
                        max_tokens=settings.max_tokens,
                        seed=self._seed % SEEDS,
                    )
                    yield LlmRequest(number, kind, asked, key(asked, templates_digest()))

    def _made(
        self, place: RewriteSite, answered: Sequence[tuple[VariantKind, LlmCompletion]], tally: AnswerTally
    ) -> list[Variant]:
        """Return the valid variants among the first of each answer, at most as many as were asked for."""
        made: list[Variant] = []
        validator = ProposalValidator(place) if answered else None
        for kind, answer in answered:
            assert validator is not None
            tally.tokens += answer.usage
            found = candidates(answer)[: self._wanted[kind]]
            tally.counts.update(answers=1, proposed=len(found))
            if not found:
                tally.unfit["cut_off" if answer.finish_reason == "length" else "no_variants"] += 1
            for candidate in found:
                try:
                    made.append(validator.fit(candidate, kind))
                except UnfitError as reason:
                    tally.unfit[str(reason)] += 1
        tally.counts["fitting"] += len(made)
        return made

    def _instead(self, place: RewriteSite, kinds: set[VariantKind], made: Sequence[Variant]) -> list[Variant]:
        """Return the rule teacher's variants of the kinds that were not answered."""
        texts = {variant.text for variant in made}
        proposed = self._rules.propose(place.problem_id, place.source, place.segments, place.index)
        return [
            Variant(variant.kind, variant.operator, variant.text, self._rules.name)
            for variant in proposed
            if variant.kind in kinds and variant.text not in texts
        ]

    def _counts(self, tally: AnswerTally, asking: Mapping[str, int], stood_in: int) -> dict[str, Any]:
        """Return the counts. ``tokens`` and ``cost`` cover all answers used, from the endpoint or from the cache."""
        tokens = tally.tokens
        cost = price(tokens, self._settings)
        return {
            **asking,
            **tally.counts,
            "stood_in": stood_in,
            "tokens": {"prompt": tokens.prompt, "completion": tokens.completion, "reasoning": tokens.reasoning},
            "unfit": dict(tally.unfit),
            **({} if cost is None else {"cost": cost}),
        }


def _by_place(
    places: Sequence[RewriteSite], requests: Sequence[LlmRequest]
) -> Iterator[tuple[RewriteSite, list[LlmRequest]]]:
    asked: list[list[LlmRequest]] = [[] for _ in places]
    for request in requests:
        asked[request.place].append(request)
    return zip(places, asked, strict=True)


def described(settings: LlmTeacher) -> dict[str, Any]:
    """Return the settings that determine the content, as plain values; not the address or the rate limits."""
    names = {"kind", "model", "mutations", "refactorings", "temperature", "max_tokens"}
    return {**settings.model_dump(by_alias=True, include=names), "templates": templates_digest()}
