"""The PRM server against offline batches, a server without batching and one call per prefix, in one run.

    OMP_NUM_THREADS=1 python benchmarks/prm.py [--programs 192] [--rounds 3] [--hidden 256] [--layers 6] [--dtype T]

The model is a Llama with random weights and a two-label head; only its size matters here. Programs are those of the
nano suite with their statements, one per call, and no server sees a program twice. Servers are separate processes. The
measurements of a round follow each other directly, so that other work on the machine affects all of them, and the
median over rounds is printed.

- ``offline``: ``LocalStepScorer.score`` of all programs at once, in this process: the upper limit of batching.
- ``batched``: the server with default options.
- ``unbatched``: a server with one program per pass and without a prefix cache.
- ``k steps``: all steps of a program in one pass, against one call per prefix. A call reads the statement and the
  program up to its step, so that k calls read fewer tokens than k whole programs; the ratio of tokens is printed too,
  and the ratio of times exceeds it by what a call costs beside its tokens.
- ``growing``: a program scored after each new step, with and without the prefix cache.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from prlcoder.prm.items import ProgramScores, ProgramToScore, StepSpan
from prlcoder.prm.scoring import LocalStepScorer
from prlcoder.prm.serving.client import PrmClient
from prlcoder.prm.serving.live import LiveScorer
from prlcoder.prm.step_model import StepModel
from prlcoder.problems.nano.stream import stream
from prlcoder.problems.prompts import Prompt
from prlcoder.segmenter import Segment, segment

CONCURRENCY = (1, 8, 64)


@dataclass(frozen=True)
class Program:
    """A prompt, a whole program and its segments."""

    prompt: Prompt
    text: str
    segments: list[Segment]

    def item(self, steps: int | None = None) -> ProgramToScore:
        """The program up to its first ``steps`` steps; all by default."""
        parts = self.segments[:steps]
        return ProgramToScore(
            self.prompt, self.text[: parts[-1].end], tuple(StepSpan(part.start, part.end) for part in parts)
        )


@dataclass(frozen=True)
class Load:
    """A server's figures at one concurrency: programs per second, latencies in seconds."""

    rate: float
    latencies: list[float]


def make_model(folder: Path, texts: Sequence[str], hidden: int, layers: int, dtype: str) -> int:
    """Write a reward model with random weights and return its number of parameters."""
    from transformers import LlamaConfig, LlamaForTokenClassification

    from prlcoder.modeling.scratch_tokenizers import small_tokenizer

    torch.manual_seed(0)
    tokenizer = small_tokenizer(texts)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
        intermediate_size=hidden * 11 // 4,
        max_position_embeddings=2048,
        num_labels=2,
        classifier_dropout=0.0,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    model = LlamaForTokenClassification(config).to(getattr(torch, dtype))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    parameters: int = model.num_parameters()
    return parameters


def make_programs(count: int) -> list[Program]:
    """Different programs with their statements."""
    found: dict[tuple[str, str], Program] = {}
    for item in stream(4 * count, seed=1, exclude=()):
        text = item.program.rstrip("\n") + "\n"
        if len(found) < count and (item.statement, text) not in found:
            program = Program(Prompt(item.statement + "\n", "", ""), text, segment(text, "line"))
            found[item.statement, text] = program
    return list(found.values())


@contextmanager
def server(model: Path, *options: str) -> Iterator[str]:
    """The address of ``prlcoder serve prm``."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.json"
        command = [sys.executable, "-m", "prlcoder.cli", "serve", "prm", "--model", str(model)]
        process = subprocess.Popen(
            [*command, *options, "--log-level", "warning", "--ready-file", str(ready)], stdout=subprocess.DEVNULL
        )
        try:
            while not ready.exists():
                if process.poll() is not None:
                    raise SystemExit(f"the server ended with {process.returncode}")
                time.sleep(0.1)
            yield json.loads(ready.read_text())["prm"]["grpc"]
        finally:
            process.terminate()
            process.wait()


async def load(address: str, programs: Sequence[Program], concurrency: int) -> Load:
    """Score each program in its own call, with ``concurrency`` open calls at a time."""
    waiting, latencies = iter(programs), []
    async with PrmClient(address, timeout_s=600) as client:
        await client.score([ProgramToScore(Prompt("", "", ""), "pass\n", (StepSpan(0, 5),))])

        async def caller() -> None:
            for program in waiting:
                start = time.perf_counter()
                (scored,) = await client.score([program.item()])
                assert isinstance(scored, ProgramScores), scored
                latencies.append(time.perf_counter() - start)

        start = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(concurrency)))
        return Load(len(programs) / (time.perf_counter() - start), latencies)


def offline(scorer: LocalStepScorer, programs: Sequence[Program]) -> float:
    """Programs per second, scored all at once."""
    start = time.perf_counter()
    scorer.score([(one.prompt, one.text, one.segments) for one in programs])
    return len(programs) / (time.perf_counter() - start)


def tokens_gain(scorer: LocalStepScorer, program: Program) -> float:
    """The tokens of all prefixes, divided by those of the whole program, each with its statement."""

    def count(text: str) -> int:
        return len(scorer.tokenizer(program.prompt.text + text)["input_ids"])

    return sum(count(program.text[: part.end]) for part in program.segments) / count(program.text)


def one_pass_gain(scorer: LocalStepScorer, program: Program) -> float:
    """The time of one call per prefix, divided by that of one call for all steps."""
    start = time.perf_counter()
    scorer.score([(program.prompt, program.text, program.segments)])
    together = time.perf_counter() - start
    start = time.perf_counter()
    for part in program.segments:
        scorer.score([(program.prompt, program.text[: part.end], [part])])
    return (time.perf_counter() - start) / together


async def growing(model: StepModel, programs: Sequence[Program], kept_tokens: int) -> float:
    """Seconds for scoring each program after each of its steps."""
    async with LiveScorer(model, kept_tokens=kept_tokens) as live:
        start = time.perf_counter()
        for program in programs:
            for count in range(1, len(program.segments) + 1):
                await live.score([program.item(count)])
        return time.perf_counter() - start


def report(name: str, value: str, ratio: float | None = None, target: float | None = None) -> None:
    """Print one line; with a ratio also whether it meets its target."""
    wanted = "" if ratio is None or target is None else f"  (at least {target:.2f}: {verdict(ratio, target)})"
    judged = "" if ratio is None else f"  {ratio:6.2f}{wanted}"
    print(f"{name:44s}{value:>24s}{judged}", flush=True)


def verdict(ratio: float, target: float) -> str:
    """Whether the target is met, in one word."""
    return "yes" if ratio >= target else "NO"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--programs", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="of the weights")
    options = parser.parse_args()
    programs = make_programs(options.programs * options.rounds * len(CONCURRENCY))
    with tempfile.TemporaryDirectory() as name:
        model = Path(name)
        texts = [one.prompt.text + one.text for one in programs]
        parameters = make_model(model, texts, options.hidden, options.layers, options.dtype)
        scorer = LocalStepScorer(str(model))
        tokens = statistics.mean(len(scorer.tokenizer(text)["input_ids"]) for text in texts)
        print(f"{parameters / 1e6:.1f} M parameters, programs of {tokens:.0f} tokens on average")
        parts = [programs[start : start + options.programs] for start in range(0, len(programs), options.programs)]
        measure_serving(model, scorer, parts, options.rounds)
        measure_passes(scorer, programs, options.rounds)


def measure_serving(model: Path, scorer: LocalStepScorer, parts: Sequence[Sequence[Program]], rounds: int) -> None:
    """Compare the servers with offline batches and with each other; each round and concurrency has its own programs."""
    fresh = iter(parts)
    limits: list[float] = []
    batched: dict[int, list[Load]] = {concurrency: [] for concurrency in CONCURRENCY}
    unbatched: dict[int, list[Load]] = {1: [], 64: []}
    with server(model) as ours, server(model, "--batch-tokens", "1", "--prefix-tokens", "0") as plain:
        for _ in range(rounds):
            for concurrency in CONCURRENCY:
                programs = next(fresh)
                batched[concurrency].append(asyncio.run(load(ours, programs, concurrency)))
                if concurrency in unbatched:
                    unbatched[concurrency].append(asyncio.run(load(plain, programs, concurrency)))
            limits.append(offline(scorer, programs))  # the programs that were scored 64 at a time
    limit = statistics.median(limits)
    report("offline", f"{limit:.1f} programs/s")
    for concurrency, loads in batched.items():
        rate, p50, p99 = figures(loads)
        ratio = rate / limit if concurrency == 64 else None
        report(f"batched, {concurrency} at a time", f"{rate:.1f} programs/s", ratio, 0.95)
        report("", f"p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms")
    for concurrency, loads in unbatched.items():
        rate, p50, _ = figures(loads)
        report(f"unbatched, {concurrency} at a time", f"{rate:.1f} programs/s")
        if concurrency == 1:
            report("p50 alone: unbatched / batched", f"{p50 * 1e3:.1f} ms", p50 / figures(batched[1])[1], 0.95)
        else:
            gain = figures(batched[64])[0] / rate
            report("throughput at 64: batched / unbatched", "", gain, 4.0 if torch.cuda.is_available() else None)


def figures(loads: Sequence[Load]) -> tuple[float, float, float]:
    """Median rate, p50 and p99 over all calls."""
    latencies = sorted(latency for one in loads for latency in one.latencies)
    rate = statistics.median(one.rate for one in loads)
    return rate, latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100]


def measure_passes(scorer: LocalStepScorer, programs: Sequence[Program], rounds: int) -> None:
    """Compare one pass with one call per step, and a prefix cache with none."""
    longest = sorted(programs, key=lambda one: -len(one.segments))[: 4 * rounds]
    gains = [one_pass_gain(scorer, program) / len(program.segments) for program in longest]
    steps = statistics.mean(len(program.segments) for program in longest)
    report(f"k = {steps:.1f} steps: one pass, times k", "one call each / one pass", statistics.median(gains), 0.8)
    in_tokens = [tokens_gain(scorer, program) / len(program.segments) for program in longest]
    report("the same in tokens, times k", "prefixes / whole program", statistics.median(in_tokens))
    few = longest[: 2 * rounds]
    anew = asyncio.run(growing(scorer.step_model, few, 0))
    kept = asyncio.run(growing(scorer.step_model, few, 32768))
    report("growing programs: without / with cache", f"{anew:.2f} s / {kept:.2f} s", anew / kept, 1.0)


if __name__ == "__main__":
    main()
