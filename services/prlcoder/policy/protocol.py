"""The interface of everything that samples programs from a policy, in this process or behind a service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from prlcoder.problems.prompts import ModelInput


class Generator(Protocol):
    """A policy with its tokenizer: ``TransformersEngine`` in this process, ``RemoteEngine`` through the service."""

    @property
    def tokenizer(self) -> Any:
        """The tokenizer that renders the prompts."""
        ...

    def generate(
        self,
        prompts: Sequence[str | ModelInput],
        *,
        samples: int,
        temperature: float,
        seed: int,
        stop: Sequence[str] = (),
    ) -> list[list[str]]:
        """``samples`` completions per prompt, in order; the same arguments give the same completions.

        Control tokens are read where a ``ModelInput`` says so; in a plain string they are read everywhere.
        """
        ...


class Likelihood(NamedTuple):
    """A completion with the mean log-probability of its tokens under the policy at temperature 1; None without
    tokens."""

    text: str
    mean_log_probability: float | None


@runtime_checkable
class LikelihoodGenerator(Protocol):
    """A generator that also returns how likely the policy itself finds its completions."""

    def generate_with_likelihoods(
        self, prompts: Sequence[Any], *, samples: int, temperature: float, seed: int, stop: Sequence[str] = ()
    ) -> list[list[Likelihood]]:
        """The completions of ``Generator.generate`` with their likelihoods."""
        ...


def mean_log_probability(log_probabilities: Sequence[float]) -> float | None:
    """The mean over tokens; None if there are none."""
    return sum(log_probabilities) / len(log_probabilities) if log_probabilities else None
