"""``prlcoder serve policy --engine vllm`` as a process, with the real vLLM."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from tests.fixtures.serving import eventually
from tests.fixtures.vllm_server import ENVIRONMENT

from prlcoder.cli.serve_all import read_ready
from prlcoder.modeling.checkpoints import load
from prlcoder.policy.sampling import Sampling
from prlcoder.policy.serving.client import PolicyClient, PolicySample
from prlcoder.policy.transformers_engine import TransformersEngine
from prlcoder.rpc.client import ServiceError

pytestmark = pytest.mark.needs_torch

PROMPTS = ["# 1: x\ndef f(v0):", "def"]
TOKENS = 16
GREEDY = Sampling(temperature=0.0, log_probabilities=True)


def expected(model: Path) -> list[str]:
    """The greedy completions by the engine that the pipeline uses."""
    engine = TransformersEngine(load(str(model)), max_new_tokens=TOKENS)
    return [text for (text,) in engine.generate(PROMPTS, samples=1, temperature=0, seed=0)]


async def written(client: PolicyClient) -> tuple[list[str], set[int]]:
    """The served greedy completions, and the versions of the weights that generated them."""
    samples = [sample for (sample,) in await client.complete(PROMPTS, GREEDY)]
    assert all(isinstance(one, PolicySample) and len(one.ids) == len(one.log_probabilities) > 0 for one in samples)
    return [one.text for one in samples], {one.weights_version for one in samples}


@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed (make setup-vllm)")
def test_vllm_writes_takes_other_weights_and_keeps_its_own_when_they_are_wrong(
    tmp_path: Path, policies: dict[str, Path]
) -> None:
    texts = {name: expected(policies[name]) for name in ("first", "second")}
    assert texts["first"] != texts["second"]
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in policies["second"].iterdir():
        content = file.read_bytes()
        (broken / file.name).write_bytes(content[:-100] if file.suffix == ".safetensors" else content)

    async def use(address: str) -> None:
        async with PolicyClient(address, timeout_s=300) as client:
            info = await client.info()
            assert (info.engine, info.uri, info.weights_version) == ("vllm", str(policies["first"]), 0)
            assert await written(client) == (texts["first"], {0})
            await client.update(7, str(policies["second"]))
            assert await written(client) == (texts["second"], {7})
            for wrong in (broken, policies["wider"], tmp_path / "absent"):
                with pytest.raises(ServiceError, match=wrong.name) as caught:
                    await client.update(8, str(wrong))
                assert (caught.value.code, caught.value.reason) == (
                    grpc.StatusCode.FAILED_PRECONDITION,
                    "INVALID_WEIGHTS",
                )
            assert await written(client) == (texts["second"], {7})
            assert (await client.info()).uri == str(policies["second"])

    ready, log = tmp_path / "ready.json", tmp_path / "log"
    command = [
        sys.executable,
        "-m",
        "prlcoder.cli",
        "serve",
        "policy",
        "--model",
        str(policies["first"]),
        "--engine",
        "vllm",
        "--dtype",
        "float32",
        "--eager",
        "--max-new-tokens",
        str(TOKENS),
        "--ready-file",
        str(ready),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **ENVIRONMENT})
    try:
        eventually(lambda: ready.exists() or process.poll() is not None)
        assert process.poll() is None, log.read_text()[-3000:]
        asyncio.run(use(read_ready(ready)["policy"]["grpc"] or ""))
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0, log.read_text()[-3000:]
    finally:
        process.kill()
        process.wait()
