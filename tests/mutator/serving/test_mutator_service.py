"""The rule teacher over gRPC equals the rule teacher."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from tests.fixtures.serving import Serve, channel

from prlcoder.mutator import RuleTeacher
from prlcoder.mutator.serving.client import BlockingMutator, CutProgram, Rules
from prlcoder.mutator.serving.service import MutatorService
from prlcoder.rpc.client import ServiceError
from prlcoder.rpc.server import Server
from prlcoder.segmenter import Segment, segment
from prlcoder.v1 import mutator_pb2, mutator_pb2_grpc

PROGRAM = """\
def total(values, limit):
    found = 0
    for index, value in enumerate(values):
        if value > limit and index % 2 == 0:
            found += value
    return found
"""


@pytest.fixture(scope="module")
def server(serve: Serve) -> Server:
    return serve(lambda limits, registry: MutatorService(limits, registry, workers=1))


@pytest.fixture(scope="module")
def target(server: Server) -> str:
    return f"127.0.0.1:{server.port}"


def test_variants_are_those_of_the_core(target: str) -> None:
    segments = segment(PROGRAM, "line")
    rules = Rules(seed=7, mutations=3, refactorings=1)
    teacher = RuleTeacher(7, 3, 1)
    with BlockingMutator(target) as client:
        every, one = client.propose(
            [CutProgram("p", PROGRAM, segments), CutProgram("p", PROGRAM, segments, indexes=[2])], rules
        )
    steps = [index for index, part in enumerate(segments) if part.is_step]
    assert every == {index: teacher.propose("p", PROGRAM, segments, index) for index in steps}
    assert one == {2: every[2]}
    assert sum(map(len, every.values())) > 5


def test_the_server_cuts_the_program_if_asked(server: Server) -> None:
    request = mutator_pb2.ProposeRequest(
        items=[mutator_pb2.ProposeItem(id="a", problem_id="p", program=PROGRAM, mode=1)],
        rules=mutator_pb2.RuleTeacher(seed=7, mutations=3, refactorings=1),
    )
    (result,) = mutator_pb2_grpc.MutatorServiceStub(channel(server)).Propose(request, timeout=30).results
    assert result.id == "a"
    texts = {part.segment_index: [variant.text for variant in part.variants] for part in result.proposal.segments}
    segments = segment(PROGRAM, "line")
    assert texts[2] == [one.text for one in RuleTeacher(7, 3, 1).propose("p", PROGRAM, segments, 2)]


def item(**fields: Any) -> mutator_pb2.ProposeItem:
    return mutator_pb2.ProposeItem(**{"program": PROGRAM, "mode": 1, **fields})


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (item(program=""), "items[1].program: is empty"),
        (item(program="def"), "items[1].program: cannot be segmented"),
        (item(mode=9), "items[1].mode: is not a segmentation mode"),
        (item(segment_indexes=[99]), "items[1].segment_indexes: 99 is out of range"),
    ],
)
def test_a_wrong_item_fails_alone_and_names_its_field(server: Server, wrong: Any, field: str) -> None:
    request = mutator_pb2.ProposeRequest(items=[item(), wrong, item()], rules=mutator_pb2.RuleTeacher(mutations=1))
    results = mutator_pb2_grpc.MutatorServiceStub(channel(server)).Propose(request, timeout=30).results
    assert [result.WhichOneof("outcome") for result in results] == ["proposal", "status", "proposal"]
    assert results[1].status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert results[1].status.message.startswith(field)


def test_segments_must_follow_on_one_another(target: str) -> None:
    segments = [Segment(0, 5, "expr", ""), Segment(7, 9, "expr", "")]
    with BlockingMutator(target) as client, pytest.raises(ServiceError, match=r"segments\[1\].start: is 7, but"):
        client.propose([CutProgram("p", PROGRAM, segments)], Rules())


@pytest.mark.parametrize(
    ("rules", "message"), [(None, "no teacher is set"), (mutator_pb2.RuleTeacher(mutations=65), "65 is above 64")]
)
def test_a_wrong_teacher_is_refused(server: Server, rules: Any, message: str) -> None:
    request = mutator_pb2.ProposeRequest(items=[item()], rules=rules)
    with pytest.raises(grpc.RpcError, match=message):
        mutator_pb2_grpc.MutatorServiceStub(channel(server)).Propose(request, timeout=30)
