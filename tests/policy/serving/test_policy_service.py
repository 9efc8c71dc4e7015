"""The policy over the wire: the in-process texts, clear refusals, exchanged weights, metrics."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Iterator
from contextlib import aclosing
from itertools import chain
from pathlib import Path

import grpc
import pytest
from tests.fixtures.serving import Serve

from prlcoder.policy.sampling import Sampling
from prlcoder.policy.serving.client import PolicyClient, PolicySample
from prlcoder.policy.serving.service import PolicyService
from prlcoder.policy.serving.settings import PolicySettings
from prlcoder.policy.transformers_engine import TransformersEngine
from prlcoder.problems.completions import extract_program
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import render
from prlcoder.rpc.client import ServiceError
from prlcoder.rpc.server import Server
from prlcoder.stages import remote_engine
from prlcoder.stages.remote_engine import RemoteEngine
from prlcoder.v1 import policy_pb2, policy_pb2_grpc, problem_pb2

pytestmark = pytest.mark.needs_torch

PROMPTS = ["# 1: x\ndef f(v0):", "# a longer statement than the first one\ndef f(v0):", "def", "x" * 900]
TOKENS = 24


@pytest.fixture(scope="module")
def server(serve: Serve, policies: dict[str, Path]) -> Server:
    """The policy ``first`` by the engine ``transformers``."""
    settings = PolicySettings(str(policies["first"]), engine="transformers", max_new_tokens=TOKENS)
    return serve(lambda limits, registry: PolicyService(limits, settings, registry))


@pytest.fixture
def address(server: Server) -> str:
    """Where it is."""
    return f"127.0.0.1:{server.port}"


@pytest.fixture
def stub(address: str) -> Iterator[policy_pb2_grpc.PolicyServiceStub]:
    """A raw stub, for what the client would never send."""
    with grpc.insecure_channel(address) as channel:
        yield policy_pb2_grpc.PolicyServiceStub(channel)


def test_texts_are_those_of_the_in_process_engine(
    address: str, policies: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = TransformersEngine(str(policies["first"]), max_new_tokens=TOKENS)
    with RemoteEngine(address, max_new_tokens=TOKENS) as far:
        for samples, temperature, stop in ((2, 0.0, []), (3, 1.0, []), (3, 0.8, ["e", "\n    "])):
            expected = engine.generate(PROMPTS, samples=samples, temperature=temperature, seed=3, stop=stop)
            assert far.generate(PROMPTS, samples=samples, temperature=temperature, seed=3, stop=stop) == expected
        with monkeypatch.context() as patch:  # in several requests the draws are those of one
            patch.setattr(remote_engine, "MAX_SAMPLES_PER_CALL", 6)
            expected = engine.generate(PROMPTS, samples=3, temperature=1.0, seed=3)
            assert far.generate(PROMPTS, samples=3, temperature=1.0, seed=3) == expected
            here = engine.generate_with_likelihoods(PROMPTS, samples=3, temperature=1.0, seed=3)
            there = far.generate_with_likelihoods(PROMPTS, samples=3, temperature=1.0, seed=3)
            assert [[one.text for one in group] for group in there] == expected
            for one, other in zip(chain.from_iterable(here), chain.from_iterable(there), strict=True):
                assert other.mean_log_probability == pytest.approx(one.mean_log_probability, abs=1e-5)


def test_a_problem_is_rendered_and_its_program_extracted(
    stub: policy_pb2_grpc.PolicyServiceStub, policies: dict[str, Path], training_problems: tuple[Problem, ...]
) -> None:
    problem = training_problems[0]
    message = problem_pb2.Problem(id=problem.id, statement=problem.statement, prompt=problem.prompt)
    request = policy_pb2.GenerateRequest(items=[policy_pb2.GenerateItem(id="a", problem=message)])
    *_, last = stub.Generate(request, timeout=60)
    engine = TransformersEngine(str(policies["first"]), max_new_tokens=TOKENS)
    prompt = render(problem, "chat", engine.tokenizer)
    ((text,),) = engine.generate([prompt.text], samples=1, temperature=0, seed=0, stop=[prompt.closing])
    assert last.finished.text == text
    assert last.finished.program == extract_program(problem, "chat", text)


def test_wrong_requests_are_refused_by_field(stub: policy_pb2_grpc.PolicyServiceStub) -> None:
    item = policy_pb2.GenerateItem(id="a", text="def")

    def refusal(*items: policy_pb2.GenerateItem, **sampling: object) -> str:
        how = policy_pb2.Sampling(**sampling)  # type: ignore[arg-type]
        with pytest.raises(grpc.RpcError) as error:
            list(stub.Generate(policy_pb2.GenerateRequest(items=items, sampling=how), timeout=60))
        assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT  # type: ignore[attr-defined]
        return str(error.value.details())  # type: ignore[attr-defined]

    assert refusal().startswith("items: is empty")
    assert refusal(item, item) == "items[1].id: 'a' is also the id of another item; give each item its own id"
    assert refusal(policy_pb2.GenerateItem(id="a")).startswith("items[0]: has nothing to complete")
    assert refusal(item, temperature=-1) == "sampling.temperature: -1.0 is out of range; give 0 to 100"
    assert refusal(item, top_p=1.5).startswith("sampling.top_p: 1.5 is out of range")
    assert refusal(item, samples=1000).startswith("sampling.samples: 1000 is out of range")
    assert refusal(item, stop=[""]).startswith("sampling.stop: a stop text is empty")


def test_events_add_up_and_a_long_prompt_is_its_own_error(address: str) -> None:
    async def work() -> list[list[PolicySample | ServiceError]]:
        async with PolicyClient(address) as client:
            return await client.complete(PROMPTS, Sampling(samples=2, temperature=1.0, seed=1, log_probabilities=True))

    *written, unread = asyncio.run(work())
    for samples in written:
        assert len(samples) == 2
        for sample in samples:
            assert isinstance(sample, PolicySample)
            assert len(sample.ids) == len(sample.log_probabilities) <= TOKENS
            assert all(value <= 0 for value in sample.log_probabilities)
    assert [one.reason for one in unread if isinstance(one, ServiceError)] == ["TOO_LONG"] * 2


def test_a_cancelled_stream_leaves_the_server_free(address: str) -> None:
    async def work() -> PolicySample | ServiceError:
        async with PolicyClient(address) as client:
            endless = Sampling(samples=16, temperature=1.0, max_tokens=400)
            async with aclosing(client.events(PROMPTS[:3], endless)) as events:
                await anext(events)
            ((sample,),) = await client.complete(["def"], Sampling())
            return sample

    assert isinstance(asyncio.run(work()), PolicySample)


def test_weights_are_exchanged_over_the_wire(address: str, policies: dict[str, Path], tmp_path: Path) -> None:
    async def work() -> None:
        async with PolicyClient(address) as client:
            before = await client.info()
            assert (before.engine, before.template, before.max_tokens) == ("transformers", "chat", 512)
            with pytest.raises(ServiceError, match="cannot be loaded") as refused:
                await client.update(before.weights_version + 1, str(tmp_path))
            assert refused.value.reason == "INVALID_WEIGHTS"
            await client.update(before.weights_version + 1, str(policies["second"]))
            ((sample,),) = await client.complete(["def"], Sampling())
            assert isinstance(sample, PolicySample)
            assert sample.weights_version == before.weights_version + 1

    asyncio.run(work())
    for name in ("second", "first"):
        expected = TransformersEngine(str(policies[name]), max_new_tokens=TOKENS).generate(
            PROMPTS, samples=1, temperature=0, seed=0
        )
        with RemoteEngine(address, str(policies[name]), max_new_tokens=TOKENS) as far:
            assert far.generate(PROMPTS, samples=1, temperature=0, seed=0) == expected
            assert far.tokenizer("def f")["input_ids"]


def test_metrics_count_tokens_and_tell_the_version(server: Server, address: str) -> None:
    def value(name: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics") as response:
            lines = response.read().decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))

    async def work() -> tuple[int, PolicySample | ServiceError]:
        async with PolicyClient(address) as client:
            ((sample,),) = await client.complete(["def"], Sampling(max_tokens=5))
            return (await client.info()).weights_version, sample

    before = value("prlcoder_policy_tokens_total")
    version, sample = asyncio.run(work())
    assert isinstance(sample, PolicySample)
    assert value("prlcoder_policy_tokens_total") - before == len(sample.ids)
    assert value("prlcoder_policy_weights_version") == version
