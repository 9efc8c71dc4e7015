"""The reward model over the wire: the in-process scores, per-item errors, exchanged checkpoints, metrics."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.fixtures.serving import Serve, channel, parent

from prlcoder.modeling.reward_record import RewardRecord
from prlcoder.prm.items import ProgramScores, ProgramToScore, StepSpan
from prlcoder.prm.scoring import LocalStepScorer
from prlcoder.prm.serving.client import PrmClient
from prlcoder.prm.serving.service import PrmService
from prlcoder.prm.serving.settings import PrmSettings
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import Prompt, render
from prlcoder.rpc.client import ServiceError
from prlcoder.rpc.server import NOT_SERVING, SERVING, Server
from prlcoder.rpc.settings import ServerLimits
from prlcoder.segmenter import Segment, segment
from prlcoder.stages.remote_scorer import RemoteScorer
from prlcoder.v1 import prm_pb2, prm_pb2_grpc, problem_pb2, segmenter_pb2

pytestmark = pytest.mark.needs_torch

LINE = segmenter_pb2.SEGMENTATION_MODE_LINE
Program = tuple[Prompt, str, Sequence[Segment]]


@pytest.fixture(scope="module")
def services() -> list[PrmService]:
    """What ``server`` serves."""
    return []


@pytest.fixture(scope="module")
def server(serve: Serve, services: list[PrmService], reward_models: dict[str, Path]) -> Server:
    """The reward model ``first``."""
    for folder in reward_models.values():
        (folder / "prompt_template.json").write_text(json.dumps({"name": "plain", "sha256": ""}))

    def make(limits: ServerLimits, registry: Any) -> PrmService:
        services.append(PrmService(limits, PrmSettings(str(reward_models["first"])), registry))
        return services[-1]

    return serve(make)


@pytest.fixture
def stub(server: Server) -> Iterator[prm_pb2_grpc.PrmServiceStub]:
    """A raw stub, for what the client would never send."""
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield prm_pb2_grpc.PrmServiceStub(channel)


def programs(training_problems: Sequence[Problem]) -> list[Program]:
    """The problems' solutions, cut into lines; of the last one only the last step."""
    cut = [(render(one, "plain"), one.canonical, segment(one.canonical, "line")) for one in training_problems]
    return [*cut[:-1], (cut[-1][0], cut[-1][1], cut[-1][2][-1:])]


def score(stub: prm_pb2_grpc.PrmServiceStub, *items: prm_pb2.ScoreItem) -> list[prm_pb2.ScoreResult]:
    """One call."""
    return list(stub.ScoreSteps(prm_pb2.ScoreStepsRequest(items=items), timeout=60).results)


def test_scores_are_those_of_the_in_process_scorer(
    server: Server, reward_models: dict[str, Path], training_problems: tuple[Problem, ...]
) -> None:
    asked = programs(training_problems[:7])
    expected = LocalStepScorer(str(reward_models["first"])).score(asked)
    with RemoteScorer(f"127.0.0.1:{server.port}") as remote:
        found = remote.score([*asked, (asked[0][0], asked[0][1], [])])
    assert found.pop() == []
    for ours, theirs in zip(found, expected, strict=True):
        assert [(one.start, one.end) for one in ours] == [(one.start, one.end) for one in theirs]
        assert [one.logit for one in ours] == pytest.approx([one.logit for one in theirs], abs=2e-4)


def test_the_server_renders_and_cuts_as_the_pipeline_does(
    stub: prm_pb2_grpc.PrmServiceStub, reward_models: dict[str, Path], training_problems: tuple[Problem, ...]
) -> None:
    problem = training_problems[0]
    message = problem_pb2.Problem(id=problem.id, statement=problem.statement, prompt=problem.prompt)
    item = prm_pb2.ScoreItem(id="a", problem=message, program=problem.canonical, mode=LINE)
    (result,) = score(stub, item)
    (expected,) = LocalStepScorer(str(reward_models["first"])).score(programs(training_problems[:2])[:1])
    assert result.id == "a"
    assert [(one.start, one.end) for one in result.scores.steps] == [(one.start, one.end) for one in expected]
    assert [one.probability for one in result.scores.steps] == pytest.approx(
        [one.probability for one in expected], abs=1e-4
    )


def test_a_score_says_whether_its_segment_is_a_step(stub: prm_pb2_grpc.PrmServiceStub) -> None:
    program = 'def f():\n    """Nothing."""\n    return 1\n'
    (cut,) = score(stub, prm_pb2.ScoreItem(program=program, mode=LINE))
    assert [one.is_step for one in cut.scores.steps] == [False, False, True]
    segments = [segmenter_pb2.Segment(start=one.start, end=one.end) for one in cut.scores.steps]
    (given,) = score(stub, prm_pb2.ScoreItem(program=program, segments=segmenter_pb2.Segments(segments=segments)))
    assert not any(one.HasField("is_step") for one in given.scores.steps)
    assert [one.logit for one in given.scores.steps] == pytest.approx([one.logit for one in cut.scores.steps], abs=1e-4)


def test_each_item_has_its_own_error_and_the_others_their_scores(stub: prm_pb2_grpc.PrmServiceStub) -> None:
    outside = segmenter_pb2.Segments(segments=[segmenter_pb2.Segment(start=0, end=9)])
    given = problem_pb2.Prompt(text="# x\ndef f():", given="def f():")
    results = score(
        stub,
        prm_pb2.ScoreItem(id="good", program="a = 1\n", mode=LINE),
        prm_pb2.ScoreItem(id="empty", mode=LINE),
        prm_pb2.ScoreItem(id="no mode", program="a = 1\n"),
        prm_pb2.ScoreItem(id="not python", program="a = (\n", mode=LINE),
        prm_pb2.ScoreItem(id="outside", program="a = 1\n", segments=outside),
        prm_pb2.ScoreItem(id="long", program="a = 1\n" * 600, mode=LINE),
        prm_pb2.ScoreItem(id="other", program="a = 1\n", prompt=given, mode=LINE),
    )
    messages = {result.id: result.status.message for result in results if result.WhichOneof("outcome") == "status"}
    assert [result.id for result in results if result.WhichOneof("outcome") == "scores"] == ["good"]
    assert messages["empty"] == "items[1].program: is empty; send the program, or its beginning"
    assert messages["no mode"].startswith("items[2].mode: ")
    assert messages["not python"].startswith("items[3].program: cannot be segmented (")
    assert messages["outside"].startswith("items[4].segments.segments[0].end: ")
    assert "longer than the model's 512" in messages["long"]
    assert "does not begin with the code that the problem gives" in messages["other"]
    assert {result.status.code for result in results[1:]} == {grpc.StatusCode.INVALID_ARGUMENT.value[0]}


def test_a_program_beyond_the_context_is_a_value_error_for_the_pipeline(server: Server) -> None:
    long = "a = 1\n" * 600
    with RemoteScorer(f"127.0.0.1:{server.port}") as remote, pytest.raises(ValueError, match="longer than the model"):
        remote.score([(Prompt("", "", ""), long, segment(long, "line"))])


def test_checkpoints_are_exchanged_over_the_wire(
    server: Server, reward_models: dict[str, Path], training_problems: tuple[Problem, ...], tmp_path: Path
) -> None:
    address, asked = f"127.0.0.1:{server.port}", programs(training_problems[:3])
    prompt, program, parts = asked[0]
    item = ProgramToScore(prompt, program, tuple(StepSpan(one.start, one.end) for one in parts))
    calibrated = shutil.copytree(reward_models["second"], tmp_path / "calibrated")
    RewardRecord("prm", temperature=1.5, offset=-0.25).write(calibrated)

    async def work() -> None:
        async with PrmClient(address) as client:
            before = await client.info()
            assert (before.kind, before.HasField("temperature"), before.HasField("offset")) == ("", False, False)
            with pytest.raises(ServiceError, match="cannot be loaded") as refused:
                await client.update(before.weights_version + 1, str(tmp_path))
            assert refused.value.reason == "INVALID_WEIGHTS"
            assert (await client.info()).uri == before.uri
            await client.update(before.weights_version + 5, str(calibrated))
            after = await client.info()
            assert (after.uri, after.template, after.max_tokens) == (str(calibrated), "plain", 512)
            assert (after.kind, after.temperature, after.offset) == ("prm", 1.5, -0.25)
            (scored,) = await client.score([item])
            assert isinstance(scored, ProgramScores)
            assert scored.weights_version == after.weights_version == before.weights_version + 5

    asyncio.run(work())
    for name in ("second", "first"):
        with RemoteScorer(address, str(reward_models[name])) as remote:
            (ours, *_), (theirs, *_) = remote.score(asked), LocalStepScorer(str(reward_models[name])).score(asked)
            assert [one.logit for one in ours] == pytest.approx([one.logit for one in theirs], abs=2e-4)
            assert remote.tokenizer("def f")["input_ids"]


def test_metrics_count_what_was_scored(server: Server, stub: prm_pb2_grpc.PrmServiceStub) -> None:
    def value(name: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics") as response:
            lines = response.read().decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))

    names = ("prlcoder_prm_steps_scored_total", "prlcoder_prm_score_count", "prlcoder_prm_batch_tokens_count")
    before = [value(name) for name in names]
    score(stub, prm_pb2.ScoreItem(program="a = 1\nb = 2\n", mode=LINE))
    assert [value(name) - old for name, old in zip(names, before, strict=True)] == [2, 2, 1]


def test_health_says_when_the_model_has_died_and_what_was_asked_meanwhile_is_answered(
    server: Server, services: list[PrmService], training_problems: tuple[Problem, ...]
) -> None:
    process = services[0]._model._process
    assert process is not None
    assert process.pid is not None
    asked = programs(training_problems[:3])
    watched = health_pb2_grpc.HealthStub(channel(server)).Watch(health_pb2.HealthCheckRequest(), timeout=120)
    with RemoteScorer(f"127.0.0.1:{server.port}") as remote, ThreadPoolExecutor(1) as thread:
        expected = remote.score(asked)
        assert next(watched).status == SERVING
        starter = parent(process.pid)
        os.kill(starter, signal.SIGSTOP)  # until health was seen
        try:
            os.kill(process.pid, signal.SIGKILL)
            assert next(watched).status == NOT_SERVING
            owed = thread.submit(remote.score, asked)
        finally:
            os.kill(starter, signal.SIGCONT)
        assert next(watched).status == SERVING
        for ours, theirs in zip(owed.result(), expected, strict=True):
            assert [one.logit for one in ours] == pytest.approx([one.logit for one in theirs], abs=2e-4)
