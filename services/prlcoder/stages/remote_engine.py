"""A policy behind a service, for synchronous code, with the interface of ``policy.protocol.Generator``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from prlcoder.policy.protocol import Likelihood, mean_log_probability
from prlcoder.policy.sampling import Sampling
from prlcoder.policy.serving.client import PolicyClient, PolicySample
from prlcoder.problems.prompts import ModelInput
from prlcoder.rpc.address import Address
from prlcoder.rpc.client import ServiceError
from prlcoder.stages.remote_model import RemoteModel
from prlcoder.telemetry.progress import Progress

MAX_SAMPLES_PER_CALL: Final = 1024
TIMEOUT_S: Final = 3600.0


class RemoteEngine(RemoteModel[PolicyClient]):
    """Generates with the service at ``address``; ``model`` as in ``RemoteModel``."""

    def __init__(self, address: Address | str, model: str | None = None, *, max_new_tokens: int = 512) -> None:
        super().__init__(lambda: PolicyClient(address, timeout_s=TIMEOUT_S), model)
        self._max_new_tokens = max_new_tokens

    def generate_with_likelihoods(
        self, prompts: Sequence[Any], *, samples: int, temperature: float, seed: int, stop: Sequence[str] = ()
    ) -> list[list[Likelihood]]:
        """The completions of ``generate``, each with its mean token log-probability."""
        found: list[list[Likelihood]] = []
        together = max(1, MAX_SAMPLES_PER_CALL // samples)
        with Progress("generate", total=len(prompts) * samples, unit="samples") as progress:
            for first in range(0, len(prompts), together):
                part = prompts[first : first + together]
                sampling = Sampling(
                    samples=samples,
                    temperature=temperature,
                    seed=seed,
                    stop=tuple(stop),
                    first_prompt=first,
                    max_tokens=self._max_new_tokens,
                    log_probabilities=True,
                )
                written = self._thread.run(self._client.complete(part, sampling))
                found += [[_likelihood(sample) for sample in of_prompt] for of_prompt in written]
                progress.advance(len(part) * samples, tokens=_token_count(written))
        return found

    def generate(
        self,
        prompts: Sequence[str | ModelInput],
        *,
        samples: int,
        temperature: float,
        seed: int,
        stop: Sequence[str] = (),
    ) -> list[list[str]]:
        """``samples`` completions per prompt, without the text that ended them. If the server's engine is
        ``transformers``, they equal those of a ``TransformersEngine``. A prompt that fills the context gets empty
        completions."""
        texts: list[list[str]] = []
        together = max(1, MAX_SAMPLES_PER_CALL // samples)
        with Progress("generate", total=len(prompts) * samples, unit="samples") as progress:
            for first in range(0, len(prompts), together):
                part = prompts[first : first + together]
                sampling = Sampling(
                    samples=samples,
                    temperature=temperature,
                    seed=seed,
                    stop=tuple(stop),
                    first_prompt=first,
                    max_tokens=self._max_new_tokens,
                )
                found = self._thread.run(self._client.complete(part, sampling))
                texts += [[_text(sample) for sample in written] for written in found]
                progress.advance(len(part) * samples, tokens=_token_count(found))
        return texts


def _token_count(found: Sequence[Sequence[PolicySample | ServiceError]]) -> int:
    return sum(len(one.ids) for samples in found for one in samples if isinstance(one, PolicySample))


def _likelihood(sample: PolicySample | ServiceError) -> Likelihood:
    if isinstance(sample, PolicySample):
        return Likelihood(sample.text, mean_log_probability(sample.log_probabilities))
    return Likelihood(_text(sample), None)


def _text(sample: PolicySample | ServiceError) -> str:
    if isinstance(sample, PolicySample):
        return sample.text
    if sample.reason == "TOO_LONG":
        return ""
    raise sample
