"""The policy's server against vLLM's own OpenAI server, with the same model, settings and load, in one run.

    OMP_NUM_THREADS=1 python benchmarks/policy.py [--requests 64] [--concurrency 16] [--rounds 3]

Both servers run vLLM with the same options on a Llama with random weights. Both are asked for the same number of
samples, one per call, each with its own seed: first for whole samples, then for streams (ours sends eight tokens with
their numbers per message, vLLM's the text of one token per event). Rounds alternate between the two, so that other work
on the machine affects both, and the median of their tokens per second is printed. Then weights are exchanged: a full
checkpoint, which replaces the present one, and with ``--adapters`` a LoRA adapter.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path

import httpx

from prlcoder.policy.sampling import Sampling
from prlcoder.policy.serving.client import PolicyClient, PolicySample
from prlcoder.problems.nano.stream import stream

TARGET_RATIO = 0.95
ADAPTER_RANK = 8
Ask = Callable[[str, int], Awaitable[int]]


def make_models(folder: Path, texts: Sequence[str], hidden: int, layers: int) -> tuple[Path, Path, Path]:
    """Two checkpoints of one architecture and an adapter for the first."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    from prlcoder.modeling.scratch_tokenizers import small_tokenizer

    tokenizer = small_tokenizer(texts)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
        intermediate_size=hidden * 11 // 4,
        max_position_embeddings=1024,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    for seed, name in enumerate(("first", "second")):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    settings = LoraConfig(r=ADAPTER_RANK, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    get_peft_model(model, settings).save_pretrained(folder / "adapter")
    return folder / "first", folder / "second", folder / "adapter"


@contextmanager
def running(command: Sequence[str], is_ready: Callable[[], bool]) -> Iterator[None]:
    """Run a server; the block begins when it is ready."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not is_ready():
            if process.poll() is not None:
                raise SystemExit(f"{command[0]} ended with {process.returncode}")
            time.sleep(0.5)
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def openai_server(model: Path) -> Iterator[str]:
    """The address of ``vllm serve``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [
        sys.executable,
        "-m",
        "vllm.entrypoints.openai.api_server",  # what `vllm serve` runs
        "--model",
        str(model),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--dtype",
        "float32",
        "--enforce-eager",
        "--disable-log-stats",
    ]

    def is_ready() -> bool:
        try:
            return httpx.get(f"{address}/health").status_code == 200
        except httpx.TransportError:
            return False

    with running(command, is_ready):
        yield address


@contextmanager
def our_server(model: Path, adapters: bool) -> Iterator[str]:
    """The address of ``prlcoder serve policy``."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.json"
        command = [
            sys.executable,
            "-m",
            "prlcoder.cli",
            "serve",
            "policy",
            "--model",
            str(model),
            "--engine",
            "vllm",
            "--dtype",
            "float32",
            "--eager",
            "--log-level",
            "error",
            "--ready-file",
            str(ready),
            *(["--max-adapter-rank", str(ADAPTER_RANK)] if adapters else []),
        ]
        with running(command, ready.exists):
            yield json.loads(ready.read_text())["policy"]["grpc"]


async def rate(ask: Ask, prompts: Sequence[str], concurrency: int) -> float:
    """Tokens a second over all prompts, ``concurrency`` calls open at a time."""
    waiting = iter(list(enumerate(prompts)))

    async def caller() -> int:
        return sum([await ask(prompt, seed) for seed, prompt in waiting])

    start = time.perf_counter()
    tokens = sum(await asyncio.gather(*(caller() for _ in range(concurrency))))
    return tokens / (time.perf_counter() - start)


async def rate_of_openai(
    address: str, model: Path, prompts: Sequence[str], options: argparse.Namespace, streamed: bool
) -> float:
    """Tokens a second of vLLM's own server."""
    limits = httpx.Limits(max_connections=options.concurrency)
    async with httpx.AsyncClient(base_url=address, timeout=600, limits=limits) as client:

        async def ask(prompt: str, seed: int) -> int:
            asked = {"model": str(model), "prompt": prompt, "max_tokens": options.tokens, "temperature": 1.0}
            if not streamed:
                answer = await client.post("/v1/completions", json=asked | {"seed": seed})
                answer.raise_for_status()
                return int(answer.json()["usage"]["completion_tokens"])
            how = {"seed": seed, "stream": True, "stream_options": {"include_usage": True}}
            async with client.stream("POST", "/v1/completions", json=asked | how) as events:
                events.raise_for_status()
                *_, last, _done = [line async for line in events.aiter_lines() if line]
            return int(json.loads(last.removeprefix("data: "))["usage"]["completion_tokens"])

        return await rate(ask, prompts, options.concurrency)


async def rate_of_ours(address: str, prompts: Sequence[str], options: argparse.Namespace, streamed: bool) -> float:
    """Tokens a second of our server."""
    async with PolicyClient(address, timeout_s=600) as client:

        async def ask(prompt: str, seed: int) -> int:
            sampling = Sampling(1, 1.0, max_tokens=options.tokens, seed=seed)
            if not streamed:
                ((sample,),) = await client.complete([prompt], sampling)
                assert isinstance(sample, PolicySample), sample
                return len(sample.ids)
            async with aclosing(client.events([prompt], sampling)) as events:
                return sum([len(event.tokens.ids) async for event in events])

        return await rate(ask, prompts, options.concurrency)


async def swaps(address: str, second: Path, adapter: Path | None) -> None:
    """Print how long the exchange of weights takes, and how long requests wait for it."""
    async with PolicyClient(address, timeout_s=600) as client:
        for version, (what, uri) in enumerate([("full checkpoint", second), ("adapter", adapter)], start=1):
            if uri is not None:
                start = time.perf_counter()
                pause = await client.update(version, str(uri), adapter=uri == adapter)
                print(f"{what}: {time.perf_counter() - start:.2f} s to exchange, requests wait {pause:.2f} s of it")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument(
        "--adapters", action="store_true", help="reserve room for adapters in our server, which costs throughput"
    )
    options = parser.parse_args()
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    prompts = [f"{item.statement}\n" for item in stream(options.requests, seed=2, exclude=())]
    with tempfile.TemporaryDirectory() as name:
        first, second, adapter = make_models(Path(name), prompts, options.hidden, options.layers)
        rates: dict[tuple[str, bool], list[float]] = {}
        with openai_server(first) as theirs, our_server(first, options.adapters) as ours:
            for number in range(options.rounds + 1):
                for streamed in (False, True):
                    measured = {
                        "vllm serve": asyncio.run(rate_of_openai(theirs, first, prompts, options, streamed)),
                        "prlcoder": asyncio.run(rate_of_ours(ours, prompts, options, streamed)),
                    }
                    if number:  # the first round warms up
                        for server, tokens in measured.items():
                            rates.setdefault((server, streamed), []).append(tokens)
            asyncio.run(swaps(ours, second, adapter if options.adapters else None))
    for streamed in (False, True):
        print("streamed:" if streamed else "whole samples:")
        for server in ("vllm serve", "prlcoder"):
            found = rates[server, streamed]
            print(f"  {server:12s}{statistics.median(found):10.1f} tokens/s  ({min(found):.1f} to {max(found):.1f})")
        each = zip(rates["prlcoder", streamed], rates["vllm serve", streamed], strict=True)
        ratio = statistics.median(ours / theirs for ours, theirs in each)
        met = "yes" if ratio >= TARGET_RATIO else "NO"
        print(f"  prlcoder / vllm serve: {ratio:.3f} (at least {TARGET_RATIO}: {met})")


if __name__ == "__main__":
    main()
