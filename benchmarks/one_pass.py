"""Measures reward-model training on tries against one row per step and against one row per program.

    python benchmarks/one_pass.py [PROBLEMS] [--limit N] [--preset nano|small] [--segmentation M] [--budget TOKENS]

The steps are the canonical ones (label chosen) and the rule teacher's mutations (label rejected); nothing is executed,
because labels do not change the time. All three modes make the same optimiser steps over the same labels, each label of
a prefix once, with AdamW from the same random weights, on at most ``--budget`` tokens per forward pass:

- ``steps``: one row per labelled step, sorted by length and padded. Its last token has the label.
- ``programs``: one row per program, several packed into a row, with the labels of all its steps.
- ``tries``: the programs of a problem in one trie (``docs/one-pass.md``).

Every mode runs in a process of its own, so that its peak of memory is its own. Printed are wall and CPU seconds of
forward and backward passes, tokens with padding, peak memory, and against the tries: the ratio of wall times, the ratio
of tokens, their quotient (the efficiency), and the largest relative difference among the losses of the first 20 steps.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

MODES = ("tries", "programs", "steps")
FIRST_LOSSES = 20
LENGTH = 2048


def labelled(problems: Sequence[Any], tokenizer: Any, mode: Any) -> list[Any]:
    """The programs of the problems with their labelled steps, each label once."""
    from prlcoder.mutator import RuleTeacher
    from prlcoder.problems.prompts import render
    from prlcoder.segmenter import segment
    from prlcoder.training.examples.steps import labelled_once, step_sequences

    teacher, rows = RuleTeacher(seed=0), []
    for problem in problems:
        source, parts = problem.canonical, segment(problem.canonical, mode)
        for index, part in enumerate(parts):
            if not part.is_step or part.end <= len(problem.prompt):
                continue
            variants = teacher.propose(problem.id, source, parts, index)
            texts = [(part.text, "chosen"), *((v.text, "rejected") for v in variants if v.kind == "mutation")]
            for text, label in texts:
                rows.append(
                    {
                        "problem_id": problem.id,
                        "prefix": source[: part.start],
                        "segment": text,
                        "rest": source[part.end :],
                        "end": part.start + len(text),
                        "label": label,
                    }
                )
    prompts = {problem.id: render(problem, "plain") for problem in problems}
    return labelled_once(step_sequences(tokenizer, prompts, rows))


def batches_of(mode: str, bins: Sequence[Sequence[Any]], pad: int, budget: int) -> Iterator[list[dict[str, Any]]]:
    """The micro-batches of each optimiser step, with the same labels in every mode."""
    from prlcoder.modeling.packing.rows import LabelledCollator
    from prlcoder.prm.scoring import batches
    from prlcoder.training.examples.step_tries import StepTrieCollator

    for tries in bins:
        if mode == "tries":
            yield [dict(StepTrieCollator(pad)([tries]))]
            continue
        rows: list[dict[str, list[int]]] = []
        for one in tries:
            labels = dict(zip(one.nodes, one.labels, strict=True))
            for path in sorted(one.trie.paths, key=len, reverse=True):
                own = {index: labels.pop(node) for index, node in enumerate(path) if node in labels}
                for steps in [own] if mode == "programs" else [{index: label} for index, label in own.items()]:
                    if steps:
                        ids = [one.trie.ids[node] for node in path[: max(steps) + 1]]
                        rows.append({"input_ids": ids, "labels": [steps.get(n, -100) for n in range(len(ids))]})
        collate = LabelledCollator(pad, together=mode == "programs")
        yield [collate([rows[n] for n in group]) for group in batches([len(row["input_ids"]) for row in rows], budget)]


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """One mode: seconds, tokens, peak memory and the first losses."""
    import torch
    from torch.nn.functional import cross_entropy
    from transformers import LlamaForTokenClassification

    from prlcoder.modeling.packing.tree_attention import tree_arguments
    from prlcoder.modeling.scratch_models import build
    from prlcoder.modeling.scratch_tokenizers import small_tokenizer
    from prlcoder.problems.reading import read
    from prlcoder.training.examples.step_tries import bins, step_tries

    problems = [one for one in read(arguments.problems, skip_invalid=True, limit=arguments.limit) if one.solutions]
    tokenizer = small_tokenizer([f"{one.statement}\n{one.canonical}" for one in problems])
    config = build(arguments.preset, tokenizer, seed=0, max_length=LENGTH).config
    config.num_labels, config.classifier_dropout = 2, 0.0
    torch.manual_seed(0)
    model = LlamaForTokenClassification(config)
    learnt = [one for one in labelled(problems, tokenizer, arguments.segmentation) if len(one.ids) <= LENGTH]
    work = bins(step_tries(learnt, arguments.budget), arguments.budget, seed=0)[: arguments.steps]
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
    losses, tokens, wall, cpu = [], 0, 0.0, 0.0
    for batches in batches_of(arguments.mode, work, tokenizer.pad_token_id, arguments.budget):
        count = sum(int((batch["labels"] != -100).sum()) for batch in batches)
        began, used, total = time.perf_counter(), time.process_time(), 0.0
        for batch in batches:
            labels = batch["labels"].flatten()
            if arguments.mode == "tries":
                inputs = tree_arguments(model, batch["input_ids"], batch["position_ids"], batch["ends"])
                logits = model(**inputs).logits.flatten(0, 1)[batch["sources"]]
            else:
                inputs = {name: batch[name] for name in ("input_ids", "position_ids")}
                logits = model(**inputs, use_cache=False).logits.flatten(0, 1)
            loss = cross_entropy(logits, labels, ignore_index=-100, reduction="sum") / count
            loss.backward()
            total += float(loss.detach())
            tokens += batch["input_ids"].numel()
        optimiser.step()
        optimiser.zero_grad()
        wall, cpu = wall + time.perf_counter() - began, cpu + time.process_time() - used
        losses.append(total)
    return {
        "steps": len(work),
        "labels": sum(len(one.labels) for tries in work for one in tries),
        "wall_s": wall,
        "cpu_s": cpu,
        "tokens": tokens,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "losses": losses[:FIRST_LOSSES],
    }


def report(found: dict[str, dict[str, Any]]) -> None:
    """Print the table."""
    base = found["tries"]
    print(f"{base['steps']} optimiser steps, {base['labels']:,} labelled steps")
    names = ("wall s", "CPU s", "tokens", "peak MiB", "time", "tokens", "effic.", "loss")
    print(f"{'':10}" + "".join(f"{name:>11}" for name in names))
    for mode in MODES:
        one = found[mode]
        wall, tokens = one["wall_s"] / base["wall_s"], one["tokens"] / base["tokens"]
        pairs = zip(one["losses"], base["losses"], strict=True)
        gap = max(abs(ours - theirs) / abs(theirs) for ours, theirs in pairs)
        measured = f"{one['wall_s']:11.2f}{one['cpu_s']:11.2f}{one['tokens']:11,}{one['peak_mib']:11,.0f}"
        print(f"{mode:10}{measured}{wall:11.2f}{tokens:11.2f}{wall / tokens:11.2f}{gap:11.0e}")


def main() -> None:
    """Measure all modes, each in a process of its own, and print them side by side."""
    parser = argparse.ArgumentParser(description="Reward-model training on tries against rows.")
    parser.add_argument("problems", nargs="?", default="nano", help="a problem file (default: nano)")
    parser.add_argument("--limit", type=int, default=24, metavar="N", help="problems (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=1000, metavar="N", help="at most this many optimiser steps")
    parser.add_argument("--preset", choices=("nano", "small"), default="nano", help="shape of the model")
    parser.add_argument("--segmentation", choices=("line", "block"), default="line")
    parser.add_argument("--budget", type=int, default=2048, metavar="TOKENS", help="per forward pass")
    parser.add_argument("--mode", choices=MODES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.mode:
        print(json.dumps(measure(arguments)))
        return
    found = {}
    for mode in MODES:
        command = [sys.executable, str(Path(__file__)), *sys.argv[1:], "--mode", mode]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found[mode] = json.loads(done.stdout.splitlines()[-1])
    report(found)


if __name__ == "__main__":
    main()
