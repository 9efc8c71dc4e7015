"""Measures training on tries with each attention path on one GPU, against packed pairs: at most 8 minutes.

    python benchmarks/gpu_one_pass.py [--nodes 1024 2048 4096 8192] [--seconds 20] [--out RESULTS.json]

The model has the shape of Qwen2.5-0.5B with random weights, in bfloat16. A trie is made of one prompt of 400 tokens, a
trunk of steps of 12 tokens, and two branches of 12 tokens at every step, which is the shape of step-level supervision
in line mode; the trunk is as long as the number of nodes allows. Forward and backward passes of the DPO log-probability
loss are timed for the same pairs in five ways:

- ``sdpa``, ``flex``, ``varlen``: the trie in one row, with `spec.model.attention` set to that.
- ``pairs``: one row per side, packed into rows of the number of nodes.

Printed per size and path: tokens per second of the trie's nodes and of all tokens that were read, the share of the
GPU's peak of floating-point operations (6 per parameter and token read, and 12 per layer, width and visible key),
peak memory, and the largest difference of a log-probability from ``sdpa``. Without CUDA the script says that it has
measured nothing and ends with 75.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from prlcoder.modeling.packing.tree import Trie
from prlcoder.modeling.packing.tree_attention import ON_GPU, attend_with
from prlcoder.training.examples.pair_tries import PairTrieCollator
from prlcoder.training.examples.pairs import PairCollator, target_logps
from prlcoder.training.losses.preference import pair_logps

PROMPT, STEP, BRANCHES = 400, 12, 2  # tokens, tokens, per step
VOCABULARY, WIDTH, LAYERS = 151_936, 896, 24
PATHS = ("sdpa", "flex", "varlen", "pairs")
PEAK_FLOPS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12}  # dense bfloat16
LIMIT_S = 480.0
NOT_RUN = 75  # EX_TEMPFAIL of sysexits.h

Pair = dict[str, Any]


def make_pairs(nodes: int) -> list[Pair]:
    """Pairs of one program whose trie has about this many nodes."""
    draw = random.Random(0)

    def tokens(count: int) -> list[int]:
        return [draw.randrange(VOCABULARY) for _ in range(count)]

    steps = max(1, (nodes - PROMPT) // (STEP * (1 + BRANCHES)))
    trunk = tokens(PROMPT)
    pairs = []
    for _ in range(steps):
        start, chosen = len(trunk), tokens(STEP)
        for _ in range(BRANCHES):
            sides = {"chosen": [*trunk, *chosen], "rejected": [*trunk, *tokens(STEP)]}
            pairs.append({**sides, "start": start, "segment_start": start, "loss_denominator_id": 0})
        trunk += chosen
    return pairs


def make_model() -> Any:
    """A Qwen2 of 0.5 B parameters with random weights, in bfloat16 on the GPU."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        intermediate_size=4864,
        num_hidden_layers=LAYERS,
        num_attention_heads=14,
        num_key_value_heads=2,
        max_position_embeddings=32_768,
        tie_word_embeddings=True,
        use_sliding_window=False,
    )
    with torch.device("cuda"):
        return Qwen2ForCausalLM(config).to(torch.bfloat16)


def batches(path: str, pairs: Sequence[Pair], nodes: int) -> list[Any]:
    """The forward passes over the pairs: one for a trie, several for rows."""
    if path != "pairs":
        return [on_gpu(PairTrieCollator(0)(pairs))]
    collate = PairCollator(0, together=True)
    per_pass = max(1, nodes // (2 * len(pairs[-1]["chosen"])))
    return [on_gpu(collate(pairs[first : first + per_pass])) for first in range(0, len(pairs), per_pass)]


def on_gpu(batch: Any) -> Any:
    """The batch with its tensors on the GPU."""
    return {name: value.cuda() if torch.is_tensor(value) else value for name, value in batch.items()}


def one_step(model: Any, work: Sequence[Any]) -> list[torch.Tensor]:
    """Forward and backward passes over all pairs; returns the log-probabilities of both sides."""
    found = []
    for batch in work:
        chosen, rejected = pair_logps(target_logps(model, batch), batch)
        (rejected - chosen).sum().backward()
        found += [chosen.detach(), rejected.detach()]
    model.zero_grad(set_to_none=True)
    return found


def flops(pairs: Sequence[Pair], tokens: int, parameters: int) -> float:
    """Floating-point operations of forward and backward passes that the trie needs, if no masked key is computed."""
    trie = Trie.of([pair[side] for pair in pairs for side in ("chosen", "rejected")])
    visible = sum(depth + 1 for depth in trie.depths) * tokens / len(trie)
    return 6.0 * parameters * tokens + 12.0 * LAYERS * WIDTH * visible


def timed(step: Callable[[], list[torch.Tensor]], seconds: float) -> tuple[float, list[torch.Tensor], int]:
    """Seconds per step after two warm-up steps, the log-probabilities, and the peak of memory in bytes."""
    step()
    step()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    began, count = time.perf_counter(), 0
    while count < 3 or time.perf_counter() - began < seconds:
        found = step()
        torch.cuda.synchronize()
        count += 1
        if time.perf_counter() - began > 2 * seconds:
            break
    return (time.perf_counter() - began) / count, found, torch.cuda.max_memory_allocated()


def measure(model: Any, path: str, nodes: int, seconds: float, peak: float | None) -> dict[str, Any]:
    """One size and path."""
    attend_with(model, ON_GPU.get(path, "sdpa"))
    pairs = make_pairs(nodes)
    work = batches(path, pairs, nodes)
    trie = len(Trie.of([pair[side] for pair in pairs for side in ("chosen", "rejected")]))
    read = sum(batch["input_ids"].numel() for batch in work)
    took, logps, memory = timed(lambda: one_step(model, work), seconds)
    needed = flops(pairs, read, sum(one.numel() for one in model.parameters()))
    return {
        "path": path,
        "nodes": trie,
        "pairs": len(pairs),
        "tokens": read,
        "seconds": took,
        "nodes_per_s": trie / took,
        "tokens_per_s": read / took,
        "flops_utilisation": None if peak is None else needed / took / peak,
        "peak_gib": memory / 2**30,
        "logps": [one.tolist() for one in logps] if path != "pairs" else [],
    }


def report(row: dict[str, Any], sdpa: dict[str, Any] | None) -> None:
    """Print one line."""
    gap = ""
    if sdpa is not None and row["logps"]:
        ours, theirs = ([value for part in one["logps"] for value in part] for one in (row, sdpa))
        gap = f"{max(abs(a - b) for a, b in zip(ours, theirs, strict=True)):.2f}"
    used = "" if row["flops_utilisation"] is None else f"{100 * row['flops_utilisation']:.0f} %"
    print(
        f"{row['nodes']:>7,}{row['path']:>9}{row['pairs']:>7}{row['tokens']:>10,}{1e3 * row['seconds']:>10.1f}"
        f"{row['nodes_per_s']:>11,.0f}{row['tokens_per_s']:>11,.0f}{used:>7}{row['peak_gib']:>9.1f}{gap:>8}",
        flush=True,
    )


def main() -> None:
    """Measure every size and path until the time limit, and print a line for each."""
    parser = argparse.ArgumentParser(description="Attention paths on tries against packed pairs, on one GPU.")
    parser.add_argument("--nodes", type=int, nargs="+", default=[1024, 2048, 4096, 8192], help="nodes per trie")
    parser.add_argument("--seconds", type=float, default=15.0, help="per measurement, after the warm-up")
    parser.add_argument("--out", type=Path, help="file for the figures")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("gpu_one_pass: no CUDA device here, so nothing was measured; run it where there is one", file=sys.stderr)
        sys.exit(NOT_RUN)
    began, name = time.monotonic(), torch.cuda.get_device_name()
    peak = next((value for part, value in PEAK_FLOPS.items() if part in name), None)
    model = make_model()
    print(f"{name}, torch {torch.__version__}, {sum(one.numel() for one in model.parameters()):,} parameters, bfloat16")
    heads = ("nodes", "path", "pairs", "tokens", "ms", "nodes/s", "tokens/s", "FLOPs", "GiB", "differs")
    print("".join(f"{head:>{width}}" for head, width in zip(heads, (7, 9, 7, 10, 10, 11, 11, 7, 9, 8), strict=True)))
    rows: list[dict[str, Any]] = []
    for nodes in arguments.nodes:
        sdpa = None
        for path in PATHS:
            if time.monotonic() - began > LIMIT_S - 3 * arguments.seconds:
                print(f"{nodes:>7,}{path:>9}  left out: the time limit of {LIMIT_S:.0f} s is near")
                continue
            try:
                row = measure(model, path, nodes, arguments.seconds, peak)
            except (torch.cuda.OutOfMemoryError, RuntimeError) as error:
                torch.cuda.empty_cache()
                print(f"{nodes:>7,}{path:>9}  failed: {str(error).splitlines()[0]}")
                continue
            sdpa = row if path == "sdpa" else sdpa
            report(row, sdpa)
            rows.append(row)
    if arguments.out is not None:
        arguments.out.write_text(json.dumps({"device": name, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
