"""The clients of the reward model: asynchronous, and for synchronous code."""

from __future__ import annotations

from collections.abc import Sequence

from prlcoder.prm.items import ProgramScores, ProgramToScore, StepScore
from prlcoder.problems.messages import write_prompt
from prlcoder.rpc.address import Address
from prlcoder.rpc.blocking import Blocking
from prlcoder.rpc.client import TIMEOUT_S, Client, ServiceError
from prlcoder.v1 import prm_pb2, prm_pb2_grpc, segmenter_pb2


class PrmClient(Client):
    """Like ``prlcoder.prm.serving.live.LiveScorer``, but on a server."""

    def __init__(self, address: Address | str, *, timeout_s: float = TIMEOUT_S) -> None:
        super().__init__(address, timeout_s=timeout_s)
        self._stub = prm_pb2_grpc.PrmServiceStub(self._channel)

    async def score(
        self, items: Sequence[ProgramToScore], *, timeout_s: float | None = None
    ) -> list[ProgramScores | ServiceError]:
        """The scores of each item, or why there are none (reason ``TOO_LONG`` if it is longer than the context)."""
        request = prm_pb2.ScoreStepsRequest(items=[_write(item) for item in items])
        response = await self.call(self._stub.ScoreSteps, request, timeout_s=timeout_s)
        return [self._read(item, result) for item, result in zip(items, response.results, strict=True)]

    async def info(self, *, timeout_s: float | None = None) -> prm_pb2.PrmServiceGetModelInfoResponse:
        """The model that is serving."""
        response: prm_pb2.PrmServiceGetModelInfoResponse = await self.call(
            self._stub.GetModelInfo, prm_pb2.PrmServiceGetModelInfoRequest(), timeout_s=timeout_s
        )
        return response

    async def update(self, version: int, uri: str, *, timeout_s: float | None = None) -> float:
        """Serve another checkpoint. Returns for how many seconds the switch delayed requests."""
        request = prm_pb2.PrmServiceUpdateWeightsRequest(version=version, uri=uri)
        response = await self.call(self._stub.UpdateWeights, request, timeout_s=timeout_s, idempotent=False)
        return float(response.pause_s)

    def _read(self, item: ProgramToScore, result: prm_pb2.ScoreResult) -> ProgramScores | ServiceError:
        if result.WhichOneof("outcome") != "scores":
            return self.item_error(result.status)
        asked = {(step.start, step.end) for step in item.steps}
        scores = [
            StepScore(one.start, one.end, one.probability, one.logit)
            for one in result.scores.steps
            if (one.start, one.end) in asked
        ]
        return ProgramScores(scores, result.scores.weights_version)


class BlockingPrm(Blocking[PrmClient]):
    """``PrmClient`` for synchronous code."""

    def __init__(self, address: Address | str, *, timeout_s: float = TIMEOUT_S) -> None:
        super().__init__(lambda: PrmClient(address, timeout_s=timeout_s))

    def score(self, items: Sequence[ProgramToScore]) -> list[ProgramScores | ServiceError]:
        """The scores of each item, or why there are none."""
        return self._thread.run(self._client.score(items))


def _write(item: ProgramToScore) -> prm_pb2.ScoreItem:
    """The message. The text between steps is sent as segments too, because segments must be contiguous; their scores
    are dropped when the answer is read."""
    message = prm_pb2.ScoreItem(prompt=write_prompt(item.prompt), program=item.program)
    segments = message.segments.segments
    for step in item.steps:
        begins = segments[-1].end if segments else 0
        if step.start > begins:
            segments.append(segmenter_pb2.Segment(start=begins, end=step.start))
        segments.append(segmenter_pb2.Segment(start=step.start, end=step.end))
    return message
