"""Labelled steps as sequences with labels at the steps' last visible tokens, steps of one program in one sequence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prlcoder.modeling.spans import Tokenizer, encode, segment_end_token

if TYPE_CHECKING:
    from prlcoder.problems.prompts import Prompt

LABELS = {"rejected": 0, "chosen": 1}


@dataclass(frozen=True)
class StepSequence:
    """Tokens up to the last labelled step, the labelled positions in them and their labels: 0 rejected, 1 chosen."""

    ids: list[int]
    positions: list[int]
    labels: list[int]


def step_sequences(
    tokenizer: Tokenizer, prompts: Mapping[str, Prompt], rows: Iterable[Mapping[str, Any]]
) -> list[StepSequence]:
    """One sequence for all rows that are steps of one and the same whole program.

    The model is causal: what follows a step changes neither its tokens nor its state, so what follows the last labelled
    one is left out. The steps before it are chosen ones, each of which has a row of its own somewhere: they are
    labelled too, in the same pass. A program is then mostly right up to the step in question, as those are that a
    reward model is asked about; without that, most of all labels would be the teacher's rejected steps.
    """
    programs: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    right: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        until = row["prefix"] + row["segment"]
        programs[row["problem_id"], until + row["rest"]][row["end"]] = LABELS[row["label"]]
        if row["label"] == "chosen":
            right[row["problem_id"]].add(until)
    sequences = []
    for (problem_id, program), steps in programs.items():
        last = program[: max(steps)]
        before = {len(until): 1 for until in right[problem_id] if len(until) < len(last) and last.startswith(until)}
        prompt = prompts[problem_id]
        encoded = encode(tokenizer, prompt.whole(program))
        ends = {
            segment_end_token(encoded, prompt.program_start, program, end): label
            for end, label in sorted({**before, **steps}.items())
        }
        sequences.append(StepSequence(encoded.ids[: max(ends) + 1], list(ends), list(ends.values())))
    return sequences
