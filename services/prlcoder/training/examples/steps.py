"""Labelled steps as token sequences: a label sits at a step's last visible token, and all labelled steps of one
program share one sequence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from prlcoder.modeling.packing.rows import IGNORED
from prlcoder.modeling.spans import Tokenizer, encode, segment_end_token
from prlcoder.telemetry.progress import Progress

if TYPE_CHECKING:
    from prlcoder.problems.prompts import Prompt

COLUMNS = ("problem_id", "end", "prefix", "segment", "rest", "label", "bucket")  # of the table ``steps``
LABELS = {"rejected": 0, "chosen": 1}


@dataclass(frozen=True)
class StepSequence:
    """Tokens up to the last labelled step, the labelled positions among them, and their labels (0 rejected, 1 chosen).

    >>> StepSequence(ids=[7, 8, 9], positions=[0, 2], labels=[1, 0]).token_labels()
    [1, -100, 0]
    """

    ids: list[int]
    positions: list[int]
    labels: list[int]
    problem_id: str = ""

    def token_labels(self) -> list[int]:
        """One label per token: 0 or 1 where a step ends, ``IGNORED`` elsewhere."""
        labels = [IGNORED] * len(self.ids)
        for position, label in zip(self.positions, self.labels, strict=True):
            labels[position] = label
        return labels


def step_sequences(
    tokenizer: Tokenizer, prompts: Mapping[str, Prompt], rows: Iterable[Mapping[str, Any]]
) -> list[StepSequence]:
    """One sequence per program, with the labels of all rows that are steps of it.

    The model is causal: what follows a step changes neither its tokens nor its state, so each sequence ends with its
    last labelled step. The earlier steps of the program are chosen ones, and each has its own row somewhere, so they
    are labelled in the same pass. A sequence is then mostly right up to the step in question, like the programs that a
    reward model is asked to score. Without these labels, most labels would be the teacher's rejected steps.
    """
    programs: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    chosen_prefixes: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        until = row["prefix"] + row["segment"]
        programs[row["problem_id"], until + row["rest"]][row["end"]] = LABELS[row["label"]]
        if row["label"] == "chosen":
            chosen_prefixes[row["problem_id"]].add(until)
    sequences = []
    with Progress("tokenise", total=len(programs), unit="programs", final=False) as progress:
        for (problem_id, program), steps in programs.items():
            prefixes = chosen_prefixes[problem_id]
            sequence = _sequence(tokenizer, prompts[problem_id], program, steps, prefixes)
            sequences.append(replace(sequence, problem_id=problem_id))
            progress.advance(tokens=len(sequence.ids))
    return sequences


def _sequence(
    tokenizer: Tokenizer, prompt: Prompt, program: str, steps: Mapping[int, int], chosen_prefixes: Iterable[str]
) -> StepSequence:
    """The sequence of one program. ``steps`` are the labels of its steps by the character where they end."""
    last = program[: max(steps)]
    earlier = {
        len(until): LABELS["chosen"] for until in chosen_prefixes if len(until) < len(last) and last.startswith(until)
    }
    encoded = encode(tokenizer, prompt.input(program))
    ends = {
        segment_end_token(encoded, prompt.program_start, program, end): label
        for end, label in sorted({**earlier, **steps}.items())
    }
    return StepSequence(encoded.ids[: max(ends) + 1], list(ends), list(ends.values()))


def labelled_once(sequences: Iterable[StepSequence]) -> list[StepSequence]:
    """The sequences with each label of a prefix in the first sequence only, without those that have no label left.

    Without this, a step is counted once per program that goes on after it, so the first steps of a problem count most.

    >>> first, second = StepSequence([1, 2, 3], [1, 2], [1, 1]), StepSequence([1, 2, 4], [1, 2], [1, 0])
    >>> [(one.positions, one.labels) for one in labelled_once([first, second])]
    [([1, 2], [1, 1]), ([2], [0])]
    """
    seen: set[tuple[str, tuple[int, ...], int]] = set()
    kept = []
    for sequence in sequences:
        fresh = []
        for position, label in zip(sequence.positions, sequence.labels, strict=True):
            key = (sequence.problem_id, tuple(sequence.ids[: position + 1]), label)
            if key not in seen:
                seen.add(key)
                fresh.append((position, label))
        if fresh:
            positions, labels = map(list, zip(*fresh, strict=True))
            kept.append(replace(sequence, positions=positions, labels=labels))
    return kept
