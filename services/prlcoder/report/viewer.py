"""The step viewer's data: problems with their scored programs, packed small enough to travel inside the page.

Records are arrays, repeated words are indices into a table, and probabilities are thousandths, so that 750 problems of
the nano suite with all their variants fit into a page of 2 MB. viewer.js unpacks this format.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, TypeVar

from markupsafe import Markup

from prlcoder.report import names
from prlcoder.report.records import ReportedProgram, ReportedStep, ReportedVariant

BUDGET_BYTES = 1_700_000  # of packed problems; the rest of the page takes about 100 kB
PROGRAMS = ("canonical", *names.POLICIES)
SPLITS = ("test", "validation", "train")
StepT = TypeVar("StepT", bound=ReportedStep)


@dataclass
class Words:
    """Numbers words in the order of their first use; 0 is the empty word."""

    numbers: dict[str, int] = field(default_factory=lambda: {"": 0})

    def __getitem__(self, word: str | None) -> int:
        return self.numbers.setdefault(word or "", len(self.numbers))


@dataclass(frozen=True)
class ViewerData:
    """The packed problems as JSON that is safe inside a script element; ``shown`` of ``total`` problems fit."""

    json: Markup
    shown: int
    total: int


def viewer_data(programs: Iterable[ReportedProgram], budget: int = BUDGET_BYTES) -> ViewerData:
    """Pack as many problems as fit the budget, held-out ones first."""
    words, problems, used = Words(), [], 0
    by_problem: dict[str, list[ReportedProgram]] = {}
    for program in programs:
        by_problem.setdefault(program.problem_id, []).append(program)
    for group in mixed(list(by_problem.values())):
        packed = pack_problem(group, words)
        used += len(script_safe(_dump(packed)).encode())
        if used > budget:
            break
        problems.append(packed)
    data = {"words": list(words.numbers), "titles": _titles(), "problems": problems}
    return ViewerData(Markup(script_safe(_dump(data))), len(problems), len(by_problem))


def _titles() -> dict[str, str]:
    return {"canonical": "Canonical solution", **{name: names.policy(name) for name in names.POLICIES}}


def mixed(problems: list[list[ReportedProgram]]) -> list[list[ReportedProgram]]:
    """Held-out problems (including those of a published benchmark) before training ones, with the difficulties in turn,
    so that a page that cannot show all has some of each."""

    def split(group: list[ReportedProgram]) -> int:
        return SPLITS.index(group[0].split) if group[0].split in SPLITS else -1

    result: list[list[ReportedProgram]] = []
    for _, of_split in groupby(sorted(problems, key=split), key=split):
        queues: dict[str, list[list[ReportedProgram]]] = {}
        for group in of_split:
            queues.setdefault(group[0].difficulty or "", []).append(group)
        order = [queues[level] for level in names.ordered(queues, names.LEVELS)]
        for turn in range(max(map(len, order))):
            result += [queue[turn] for queue in order if turn < len(queue)]
    return result


def pack_problem(programs: Sequence[ReportedProgram], words: Words) -> list[Any]:
    """``[id, split, difficulty, statement, [program, …]]``, the canonical program first."""
    first = programs[0]
    order = names.ordered({program.policy for program in programs}, PROGRAMS)
    packed = [pack_program(program, words) for name in order for program in programs if program.policy == name]
    return [first.problem_id, words[first.split], words[first.difficulty], first.statement, packed]


def pack_program(program: ReportedProgram, words: Words) -> list[Any]:
    """``[policy, verdict, [segment, …]]``; the segments' texts concatenate to the program."""
    return [
        words[program.policy],
        words[program.verdict],
        [_pack_segment(text, step, words) for text, step in pieces(program.program, program.segments)],
    ]


def pieces(program: str, steps: Sequence[StepT]) -> list[tuple[str, StepT | None]]:
    """The program divided at its segments; text outside every segment (all of it, if it does not parse) has None."""
    result: list[tuple[str, StepT | None]] = []
    end = 0
    for step in steps:
        if step.start > end:
            result.append((program[end : step.start], None))
        result.append((program[step.start : step.end], step))
        end = step.end
    if end < len(program):
        result.append((program[end:], None))
    return result


def _pack_segment(text: str, step: ReportedStep | None, words: Words) -> list[Any]:
    """``[text, kind, thousandths | null, [variant, …]]``; trailing empty entries are left out."""
    if step is None:
        return [text]
    variants = [_pack_variant(variant, words) for variant in step.variants]
    packed = [text, words[step.kind], _thousandths(step.probability)]
    return [*packed, variants] if variants else packed


def _pack_variant(variant: ReportedVariant, words: Words) -> list[Any]:
    """``[text, origin, operator, label, verdict, thousandths | null]``."""
    named = (variant.origin, variant.operator, variant.label, variant.verdict)
    return [variant.text, *(words[word] for word in named), _thousandths(variant.probability)]


def _thousandths(probability: float | None) -> int | None:
    return None if probability is None else round(1000 * probability)


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def script_safe(text: str) -> str:
    """JSON that cannot end its script element or start another, whatever its strings contain. ``<``, ``>`` and ``&``
    occur only inside strings, so they can be written as escapes; so can a lone surrogate, which is not valid UTF-8."""
    for character, escape in (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e")):
        text = text.replace(character, escape)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
