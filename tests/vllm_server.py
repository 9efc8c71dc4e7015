"""vLLM's own OpenAI-compatible server on the CPU, with a tiny model of random weights made here."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_S = 900  # most of the start is Python importing torch three times, which a busy machine makes long
MAX_LENGTH = 2048
MAX_REQUESTS = 8  # at a time
MODEL = "tiny"
ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB; the default takes half of the machine
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # keeps the worker in the engine's process: one start less
    "VLLM_NO_USAGE_STATS": "1",
    "TORCHDYNAMO_DISABLE": "1",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class VllmServer:
    """A server that is up. ``folder`` is the model's; ``start_s`` what the start took."""

    base_url: str
    model: str
    folder: Path
    start_s: float


def tiny_model(folder: Path) -> None:
    """A Llama of two layers, its tokenizer with a chat template. vLLM's attention on CPUs wants heads of 32 or more."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from prlcoder.modeling.tokenizer import small_tokenizer

    tokenizer = small_tokenizer(["def f(a):\n    return a + 1\n"])
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, num_hidden_layers=2, num_attention_heads=2, head_dim=32,
        intermediate_size=128, max_position_embeddings=MAX_LENGTH, tie_word_embeddings=True, bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@contextmanager
def serving(folder: Path) -> Iterator[VllmServer]:
    """Serve the model in ``folder`` until the block ends; ``AssertionError`` with the log's end if it fails."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # The module, not the command `vllm`: that one looks for a distribution of this name, and ours is `vllm-cpu`.
    command = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder),
        "--served-model-name", MODEL, "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32",
        "--max-model-len", str(MAX_LENGTH), "--max-num-seqs", str(MAX_REQUESTS),
        # No prompt is cut into chunks: vLLM 0.32 on a CPU dies of a chunked prompt whose request has a seed.
        "--max-num-batched-tokens", str(MAX_REQUESTS * MAX_LENGTH),
        "--enforce-eager", "--distributed-executor-backend", "uni",
    ]  # fmt: skip
    log = folder.with_suffix(".log")
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **ENVIRONMENT}, cwd=folder.parent
        )
    try:
        _wait(f"http://127.0.0.1:{port}/health", process, log, started + START_S)
        yield VllmServer(f"http://127.0.0.1:{port}/v1", MODEL, folder, time.monotonic() - started)
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, deadline: float) -> None:
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            tail = log.read_text(errors="replace")[-3000:]
            assert process.poll() is None, f"vLLM ended while it started:\n{tail}"
            assert time.monotonic() < deadline, f"vLLM did not start in {START_S} s:\n{tail}"
            time.sleep(0.25)
