"""The clients of the mutator: asynchronous, and for synchronous code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prlcoder.mutator import Variant
from prlcoder.mutator.serving.messages import read_variants
from prlcoder.rpc.address import Address
from prlcoder.rpc.blocking import Blocking
from prlcoder.rpc.client import TIMEOUT_S, Client
from prlcoder.segmenter import Segment
from prlcoder.segmenter.serving.messages import write_segments
from prlcoder.v1 import mutator_pb2, mutator_pb2_grpc


@dataclass(frozen=True)
class Rules:
    """Settings of the rule teacher, as in ``prlcoder.mutator.RuleTeacher``."""

    seed: int = 0
    mutations: int = 4
    refactorings: int = 1


@dataclass(frozen=True)
class CutProgram:
    """A correct program and its segments. ``indexes`` are those of the segments to rewrite; if empty, every step is
    rewritten."""

    problem_id: str
    program: str
    segments: Sequence[Segment]
    indexes: Sequence[int] = ()


class MutatorClient(Client):
    """``RuleTeacher.propose`` for a batch of programs."""

    async def propose(
        self, programs: Sequence[CutProgram], rules: Rules, *, timeout_s: float | None = None
    ) -> list[dict[int, list[Variant]]]:
        """The variants of each program by segment index. ``ServiceError`` if the server refuses one of the programs."""
        request = mutator_pb2.ProposeRequest(
            items=[_item(program) for program in programs],
            rules=mutator_pb2.RuleTeacher(seed=rules.seed, mutations=rules.mutations, refactorings=rules.refactorings),
        )
        stub = mutator_pb2_grpc.MutatorServiceStub(self._channel)
        response = await self.call(stub.Propose, request, timeout_s=timeout_s)
        return [self._read(result) for result in response.results]

    def _read(self, result: mutator_pb2.ProposeResult) -> dict[int, list[Variant]]:
        if result.WhichOneof("outcome") != "proposal":
            raise self.item_error(result.status)
        return {part.segment_index: read_variants(part) for part in result.proposal.segments}


class BlockingMutator(Blocking[MutatorClient]):
    """``MutatorClient`` for synchronous code."""

    def __init__(self, address: Address | str, *, timeout_s: float = TIMEOUT_S) -> None:
        super().__init__(lambda: MutatorClient(address, timeout_s=timeout_s))

    def propose(self, programs: Sequence[CutProgram], rules: Rules) -> list[dict[int, list[Variant]]]:
        """The variants of each program by segment index."""
        return self._thread.run(self._client.propose(programs, rules))


def _item(program: CutProgram) -> mutator_pb2.ProposeItem:
    return mutator_pb2.ProposeItem(
        problem_id=program.problem_id,
        program=program.program,
        segments=write_segments(program.segments, text=False),
        segment_indexes=program.indexes,
    )
