"""Noise on the wire: whatever arrives, the answer is a status of the closed list below and the server goes on.

``PRLCODER_FUZZ_SECONDS`` is the length in seconds (2; CI runs a minute). The seed is printed when something fails.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from tests.fixtures.serving import Serve, channel

from prlcoder.executor import ExecutionRequest, ResourceLimits
from prlcoder.executor.serving.requests import ExecutionWriter
from prlcoder.executor.serving.service import ExecutorService
from prlcoder.executor.serving.settings import ExecutorSettings
from prlcoder.mutator.serving.service import MutatorService
from prlcoder.problems.model import CallTest, CallTests
from prlcoder.rpc.server import Server
from prlcoder.segmenter.serving.service import SegmenterService
from prlcoder.v1 import executor_pb2, mutator_pb2, segmenter_pb2

pytestmark = pytest.mark.needs_sandbox

SECONDS = float(os.environ.get("PRLCODER_FUZZ_SECONDS", "2"))
LIMITS = ResourceLimits(cpu_s=0.5, wall_s=1.0, memory_mib=256, output_mib=1)
ALLOWED = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}
PROGRAM = "def f(n):\n    total = 0\n    for i in range(n):\n        total += i\n    return total\n"
TESTS = CallTests("f", (CallTest((3,), {}, 3),))

SEGMENT = segmenter_pb2.SegmentRequest(sources=[segmenter_pb2.Source(id="a", program=PROGRAM)] * 2, mode=1)
PROPOSE = mutator_pb2.ProposeRequest(
    items=[mutator_pb2.ProposeItem(id="a", problem_id="p", program=PROGRAM, mode=2, segment_indexes=[1])],
    rules=mutator_pb2.RuleTeacher(seed=1, mutations=2, refactorings=1),
)
EXECUTE = executor_pb2.ExecuteRequest(execution=ExecutionWriter().write(ExecutionRequest(PROGRAM, TESTS)))
BATCH = executor_pb2.ExecuteBatchRequest(id="a", execution=EXECUTE.execution)

Mutate = Callable[[bytes, random.Random], bytes]


def flipped(data: bytes, rng: random.Random) -> bytes:
    """Some bytes changed."""
    noisy = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        noisy[rng.randrange(len(noisy))] = rng.randrange(256)
    return bytes(noisy)


def cut(data: bytes, rng: random.Random) -> bytes:
    """The end, the start or the middle is missing."""
    begin, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:begin] + data[end:]


def noise(data: bytes, rng: random.Random) -> bytes:
    """Nothing of it left."""
    return rng.randbytes(rng.randint(0, 200))


def repeated(data: bytes, rng: random.Random) -> bytes:
    """Messages concatenate by merging."""
    return data * rng.randint(2, 30)


MUTATIONS: tuple[Mutate, ...] = (flipped, cut, noise, repeated)


def outcome(call: Callable[[], Any]) -> tuple[grpc.StatusCode, str]:
    """How a call ended: status code and message."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code(), error.details() or ""
    return grpc.StatusCode.OK, ""


@pytest.fixture(scope="module")
def servers(serve: Serve) -> dict[str, Server]:
    settings = ExecutorSettings(workers=1, default_limits=LIMITS, max_limits=LIMITS)
    return {
        "Segmenter": serve(lambda limits, registry: SegmenterService(limits, registry, workers=1)),
        "Mutator": serve(lambda limits, registry: MutatorService(limits, registry, workers=1)),
        "Executor": serve(lambda limits, registry: ExecutorService(limits, settings, registry)),
    }


@pytest.mark.parametrize(
    ("service", "method", "message", "streams"),
    [
        ("Segmenter", "Segment", SEGMENT, False),
        ("Mutator", "Propose", PROPOSE, False),
        ("Executor", "Execute", EXECUTE, False),
        ("Executor", "ExecuteBatch", BATCH, True),
    ],
)
def test_noise_is_answered_with_a_status_and_the_server_goes_on(
    servers: dict[str, Server], service: str, method: str, message: Any, streams: bool
) -> None:
    plain = channel(servers[service])
    path = f"/prlcoder.v1.{service}Service/{method}"
    sound = message.SerializeToString()
    seed = random.SystemRandom().randrange(1 << 32)
    rng = random.Random(seed)

    def call(*parts: bytes) -> tuple[grpc.StatusCode, str]:
        if streams:
            return outcome(lambda: list(plain.stream_stream(path)(iter(parts), timeout=20)))
        return outcome(lambda: plain.unary_unary(path)(parts[0], timeout=20))

    ends = time.monotonic() + SECONDS / 4
    while time.monotonic() < ends:
        parts = [rng.choice(MUTATIONS)(sound, rng) for _ in range(rng.randint(1, 3))]
        code, details = call(*parts)
        assert code in ALLOWED, (seed, code, details, parts)
        assert "Traceback" not in details
    assert call(sound) == (grpc.StatusCode.OK, "")
