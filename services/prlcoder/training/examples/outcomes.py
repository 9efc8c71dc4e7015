"""Labelled whole programs as token sequences, for an outcome reward model: one label at the last visible token.

That token is where a process reward model has the label of the last step (T_p of ``docs/reference/contracts.md#1``). A
program is therefore one long step for everything that trains, validates, scores and serves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from prlcoder.modeling.spans import Tokenizer, encode, segment_end_token
from prlcoder.telemetry.progress import Progress
from prlcoder.training.examples.steps import LABELS, StepSequence

if TYPE_CHECKING:
    from prlcoder.problems.prompts import Prompt

COLUMNS = ("problem_id", "program", "label", "bucket")  # of the table ``programs``


def program_sequences(
    tokenizer: Tokenizer, prompts: Mapping[str, Prompt], rows: Iterable[Mapping[str, Any]]
) -> list[StepSequence]:
    """One sequence per distinct program, with its label at its last visible token."""
    labels = {(row["problem_id"], row["program"]): LABELS[row["label"]] for row in rows}
    sequences = []
    with Progress("tokenise", total=len(labels), unit="programs", final=False) as progress:
        for (problem_id, program), label in labels.items():
            prompt = prompts[problem_id]
            encoded = encode(tokenizer, prompt.input(program))
            last = segment_end_token(encoded, prompt.program_start, program, len(program))
            sequences.append(StepSequence(encoded.ids[: last + 1], [last], [label], problem_id))
            progress.advance(tokens=last + 1)
    return sequences


def programs_of_steps(steps: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The whole programs that labelled steps were judged in, as rows with the columns ``COLUMNS``.

    >>> programs_of_steps([{"problem_id": "a", "prefix": "x", "segment": "y", "rest": "z", "label": "chosen"}])
    [{'problem_id': 'a', 'program': 'xyz', 'label': 'chosen', 'bucket': 'chosen'}]
    """
    return [
        {
            "problem_id": step["problem_id"],
            "program": step["prefix"] + step["segment"] + step["rest"],
            "label": step["label"],
            "bucket": step["label"],
        }
        for step in steps
    ]
