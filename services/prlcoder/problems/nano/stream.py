"""The pre-training stream of the nano policy: programs of the family, many of them with a habitual bug."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from prlcoder.problems.model import Problem
from prlcoder.problems.nano.draw import Draw
from prlcoder.problems.nano.heldout import HeldOut
from prlcoder.problems.nano.task import answers, draw_bug, draw_inputs, draw_task, is_telling

TRANSFORMS_PER_PROGRAM = (1, 4)  # minimum and maximum; all numbers are equally likely


@dataclass(frozen=True)
class StreamProgram:
    """One program to pre-train on. ``program`` includes the prompt; ``buggy`` says whether a step has a bug."""

    statement: str
    program: str
    buggy: bool


def stream(count: int, *, seed: int, exclude: Collection[Problem], noisy: bool = True) -> Iterator[StreamProgram]:
    """Yields ``count`` programs. Equal arguments give equal programs; a shorter stream is a prefix of a longer one.

    No program has the statement of a problem in ``exclude``, and no program (bugs included) equals one of their
    solutions. Pass every problem of the run, the training problems too. Programs may repeat each other. With
    ``noisy``, each step contains a bug independently with the habitual probability of its operation.
    """
    held_out = HeldOut(exclude)
    draw = Draw(f"nano stream {seed}")
    probes = draw_inputs(draw)
    while count > 0:
        task = draw_task(draw, draw.between(*TRANSFORMS_PER_PROGRAM))
        bugs = [draw_bug(draw, step.operation) if noisy else None for step in task.steps]
        statement, program = task.statement, task.program(bugs)
        if held_out.holds_statement(statement) or held_out.holds_program(program):
            continue
        if not is_telling(answers(task, probes)):
            continue
        yield StreamProgram(statement, program, buggy=any(bug is not None for bug in bugs))
        count -= 1
