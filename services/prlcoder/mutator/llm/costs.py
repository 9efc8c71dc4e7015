"""Costs of the language-model teacher: estimates before a build, and the budget that stops it. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from prlcoder.errors import WorkError
from prlcoder.mutator.llm.completions import LlmTokenUsage, Question
from prlcoder.spec import LlmTeacher


def price(usage: LlmTokenUsage, settings: LlmTeacher) -> float | None:
    """Return the cost of the tokens in the currency of the prices; None without prices. Thinking counts as
    completion."""
    prompt, completion = settings.price_per_million_prompt, settings.price_per_million_completion
    if prompt is None or completion is None:
        return None
    return (usage.prompt * prompt + usage.completion * completion) / 1e6


class Budget:
    """Tracks spent tokens and the estimates of requests under way against the settings' budget."""

    def __init__(self, settings: LlmTeacher, spent: LlmTokenUsage) -> None:
        self._settings, self._spent = settings, spent

    def exceeded(self) -> str | None:
        """Return a message about the exhausted part of the budget; None if none is exhausted."""
        budget, cost = self._settings.budget, price(self._spent, self._settings)
        if budget.tokens is not None and self._spent.total >= budget.tokens:
            return f"budget.tokens ({budget.tokens:,}) is used up"
        if budget.cost is not None and cost is not None and cost >= budget.cost:
            return f"budget.cost ({budget.cost:g}) is used up"
        return None

    def reserve(self, question: Question) -> None:
        """Count the estimate of a request that is about to be sent."""
        self._spent += question.estimate

    def settle(self, question: Question, used: LlmTokenUsage) -> None:
        """Replace the estimate of a request by the tokens that it used (0 if it failed)."""
        estimate = question.estimate
        self._spent += LlmTokenUsage(
            used.prompt - estimate.prompt, used.completion - estimate.completion, used.reasoning
        )

    def error(self, what: str) -> WorkError:
        """Return the error that ends a build whose budget is exhausted."""
        return WorkError(
            f"teacher: {what}; every answer so far is kept. Raise it and run the same command again to go on"
        )


@dataclass(frozen=True)
class Estimate:
    """The requests, tokens and cost of a build, estimated before anything is sent."""

    requests: int
    kept: int  # requests whose answer is in the cache
    expected: LlmTokenUsage  # of the other requests: estimated from text lengths, without thinking
    most: LlmTokenUsage  # of the other requests: if every answer is as long as `maxTokens`
    cost: tuple[float, float] | None  # of `expected` and of `most`
    minutes: float | None  # lower bound that follows from the rate limits


def estimate(settings: LlmTeacher, questions: Iterable[tuple[Question, bool]]) -> Estimate:
    """Sum over questions, each given with whether its answer is in the cache."""
    requests = kept = 0
    expected, most = LlmTokenUsage(), LlmTokenUsage()
    for question, is_kept in questions:
        requests, kept = requests + 1, kept + is_kept
        if not is_kept:
            expected += question.estimate
            most += LlmTokenUsage(question.estimate.prompt, question.max_tokens)
    low, high = price(expected, settings), price(most, settings)
    limits = [
        amount / limit
        for amount, limit in (
            (requests - kept, settings.requests_per_minute),
            (expected.total, settings.tokens_per_minute),
        )
        if limit
    ]
    cost = None if low is None or high is None else (low, high)
    return Estimate(requests, kept, expected, most, cost, max(limits, default=None))


def render(plan: Estimate) -> str:
    """Return the estimate as text."""
    left = plan.requests - plan.kept
    lines = [
        f"{plan.requests:,} requests, {plan.kept:,} of them answered already, {left:,} to ask",
        f"tokens, about: {plan.expected.prompt:,} prompt, {plan.expected.completion:,} completion without thinking "
        f"(at most {plan.most.completion:,} at maxTokens)",
    ]
    if plan.cost is not None:
        lines.append(f"cost, about: {plan.cost[0]:,.2f} without thinking (at most {plan.cost[1]:,.2f})")
    if plan.minutes is not None:
        lines.append(f"time, at least: {plan.minutes:,.1f} minutes by the rate limits")
    return "\n".join(lines)
