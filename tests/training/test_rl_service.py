"""Rollouts from a policy service: the training is the same as in one process, also when the service or the trainer is
killed."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
import torch
from tests.fixtures.serving import Serve, eventually
from tests.training.policy_process import PolicyProcess
from tests.training.rl_cases import VERDICT, rl_context, rl_policy

from prlcoder.errors import InputError, WorkError
from prlcoder.modeling.checkpoints import load
from prlcoder.modeling.vocabulary import vocabulary_digest
from prlcoder.policy.sampling import Piece, Sampling, Unread
from prlcoder.policy.serving.client import PolicyClient
from prlcoder.policy.serving.live import SampleEvent
from prlcoder.policy.serving.service import PolicyService
from prlcoder.policy.serving.settings import PolicySettings
from prlcoder.policy.transformers_engine import TransformersEngine
from prlcoder.rpc.address import Address
from prlcoder.rpc.client import ServiceError
from prlcoder.rpc.errors import CallError
from prlcoder.rpc.server import Server
from prlcoder.spec import Peft, Services
from prlcoder.stages.context import StageContext
from prlcoder.training.loop.lora import with_lora
from prlcoder.training.rl import service_engine
from prlcoder.training.rl.ranks import Ranks
from prlcoder.training.rl.service_engine import ServiceEngine
from prlcoder.training.rl.weights_folder import WeightsFolder, merged_weights
from prlcoder.training.stages import policy as policy_stage

pytestmark = [pytest.mark.needs_torch, pytest.mark.needs_sandbox]

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["prlcoder.training.stages.policy"])
UPDATES = 5
LEARNING = {**VERDICT, "value": {"pretrainUpdates": 1}, "updates": UPDATES - 1, "epochs": 2}
PROMPTS = ["# 1: x\ndef f(v0):", "# a longer statement than the first one\ndef f(v0):", "x" * 900, "def"]
DRAWN = Sampling(samples=3, temperature=1.0, seed=3, max_tokens=24, log_probabilities=True, at_temperature=True)
RANK = """\
import pickle, sys
from prlcoder.training.stages import policy as policy_stage
policy_stage.run(pickle.load(open(sys.argv[1], "rb")))
"""
MakeRun = Callable[..., StageContext]


@pytest.fixture(scope="module")
def service(taught_policy: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PolicyProcess]:
    """The initial policy of the trainings here."""
    with PolicyProcess(taught_policy, tmp_path_factory.mktemp("service")) as process:
        yield process


@pytest.fixture
def prepared(make_context: Callable[..., StageContext], taught_policy: Path, tmp_path: Path) -> MakeRun:
    """``prepared(name, address)``: a training of PPO whose rollouts come from a service, at the address or at that of
    the environment."""

    def make(name: str, address: str | None) -> StageContext:
        section = rl_policy("ppo", {**LEARNING, "engine": {"kind": "vllm"}}, saveSteps=4)
        services = Services(policy=address)
        return rl_context(make_context, tmp_path / name, section, model=taught_policy, services=services)

    return make


@pytest.fixture(scope="module")
def undisturbed(
    make_context: Callable[..., StageContext], taught_policy: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    """The rows and the weights of a training that samples in its own process."""
    folder = tmp_path_factory.mktemp("undisturbed")
    context = rl_context(make_context, folder, rl_policy("ppo", LEARNING, saveSteps=4), model=taught_policy)
    policy_stage.run(context)
    return learnt(context)


def rows_of(context: StageContext) -> list[dict[str, Any]]:
    """The rows of the published log."""
    return [json.loads(line) for line in (context.output / "updates.jsonl").read_text().splitlines()]


def learnt(context: StageContext) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    """All that must be the same whatever happened on the way: the rows without times and faults, and the weights."""
    names = ("version", "age")
    rows = [
        {**row, "seconds": {}, "weights": {name: row["weights"][name] for name in names}} for row in rows_of(context)
    ]
    return rows, {path.name: path.read_bytes() for path in context.output.glob("*.safetensors")}


def test_a_training_is_the_same_with_rollouts_from_a_service(
    prepared: MakeRun, service: PolicyProcess, undisturbed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost on the way: neither a bit of the weights nor of the log-probabilities. The environment may name
    the service, as on a cluster."""
    context = prepared("served", None)
    monkeypatch.setenv("PRLCODER_POLICY", service.address)
    policy_stage.run(context)
    assert learnt(context) == undisturbed
    rows = rows_of(context)
    assert [row["weights"] for row in rows] == [
        {"version": version, "age": 0.0, "refused": 0, "absences": 0} for version in (0, 0, 1, 2, 3)
    ]
    assert all(row["mean_abs_dlogp"] < 1e-5 for row in rows if row["phase"] == "policy")
    (last,) = (context.work / "train" / ".weights").iterdir()  # older versions are removed
    assert last.name.startswith("3-")


def test_a_service_that_is_killed_and_comes_back_with_its_first_weights_changes_nothing(
    prepared: MakeRun, undisturbed: Any, taught_policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays away until the trainer has noticed, because the client's own retries bridge ten seconds."""
    noticed = threading.Event()
    wait_for_return = ServiceEngine._return

    async def notice(engine: ServiceEngine, error: ServiceError) -> None:
        noticed.set()
        await wait_for_return(engine, error)

    def disturb(process: PolicyProcess) -> None:
        weights = context.work / "train" / ".weights"
        eventually(lambda: bool(list(weights.glob("1-*"))))  # three of the five updates are still to be sampled
        process.kill()
        noticed.wait()
        process.start()

    monkeypatch.setattr(ServiceEngine, "_return", notice)
    with PolicyProcess(taught_policy, tmp_path) as process:
        context = prepared("disturbed", process.address)
        thread = threading.Thread(target=disturb, args=(process,))
        thread.start()
        policy_stage.run(context)
        thread.join()
    assert learnt(context) == undisturbed
    assert sum(row["weights"]["absences"] for row in rows_of(context)) == 1


def test_a_trainer_that_is_killed_and_run_again_loses_and_repeats_no_sample(
    prepared: MakeRun, service: PolicyProcess, undisturbed: Any
) -> None:
    context = prepared("killed", service.address)
    weights = context.work / "train" / ".weights"
    for version in (1, 3):  # the service has the weights of an update that no checkpoint knows
        process = PROCESSES.Process(target=policy_stage.run, args=(context,))
        process.start()
        while not list(weights.glob(f"{version}-*")):
            process.join(0.005)
            assert process.exitcode is None
        process.kill()
        process.join()
    process = PROCESSES.Process(target=policy_stage.run, args=(context,))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert learnt(context) == undisturbed
    rows = rows_of(context)
    assert [row["update"] for row in rows] == list(range(1, UPDATES + 1))
    assert [row["sampled"] for row in rows] == [16] * UPDATES


def test_two_processes_share_one_service(
    prepared: MakeRun, service: PolicyProcess, undisturbed: Any, tmp_path: Path
) -> None:
    """The first process gives the weights to the service, and each asks for the samples of its own problems."""
    context = prepared("two", service.address)
    assert context.spec.policy is not None
    halved = context.spec.policy.model_copy(update={"batch_size": context.spec.policy.batch_size // 2})
    context = replace(context, spec=context.spec.model_copy(update={"policy": halved}))
    (tmp_path / "stage.py").write_text(RANK)
    (tmp_path / "context.pickle").write_bytes(pickle.dumps(context))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run([*command, tmp_path / "stage.py", tmp_path / "context.pickle"], check=True, env=environment)
    rows, expected = rows_of(context), undisturbed[0]
    for one, other in zip(rows[:2], expected, strict=False):  # later, other orders of additions may change a token
        for name in ("trained", "dropped", "verdicts", "tokens"):
            assert one[name] == other[name]
    assert [(one["sampled"], one["weights"]["version"], one["weights"]["age"]) for one in rows] == [
        (16, version, 0) for version in (0, 0, 1, 2, 3)
    ]


@pytest.fixture(scope="module")
def server(serve: Serve, policies: dict[str, Path]) -> Server:
    """The policy ``first`` in this process."""
    settings = PolicySettings(str(policies["first"]), engine="transformers", max_new_tokens=24)
    return serve(lambda limits, registry: PolicyService(limits, settings, registry))


def engine(server: Server, base: Path, folder: Path, model: Any = None) -> ServiceEngine:
    """Samples with ``model``, or with the one at ``base``, at the server."""
    checkpoint = load(str(base))
    weights = WeightsFolder(folder, model or checkpoint.model, checkpoint.tokenizer, torch.float32)
    address = Address(f"127.0.0.1:{server.port}")
    return ServiceEngine(address, weights, str(base), max_new_tokens=24, ranks=Ranks())


def change(server: Server, model: Path) -> None:
    """Another client gives the server other weights."""

    async def update() -> None:
        async with PolicyClient(f"127.0.0.1:{server.port}") as client:
            await client.update((await client.info()).weights_version + 1, str(model))

    asyncio.run(update())


def in_order(events: list[SampleEvent]) -> list[Piece | Unread]:
    """The events of all samples by prompt and sample; none is there twice."""
    keys = [(one.event.prompt, getattr(one.event, "sample", 0)) for one in events]
    assert len({*keys}) == len(keys)
    return [one.event for _, one in sorted(zip(keys, events, strict=True), key=lambda pair: pair[0])]


def expected(model: Path, prompts: Sequence[str] = PROMPTS) -> list[Piece | Unread]:
    """The samples of an engine in this process."""
    local = TransformersEngine(str(model), max_new_tokens=24)
    return in_order([SampleEvent(one, 0) for one in local.stream(prompts, replace(DRAWN, whole=True))])


def assert_same(found: list[Piece | Unread], other: list[Piece | Unread]) -> None:
    """The same samples; their log-probabilities may differ in the last bits, because their batches do."""
    assert [type(one) for one in found] == [type(one) for one in other]
    pairs = [pair for pair in zip(found, other, strict=True) if isinstance(pair[0], Piece)]
    for one, its in pairs:
        assert isinstance(one, Piece)
        assert isinstance(its, Piece)
        assert (one.ids, one.text, one.finish) == (its.ids, its.text, its.finish)
        assert one.log_probabilities == pytest.approx(its.log_probabilities, abs=1e-4)


def test_samples_of_other_weights_are_refused_and_sampled_again(
    server: Server, policies: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_engine, "MAX_SAMPLES_PER_CALL", 3)
    far = engine(server, policies["first"], tmp_path)
    far.use(7)
    many = [f"# {number}\n{prompt}" for number in range(20) for prompt in (PROMPTS[0], PROMPTS[2])]
    stream = far.stream(many, DRAWN)
    first = next(stream)  # the calls for most of the prompts come later
    change(server, policies["second"])
    found = [first, *stream]
    assert {one.weights_version for one in found} == {7}
    assert_same(in_order(found), expected(policies["first"], many))
    change(server, policies["second"])  # between two updates
    assert_same(in_order(list(far.stream(PROMPTS, DRAWN))), expected(policies["first"]))
    assert far.figures() == {"refused": 1, "absences": 0}
    far.close()


def test_completions_are_those_of_an_engine_in_this_process(
    server: Server, policies: dict[str, Path], tmp_path: Path
) -> None:
    far = engine(server, policies["second"], tmp_path)
    far.use(0)
    asked: dict[str, Any] = {"samples": 2, "temperature": 0.8, "seed": 5, "stop": ["e"]}
    local = TransformersEngine(str(policies["second"]), max_new_tokens=24)
    assert far.generate(PROMPTS, **asked) == local.generate(PROMPTS, **asked)
    far.close()


def test_a_training_without_the_address_of_a_service_is_refused(prepared: MakeRun, monkeypatch: Any) -> None:
    monkeypatch.delenv("PRLCODER_POLICY", raising=False)
    context = prepared("none", None)
    with pytest.raises(InputError, match=r"the run has no policy service; set services\.policy or PRLCODER_POLICY"):
        policy_stage.run(context)


def test_a_service_that_cannot_be_reached_ends_the_training_before_its_first_update(
    prepared: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_engine, "START_TIMEOUT_S", 1.0)
    context = prepared("unreachable", "127.0.0.1:1")
    with pytest.raises(WorkError, match=r"127\.0\.0\.1:1 does not answer .*start it with `prlcoder serve policy"):
        policy_stage.run(context)
    assert not (context.work / "train" / "updates.jsonl").exists()


def test_a_service_with_another_vocabulary_is_refused(
    server: Server, policies: dict[str, Path], model_folders: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"whose vocabulary is not that of .*; start it with --model"):
        engine(server, model_folders["llama"], tmp_path)
    same, other = (load(str(folder)).tokenizer for folder in (policies["second"], model_folders["llama"]))
    assert vocabulary_digest(load(str(policies["first"])).tokenizer) == vocabulary_digest(same)
    assert vocabulary_digest(same) != vocabulary_digest(other)


def test_a_service_that_takes_no_weights_is_an_error(serve: Serve, policies: dict[str, Path], tmp_path: Path) -> None:
    class Fixed(PolicyService):
        async def UpdateWeights(self, request: Any, context: Any) -> Any:  # noqa: N802
            raise CallError(grpc.StatusCode.UNIMPLEMENTED, "FIXED", "the weights are fixed")

    settings = PolicySettings(str(policies["first"]), engine="transformers")
    far = engine(serve(lambda limits, registry: Fixed(limits, settings, registry)), policies["first"], tmp_path)
    with pytest.raises(WorkError, match=r"does not take the weights .*the weights are fixed.*under the same path"):
        far.use(0)
    far.close()


def test_a_service_that_does_not_come_back_ends_the_training(
    serve: Serve, policies: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_engine, "RETURN_S", 1.5)
    with PolicyProcess(policies["first"], tmp_path) as process:
        checkpoint = load(str(policies["first"]))
        weights = WeightsFolder(tmp_path / "w", checkpoint.model, checkpoint.tokenizer, torch.float32)
        far = ServiceEngine(Address(process.address), weights, "first", max_new_tokens=24, ranks=Ranks())
        far.use(0)
        process.kill()
        with pytest.raises(WorkError, match=r"has not come back .*run again to go on from the last checkpoint"):
            list(far.stream(PROMPTS, DRAWN))
    assert far.figures()["absences"] == 1
    far.close()


def adapted(policies: dict[str, Path]) -> Any:
    """The policy ``first`` with adapters that change what it writes."""
    settings = Peft(rank=4)
    model = with_lora(
        load(str(policies["first"])).model, settings, base=str(policies["first"]), task="CAUSAL_LM", seed=0
    )
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.3)
    return model.eval()


@pytest.mark.parametrize("served", ["first", "second"])
def test_adapters_go_to_a_service_that_serves_their_base_and_whole_models_to_another(
    server: Server,
    policies: dict[str, Path],
    tmp_path: Path,
    served: str,
    serve: Serve,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = PolicySettings(str(policies[served]), engine="transformers")
    own = serve(lambda limits, registry: PolicyService(limits, settings, registry))
    model = adapted(policies)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    far = engine(own, policies["first"], tmp_path / "w", model)
    for version in (0, 1):
        far.use(version)
    found = in_order(list(far.stream(PROMPTS, DRAWN)))
    (folder,) = (tmp_path / "w").iterdir()
    assert (folder / "adapter_config.json").exists() == (served == "first")
    how = "adapters" if served == "first" else f"whole models, because it was started with {policies['second']}"
    assert capsys.readouterr().err.count(f"is given {how}") == 1
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    whole = merged_weights(model)
    merged = model.merge_and_unload()
    torch.testing.assert_close(whole, dict(merged.state_dict()))
    merged.save_pretrained(tmp_path / "merged")
    far._weights.tokenizer.save_pretrained(tmp_path / "merged")
    assert_same(found, expected(tmp_path / "merged"))
    assert in_order(list(far.stream(PROMPTS, DRAWN))) == found
    far.close()


def test_whole_weights_are_written_in_another_type_and_tied_ones_once(nano_folder: Path, tmp_path: Path) -> None:
    checkpoint = load(str(nano_folder))
    folder = WeightsFolder(tmp_path, checkpoint.model, checkpoint.tokenizer, torch.bfloat16).write(0, adapter=False)
    read = load(str(folder)).model
    assert read.dtype == torch.bfloat16
    for name, weight in checkpoint.model.state_dict().items():
        assert torch.equal(read.state_dict()[name], weight.to(torch.bfloat16))
    sizes = [(path / "model.safetensors").stat().st_size for path in (folder, nano_folder)]
    assert sizes[0] < 0.6 * sizes[1]
