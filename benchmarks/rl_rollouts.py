"""Rollouts per second of reinforcement learning against its engine alone, with the engine in a policy service.

    OMP_NUM_THREADS=1 python benchmarks/rl_rollouts.py runs/quickstart [--updates 8] [--scored]
    OMP_NUM_THREADS=1 python benchmarks/rl_rollouts.py runs/quickstart --engine vllm --model FOLDER [--scored]

The service samples for one update at a time with the base policy of a finished run, or another one: once alone, once
for a collector that has every program executed in the sandbox and, with ``--scored``, its steps scored by the run's
reward model in this process. Both ask for the same samples. Who is first alternates, so that other work on the machine
affects both. The first update is not counted. Printed are the medians of programs per second, and the median of the
updates' ratios.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from prlcoder.cli.serve_all import read_ready
from prlcoder.executor import Executor
from prlcoder.modeling.checkpoints import load, model_template
from prlcoder.modeling.tokenizer_loading import load_tokenizer
from prlcoder.policy.sampling import Sampling
from prlcoder.prm.scoring import LocalStepScorer
from prlcoder.problems.nano.suite import problems
from prlcoder.problems.prompts import render
from prlcoder.rpc.address import Address
from prlcoder.segmenter import segment_each
from prlcoder.spec import NanoSuite, Rl
from prlcoder.training.rl.collecting import RolloutCollector, RolloutTask
from prlcoder.training.rl.ranks import Ranks
from prlcoder.training.rl.schedule import problem_numbers
from prlcoder.training.rl.scoring import RolloutScorer
from prlcoder.training.rl.service_engine import ServiceEngine
from prlcoder.training.rl.weights_folder import WeightsFolder

TARGET_RATIO = 0.9


@contextmanager
def serving(model: Path, engine: str, folder: Path) -> Iterator[str]:
    """The address of a policy service with this model and engine."""
    ready = folder / "ready.json"
    command = [sys.executable, "-m", "prlcoder.cli", "serve", "policy", "--model", str(model), "--engine", engine]
    options = ["--dtype", "float32", "--eager"] if engine == "vllm" else []
    process = subprocess.Popen(
        [*command, *options, "--log-level", "error", "--ready-file", str(ready)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"VLLM_CPU_KVCACHE_SPACE": "1", **os.environ},
    )
    try:
        while not ready.exists():
            if process.poll() is not None:
                raise SystemExit(f"the policy service ended with {process.returncode}")
            time.sleep(0.5)
        yield read_ready(ready)["policy"]["grpc"] or ""
    finally:
        process.terminate()
        process.wait()


def collector(
    run: Path, base: Path, engine: ServiceEngine, executor: Executor, settings: Rl, *, scored: bool
) -> RolloutCollector:
    """Collects rollouts for 300 nano problems; the prompts are those that the base policy was trained with."""
    template = model_template(str(base), engine.tokenizer)
    suite = problems(NanoSuite(train=300, validation=1, test=1))
    training = [problem for problem in suite if problem.split == "train"]
    scorer = RolloutScorer(LocalStepScorer(str(run / "reward")), training, template) if scored else None
    tasks = [RolloutTask.of(one, render(one, template, engine.tokenizer), engine.tokenizer) for one in training]
    return RolloutCollector(
        engine=engine,
        executor=executor,
        segmenter=segment_each,
        scorer=scorer,
        tasks=tasks,
        template=template,
        mode="line",
        settings=settings,
        stop=tuple(sorted({task.prompt.closing for task in tasks} - {""})),
        seed=0,
        max_length=512,
    )


def seconds(work: Callable[[], object]) -> float:
    """How long the work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measured(sampler: RolloutCollector, updates: int) -> list[tuple[float, float]]:
    """Seconds of the engine alone and of the collector per update."""
    rl, found = sampler.settings, []
    drawn = Sampling(
        rl.samples,
        rl.temperature,
        stop=sampler.stop,
        max_tokens=rl.max_new_tokens,
        seed=sampler.seed,
        log_probabilities=True,
        at_temperature=True,
    )
    for update in range(updates + 1):
        numbers = problem_numbers(len(sampler.tasks), rl.prompts, seed=sampler.seed, update=update)
        tasks = [sampler.tasks[number] for number in numbers]
        asked = replace(drawn, first_prompt=update * rl.prompts)
        times: dict[str, float] = {}
        works: dict[str, Callable[[], object]] = {
            "alone": lambda tasks=tasks, asked=asked: list(
                sampler.engine.stream([task.prompt.question for task in tasks], asked)
            ),
            "loop": lambda update=update: sampler.collect(update, 0),
        }
        for name in sorted(works, reverse=update % 2 == 0):
            times[name] = seconds(works[name])
        found.append((times["alone"], times["loop"]))
        print(f"update {update}: {times['alone']:.2f} s alone, {times['loop']:.2f} s in the loop", file=sys.stderr)
    return found[1:]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished run with the stages pretrain and reward")
    parser.add_argument("--engine", choices=["vllm", "transformers"], default="transformers")
    parser.add_argument(
        "--model", type=Path, help="policy in place of the run's base; vLLM on a CPU does not serve the nano model"
    )
    parser.add_argument("--updates", type=int, default=8)
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=220)
    parser.add_argument("--scored", action="store_true", help="with the scores of the run's reward model")
    options = parser.parse_args()
    terms = {"rewards": [{"kind": "process" if options.scored else "verdict"}]}
    rule = {"credit": {"rule": "mean" if options.scored else "outcome"}}
    sizes = {"prompts": options.prompts, "samples": options.samples, "maxNewTokens": options.tokens}
    settings = Rl.model_validate({**sizes, **terms, **rule})
    base = options.model or options.run / "pretrain"
    with tempfile.TemporaryDirectory() as folder, serving(base, options.engine, Path(folder)) as address:
        model = load(str(base)).model
        weights = WeightsFolder(Path(folder) / "weights", model, load_tokenizer(str(base)), torch.float32)
        engine = ServiceEngine(Address(address), weights, str(base), max_new_tokens=options.tokens, ranks=Ranks())
        with Executor() as executor:
            sampler = collector(options.run, base, engine, executor, settings, scored=options.scored)
            engine.use(0)
            found = measured(sampler, options.updates)
        engine.close()
    programs = options.prompts * options.samples
    alone, loop = (statistics.median(programs / times[place] for times in found) for place in (0, 1))
    ratio = statistics.median(first / second for first, second in found)
    print(f"{options.engine}: {alone:.1f} programs/s alone, {loop:.1f} in the loop; ratio {ratio:.2f} ({TARGET_RATIO})")


if __name__ == "__main__":
    main()
