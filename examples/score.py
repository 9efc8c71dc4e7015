"""A program step by step: cut it, run it, score each step. The cells (# %%) make it a notebook.

Start the servers first, for instance

    prlcoder serve all --prm-model runs/quickstart/reward --policy-model runs/quickstart/policy --ready-file ready.json

then `python examples/score.py ready.json`.
"""

# %% Where the services are
from __future__ import annotations

import sys
from pathlib import Path

from prlcoder.cli.serve_all import read_ready
from prlcoder.executor import ExecutionRequest
from prlcoder.executor.serving.blocking import BlockingExecutor
from prlcoder.prm.items import ProgramToScore, StepSpan
from prlcoder.prm.serving.client import BlockingPrm
from prlcoder.problems.model import CallTest, CallTests
from prlcoder.problems.prompts import Prompt
from prlcoder.segmenter.serving.client import BlockingSegmenter

services = {name: ports["grpc"] or "" for name, ports in read_ready(Path(sys.argv[1])).items()}

# %% A problem and two programs, one of them wrong
statement = "# Return the sum of the even numbers in values.\n"
tests = CallTests("f", (CallTest(([1, 2, 3, 4],), {}, 6), CallTest(([],), {}, 0)))
right = """\
def f(values):
    total = 0
    for value in values:
        if value % 2 == 0:
            total += value
    return total
"""
programs = [right, right.replace("== 0", "== 1")]

# %% Steps
with BlockingSegmenter(services["segmenter"]) as segmenter:
    cuts = segmenter.segment(programs, "line")

# %% Verdicts
with BlockingExecutor(services["executor"]) as executor:
    results = list(executor.run(ExecutionRequest(program, tests) for program in programs))

# %% Scores: the model's belief that the program is right up to each step
prompt = Prompt(statement, "", "")
items = []
for program, cut in zip(programs, cuts, strict=True):
    assert isinstance(cut, list), cut  # else the error that says why it cannot be cut
    items.append(ProgramToScore(prompt, program, tuple(StepSpan(part.start, part.end) for part in cut if part.is_step)))
with BlockingPrm(services["prm"]) as prm:
    scored = prm.score(items)

# %% Side by side
for item, result, answer in zip(items, results, scored, strict=True):
    print(f"verdict: {result.verdict}")
    if isinstance(answer, Exception):
        print(f"  no scores: {answer}")
        continue
    for step in answer.steps:
        print(f"  {step.probability:.2f}  {item.program[step.start : step.end].rstrip()}")
