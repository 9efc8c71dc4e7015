"""Measures step-level DPO on tries against TRL's DPOTrainer, packed pairs, and tries of single pairs.

    python benchmarks/one_pass_dpo.py PROBLEMS [--limit N] [--segmentation M] [--hidden H --layers N] [--budget TOKENS]

The pairs are those of the rule teacher, at most two per segment as `supervision.pairsPerSegment` has it: a canonical
segment is chosen, a mutation of it is rejected. Nothing is executed, because labels do not change the time. All modes
make one epoch with the same optimiser steps over the same pairs, in the same order, with AdamW from the same random
weights, without gradient checkpointing:

- ``tries``: all pairs of a program in one trie (`policy.batchTokens`).
- ``trl`` (A): the loss of TRL's ``DPOTrainer``, with its collator and its fused head, on pre-tokenised pairs.
- ``packed`` (B): one row per side, several packed into a row (`PairCollator`).
- ``pair tries`` (C): prompt and prefix once per pair, and both answers behind them.

The pairs of an optimiser step are sorted by length and divided into forward passes of at most ``--budget`` tokens with
padding; ``--budgets`` tries several for each mode, and the fastest one counts. Reference log-probabilities are computed
before, by the same model on tries, and timed apart.

Every mode runs in a process of its own, so that its peak of memory is its own. Printed are wall and CPU seconds of
forward and backward passes and optimiser steps, tokens with padding, peak memory, the reference's seconds, and against
the tries: the ratio of wall times, the ratio of tokens, their quotient (the efficiency), the ratio of peaks, and the
largest relative difference among the losses of the first 20 steps.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

MODES = ("tries", "trl", "packed", "pair tries")
FIRST_LOSSES = 20
LENGTH = 2048
PAIRS_PER_SEGMENT = 2
BETA = 0.1
LEARNING_RATE = 5e-6

Pair = dict[str, Any]
MeanLoss = Callable[[Sequence[Pair]], tuple[torch.Tensor, int]]
"""From pairs to their mean loss and the number of tokens of the pass."""


def make_pairs(problems: Sequence[Any], tokenizer: Any, mode: Any) -> list[Pair]:
    """The tokenised pairs of all problems."""
    from prlcoder.mutator import RuleTeacher
    from prlcoder.problems.prompts import render
    from prlcoder.segmenter import segment
    from prlcoder.spec import Dpo
    from prlcoder.training.examples.pairs import pair_dataset

    teacher, rows = RuleTeacher(seed=0), []
    for problem in problems:
        source, parts = problem.canonical, segment(problem.canonical, mode)
        for index, part in enumerate(parts):
            if not part.is_step or part.end <= len(problem.prompt):
                continue
            variants = [v for v in teacher.propose(problem.id, source, parts, index) if v.kind == "mutation"]
            texts = {"prefix": source[: part.start], "chosen": part.text, "rest": source[part.end :]}
            rows += [
                {**texts, "problem_id": problem.id, "rejected": variant.text, "rejected_origin": "mutation"}
                for variant in variants[:PAIRS_PER_SEGMENT]
            ]
    prompts = {problem.id: render(problem, "plain") for problem in problems}
    return list(pair_dataset(tokenizer, prompts, rows, Dpo(), max_length=LENGTH)[0])


def make_model(tokenizer: Any, hidden: int, layers: int) -> Any:
    """A Llama with tied embeddings and random weights; the same in every process."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=hidden * 11 // 4,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 32,
        num_key_value_heads=hidden // 64,
        max_position_embeddings=LENGTH,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    return LlamaForCausalLM(config)


def our_loss(model: Any, collate: Any) -> MeanLoss:
    """The product's own loss, on tries or on packed rows."""
    from prlcoder.training.examples.pairs import target_logps
    from prlcoder.training.losses.preference import dpo_loss, pair_logps, reward_margins

    def mean_loss(pairs: Sequence[Pair]) -> tuple[torch.Tensor, int]:
        batch = collate(pairs)
        logps = pair_logps(target_logps(model, batch), batch)
        references = batch["ref_chosen_logps"], batch["ref_rejected_logps"]
        return dpo_loss(reward_margins(*logps, *references, beta=BETA)).mean(), batch["input_ids"].numel()

    return mean_loss


def trl_loss(model: Any, tokenizer: Any, pairs: Sequence[Pair]) -> MeanLoss:
    """The loss of TRL's trainer. The data are tokenised already, so TRL must not prepare them."""
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    class Pretokenised(DPOTrainer):  # type: ignore[misc]  # TRL has no types
        def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
            return dataset

    with tempfile.TemporaryDirectory() as folder:
        options = DPOConfig(
            output_dir=folder,
            beta=BETA,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            precompute_ref_log_probs=True,
            max_length=LENGTH,
            report_to="none",
        )
        first = {name: ids for name, ids in as_trl(pairs[0]).items() if name.endswith("_ids")}
        trainer = Pretokenised(
            model=model, args=options, train_dataset=Dataset.from_list([first]), processing_class=tokenizer
        )

    def mean_loss(pairs: Sequence[Pair]) -> tuple[torch.Tensor, int]:
        batch = trainer.data_collator([as_trl(pair) for pair in pairs])
        return trainer.compute_loss(trainer.model, batch), batch["input_ids"].numel()

    return mean_loss


def as_trl(pair: Pair) -> Pair:
    """The pair in TRL's columns: both sides after the tokens that they share."""
    start = pair["start"]
    references = {name: pair[name] for name in ("ref_chosen_logps", "ref_rejected_logps") if name in pair}
    return {
        "prompt_ids": pair["chosen"][:start],
        "chosen_ids": pair["chosen"][start:],
        "rejected_ids": pair["rejected"][start:],
        **references,
    }


def passes(mode: str, pairs: Sequence[Pair], budget: int) -> Iterator[list[Pair]]:
    """The pairs of one optimiser step, forward pass by forward pass."""
    from prlcoder.modeling.packing.tree import Trie

    if mode == "tries":
        yield list(pairs)  # a bin fits the budget already
        return
    group: list[Pair] = []
    used = 0
    for pair in sorted(pairs, key=lambda pair: -pair["length"]):
        sides = [pair["chosen"], pair["rejected"]]
        size = len(Trie.of(sides)) if mode == "pair tries" else sum(map(len, sides))
        if mode == "trl":
            longest = (group or [pair])[0]["length"]
            used, size = 2 * len(group) * longest, 2 * longest
        if group and used + size > budget:
            yield group
            group, used = [], 0
        group.append(pair)
        used += size
    yield group


class SinglePairTries:
    """Collates pairs into one trie each, several per row."""

    def __init__(self, pad: int) -> None:
        from prlcoder.training.examples.pair_tries import PairTrieCollator

        class Apart(PairTrieCollator):
            def _laid_out(self, sequences: Sequence[Sequence[int]]) -> Any:
                from prlcoder.modeling.packing.tree import TreeBatch, Trie

                pairs = len(sequences) // 2
                tries = [Trie.of([sequences[n], sequences[pairs + n]]) for n in range(pairs)]
                batch = TreeBatch.of(tries, self._pad)
                places = [[o + node for node in t.paths[side]] for side in (0, 1) for t, o in zip_tries(tries, batch)]
                return places, batch

        self._collate = Apart(pad)

    def __call__(self, pairs: Sequence[Pair]) -> Any:
        return self._collate(pairs)


def zip_tries(tries: Sequence[Any], batch: Any) -> Iterator[tuple[Any, int]]:
    """Every trie with the place of its first node."""
    return zip(tries, batch.offsets, strict=True)


def collator(mode: str, pad: int) -> Any:
    """The collator of one of our modes."""
    from prlcoder.training.examples.pair_tries import PairTrieCollator
    from prlcoder.training.examples.pairs import PairCollator

    if mode == "packed":
        return PairCollator(pad, together=True)
    return PairTrieCollator(pad) if mode == "tries" else SinglePairTries(pad)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """One mode: seconds, tokens, peak memory and the first losses."""
    from prlcoder.modeling.scratch_tokenizers import small_tokenizer
    from prlcoder.problems.reading import read
    from prlcoder.training.examples.pair_tries import pair_bins
    from prlcoder.training.loop.reference import reference_logps

    problems = [one for one in read(arguments.problems, skip_invalid=True, limit=arguments.limit) if one.solutions]
    tokenizer = small_tokenizer([f"{one.statement}\n{one.canonical}" for one in problems])
    pad = tokenizer.pad_token_id
    pairs = make_pairs(problems, tokenizer, arguments.segmentation)
    model = make_model(tokenizer, arguments.hidden, arguments.layers)
    began = time.perf_counter()
    chosen, rejected = reference_logps(pairs, model, collator("tries", pad))
    reference_s = time.perf_counter() - began
    for pair, left, right in zip(pairs, chosen.tolist(), rejected.tolist(), strict=True):
        pair.update(ref_chosen_logps=left, ref_rejected_logps=right)
    work = pair_bins(pairs, arguments.budget, seed=0)[: arguments.steps]
    mode = arguments.mode
    mean_loss = trl_loss(model, tokenizer, pairs) if mode == "trl" else our_loss(model, collator(mode, pad))
    model.train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    losses, tokens = [], 0
    wall, cpu = time.perf_counter(), time.process_time()
    for step in work:
        total = 0.0
        for group in passes(mode, step, arguments.pass_tokens):
            loss, count = mean_loss(group)
            loss = loss * len(group) / len(step)
            loss.backward()
            total += float(loss.detach())
            tokens += count
        optimiser.step()
        optimiser.zero_grad()
        losses.append(total)
    return {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "pairs": sum(map(len, work)),
        "steps": len(work),
        "problems": len(problems),
        "parameters": model.num_parameters(),
        "vocabulary": len(tokenizer),
        "reference_s": reference_s,
        "tokens": tokens,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "losses": losses[:FIRST_LOSSES],
        "pass_tokens": arguments.pass_tokens,
    }


def report(found: dict[str, dict[str, Any]]) -> None:
    """Print the table."""
    base = found["tries"]
    print(
        f"{base['problems']} problems, {base['pairs']:,} pairs, {base['steps']} optimiser steps; "
        f"{base['parameters']:,} parameters, vocabulary {base['vocabulary']:,}"
    )
    names = ("wall s", "CPU s", "tokens", "peak MiB", "ref. s", "pass", "time", "CPU", "tokens", "effic.", "memory")
    print(f"{'':12}" + "".join(f"{name:>10}" for name in (*names, "loss")))
    for mode, one in found.items():
        wall, cpu, tokens = (one[name] / base[name] for name in ("wall_s", "cpu_s", "tokens"))
        gap = max(abs(a - b) / abs(b) for a, b in zip(one["losses"], base["losses"], strict=True))
        measured = f"{one['wall_s']:10.2f}{one['cpu_s']:10.2f}{one['tokens']:10,}{one['peak_mib']:10,.0f}"
        measured += f"{one['reference_s']:10.2f}{one['pass_tokens']:10,}"
        memory = base["peak_mib"] / one["peak_mib"]
        print(f"{mode:12}{measured}{wall:10.2f}{cpu:10.2f}{tokens:10.2f}{wall / tokens:10.2f}{memory:10.2f}{gap:10.0e}")


def main() -> None:
    """Measure all modes, each in a process of its own, and print them side by side."""
    parser = argparse.ArgumentParser(description="DPO on tries against TRL, packed pairs and tries of single pairs.")
    parser.add_argument("problems", help="a problem file")
    parser.add_argument("--limit", type=int, default=12, metavar="N", help="problems (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=1000, metavar="N", help="at most this many optimiser steps")
    parser.add_argument("--segmentation", choices=("line", "block"), default="line")
    parser.add_argument("--hidden", type=int, default=256, metavar="H", help="width of the model")
    parser.add_argument("--layers", type=int, default=4, metavar="N", help="layers of the model")
    parser.add_argument("--budget", type=int, default=2048, metavar="TOKENS", help="nodes per optimiser step")
    parser.add_argument(
        "--budgets", type=int, nargs="+", default=[2048, 8192], metavar="TOKENS", help="per forward pass of the rows"
    )
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--results", type=Path, help="file that keeps finished modes, so that a run can be continued")
    parser.add_argument("--mode", choices=MODES, help=argparse.SUPPRESS)
    parser.add_argument("--pass-tokens", type=int, default=2048, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.mode:
        print(json.dumps(measure(arguments)))
        return
    kept = arguments.results
    found: dict[str, dict[str, Any]] = json.loads(kept.read_text()) if kept is not None and kept.exists() else {}
    for mode in [mode for mode in arguments.modes if mode not in found]:
        for budget in [arguments.budget] if mode == "tries" else arguments.budgets:
            command = [sys.executable, str(Path(__file__)), *sys.argv[1:], "--mode", mode, "--pass-tokens", str(budget)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            one = json.loads(done.stdout.splitlines()[-1])
            if mode not in found or one["wall_s"] < found[mode]["wall_s"]:
                found[mode] = one
        if kept is not None:
            kept.write_text(json.dumps(found))
    report(found)


if __name__ == "__main__":
    main()
