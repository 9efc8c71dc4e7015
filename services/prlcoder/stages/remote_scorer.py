"""A reward model behind a service, for synchronous code, with the interface of ``prm.protocol.StepScorer``."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

from prlcoder.errors import WorkError
from prlcoder.prm.items import ProgramScores, ProgramToScore, StepScore, StepSpan
from prlcoder.prm.serving.client import PrmClient
from prlcoder.rpc.address import Address
from prlcoder.rpc.client import ServiceError
from prlcoder.stages.remote_model import RemoteModel

if TYPE_CHECKING:
    from prlcoder.problems.prompts import Prompt
    from prlcoder.segmenter.model import Segment

MAX_ITEMS_PER_CALL: Final = 128
MAX_OPEN_CALLS: Final = 4  # several, so that the model has work while answers are read
TIMEOUT_S: Final = 600.0


class RemoteScorer(RemoteModel[PrmClient]):
    """Scores with the service at ``address``; ``model`` as in ``RemoteModel``."""

    def __init__(self, address: Address | str, model: str | None = None) -> None:
        super().__init__(lambda: PrmClient(address, timeout_s=TIMEOUT_S), model)
        self._target = address if isinstance(address, str) else address.target
        self._version: int | None = None  # of the weights that gave the first score

    def score(self, items: Sequence[tuple[Prompt, str, Sequence[Segment]]]) -> list[list[StepScore]]:
        """One score per segment for each (prompt, whole program, its segments). ``ValueError`` if a program is longer
        than the model's context, ``ServiceError`` if the server refuses it for another reason, ``WorkError`` if the
        server has got another model since the first call."""
        return self._thread.run(self._score(items))

    async def _score(self, items: Sequence[tuple[Prompt, str, Sequence[Segment]]]) -> list[list[StepScore]]:
        asked = [
            ProgramToScore(prompt, program, tuple(StepSpan(part.start, part.end) for part in segments))
            for prompt, program, segments in items
        ]
        scored = [item for item in asked if item.steps]
        places = asyncio.Semaphore(MAX_OPEN_CALLS)

        async def call(batch: Sequence[ProgramToScore]) -> list[ProgramScores | ServiceError]:
            async with places:
                return await self._client.score(batch)

        batches = [scored[start : start + MAX_ITEMS_PER_CALL] for start in range(0, len(scored), MAX_ITEMS_PER_CALL)]
        found = [one for batch in await asyncio.gather(*map(call, batches)) for one in batch]
        await self._check_version({one.weights_version for one in found if isinstance(one, ProgramScores)})
        answers = iter(found)
        return [_steps(next(answers)) if item.steps else [] for item in asked]

    async def _check_version(self, versions: Collection[int]) -> None:
        """A restarted server counts its versions anew, so another version of the same model is allowed."""
        if self._version is None:
            self._version = min(versions, default=None)
        changed = {version for version in versions if version != self._version}
        if not changed:
            return
        uri = (await self._client.info()).uri
        if len(changed) > 1 or not self._serves(uri):
            raise WorkError(
                f"{self._target}: the reward model's service had version {self._version} of its weights and has "
                f"{max(changed)} ({uri}) now, so its scores cannot be compared; run again to go on with one model"
            )
        self._version = changed.pop()


def _steps(answer: ProgramScores | ServiceError) -> list[StepScore]:
    if isinstance(answer, ProgramScores):
        return answer.steps
    if answer.reason == "TOO_LONG":
        raise ValueError(str(answer))
    raise answer
