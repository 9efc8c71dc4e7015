"""What samples the rollouts of a training: one protocol, whose users do not know which engine they have.

``LocalEngine`` samples in the trainer's process with the trainer's own weights.
``service_engine.ServiceEngine`` samples in a policy service, to which it gives new weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from prlcoder.policy.protocol import Generator
from prlcoder.policy.sampling import Sampling
from prlcoder.policy.serving.live import SampleEvent

if TYPE_CHECKING:
    from prlcoder.policy.transformers_engine import TransformersEngine
    from prlcoder.problems.prompts import ModelInput


class RolloutEngine(Generator, Protocol):
    """A generator whose weights follow those in training."""

    @property
    def elsewhere(self) -> bool:
        """Whether it samples outside of this process, so that this process can do other work meanwhile."""
        ...

    def use(self, version: int) -> float:
        """Sample from now on with the present weights of the policy, which have had ``version`` updates. Returns the
        seconds that it took to hand them over. All processes of a training call it together."""
        ...

    def stream(self, prompts: Sequence[str | ModelInput], sampling: Sampling) -> Iterator[SampleEvent]:
        """Each sample exactly once, whole, with the version of the weights that wrote it, in the order in which they
        end; one ``Unread`` per prompt that is too long."""
        ...

    def figures(self) -> Mapping[str, float]:
        """What the log of an update tells about the engine, since the last call."""
        ...

    def close(self) -> None:
        """Free all resources."""
        ...


class LocalEngine:
    """Samples with a model in this process, which may be in training."""

    def __init__(self, engine: TransformersEngine) -> None:
        self._engine = engine
        self._version = 0

    @property
    def elsewhere(self) -> bool:
        """See ``RolloutEngine``."""
        return False

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer."""
        return self._engine.tokenizer

    def use(self, version: int) -> float:
        """See ``RolloutEngine``. The weights are here already."""
        self._version = version
        return 0.0

    def stream(self, prompts: Sequence[str | ModelInput], sampling: Sampling) -> Iterator[SampleEvent]:
        """See ``RolloutEngine``."""
        for event in self._engine.stream(prompts, sampling):
            yield SampleEvent(event, self._version)

    def generate(
        self,
        prompts: Sequence[str | ModelInput],
        *,
        samples: int,
        temperature: float,
        seed: int,
        stop: Sequence[str] = (),
    ) -> list[list[str]]:
        """See ``Generator``."""
        return self._engine.generate(prompts, samples=samples, temperature=temperature, seed=seed, stop=stop)

    def figures(self) -> Mapping[str, float]:
        """See ``RolloutEngine``."""
        return {}

    def close(self) -> None:
        """See ``RolloutEngine``."""
