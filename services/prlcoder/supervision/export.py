"""Exports a supervision folder to the formats of other trainers (``docs/reference/contracts.md#3-files``).

``trl-preference``: ``{prompt, chosen, rejected}``. ``stepwise``: ``{prompt, completions[], labels[]}``, one labelled
chain of steps per row. ``orm``: ``{prompt, completion, label}``, whole programs; a trainer of pairs joins right and
wrong ones by prompt. The prompt is the rendered problem, for a preference pair followed by the program up to the
segment. Survivors are left out, and also steps that only a generated test rejects, unless the build has
``use_generated``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from prlcoder.errors import InputError
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import Prompt, render
from prlcoder.segmenter import SegmentationError, segment
from prlcoder.segmenter.model import Mode
from prlcoder.supervision import store
from prlcoder.supervision.rows import training_buckets

ExportRow = Mapping[str, Any]
TEMPLATE = "plain"


def export(folder: Path, form: str, problems: Iterable[Problem]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a finished supervision in one format. Raises ``InputError`` if a problem is missing."""
    manifest = store.read_manifest(folder)
    prompts = {problem.id: render(problem, TEMPLATE) for problem in problems}
    mode: Mode = manifest["settings"]["segmentation"]
    buckets = training_buckets(manifest["settings"].get("use_generated", False))
    table, convert = FORMATS[form]
    for row in store.read_rows(folder, table):
        if row.get("bucket", "chosen") not in buckets:  # pairs have no bucket: they consist of training steps only
            continue
        prompt = prompts.get(row["problem_id"])
        if prompt is None:
            raise InputError(
                f"{folder}: problem_id: no problem {row['problem_id']!r} in --problems; give the file it was built from"
            )
        exported = convert(row, prompt, mode)
        if exported is not None:
            yield exported


def _after_prompt(prompt: Prompt, text: str) -> str:
    """Return ``text``, the beginning of a program, without the code that the prompt already contains."""
    return text[len(prompt.given) :]


def _preference(row: ExportRow, prompt: Prompt, mode: Mode) -> dict[str, Any]:
    start = prompt.text + _after_prompt(prompt, row["prefix"])
    return {"prompt": start, "chosen": row["chosen"], "rejected": row["rejected"]}


def _stepwise(row: ExportRow, prompt: Prompt, mode: Mode) -> dict[str, Any] | None:
    """Return the verified steps before the labelled one, then that one: a chain whose last label is the row's."""
    try:
        parts = segment(row["prefix"] + row["segment"] + row["rest"], mode)
    except SegmentationError:  # a syntax bug: the program cannot be segmented
        return None
    given = len(prompt.given)
    before = [part.text for part in parts if given < part.end <= row["start"]]
    labels = [True] * len(before) + [row["label"] == "chosen"]
    return {"prompt": prompt.text, "completions": [*before, row["segment"]], "labels": labels}


def _outcome(row: ExportRow, prompt: Prompt, mode: Mode) -> dict[str, Any]:
    completion = _after_prompt(prompt, row["program"])
    return {"prompt": prompt.text, "completion": completion, "label": row["label"] == "chosen"}


FORMATS: dict[str, tuple[str, Callable[[ExportRow, Prompt, Mode], dict[str, Any] | None]]] = {
    "trl-preference": ("pairs", _preference),
    "stepwise": ("steps", _stepwise),
    "orm": ("programs", _outcome),
}
