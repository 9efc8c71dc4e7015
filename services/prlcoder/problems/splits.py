"""Training, validation and test problems: stratified by difficulty, near-duplicates on one side.

A split depends on the problems and the seed, not on the order in which the problems come.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from prlcoder.errors import InputError
from prlcoder.problems.model import Problem
from prlcoder.problems.similarity import duplicate_groups
from prlcoder.spec import Split

NAMES = ("train", "validation", "test")
ProblemGroup = tuple[Problem, ...]


@dataclass(frozen=True)
class Splits:
    """Problem ids of each part, sorted."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over the ids of all parts: two splits are the same if and only if this is."""
        parts = {name: getattr(self, name) for name in NAMES}
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def split(problems: Sequence[Problem], settings: Split) -> Splits:
    """Divide the problems; every id is in exactly one part.

    ``random``: each part holds its share of every difficulty within one problem (as far as groups of duplicates allow).
    ``published``: what the data set says; problems for which it says nothing are divided as above, unless a
    near-duplicate has a published place: then they join it. ``InputError`` if the shares leave no training part.
    """
    if settings.validation + settings.test >= 1.0:
        raise InputError("problems.split: validation and test leave nothing to train on; lower one of them")
    placed: dict[str, str] = {}
    open_groups: list[ProblemGroup] = []
    for group in duplicate_groups(problems):
        published = {problem.split for problem in group} & set(NAMES) if settings.by == "published" else set()
        if not published:
            open_groups.append(group)
            continue
        # test before validation before train: an unpublished copy of a test problem must not be trained on
        side = max((name for name in published if name is not None), key=NAMES.index)
        placed.update({p.id: p.split if p.split in NAMES else side for p in group})
    placed.update(_divide(open_groups, settings))
    return Splits(*(tuple(sorted(id for id, name in placed.items() if name == part)) for part in NAMES))


def _divide(groups: Sequence[ProblemGroup], settings: Split) -> dict[str, str]:
    """Part of each problem. Largest groups first, in an order drawn from the seed; each goes where most room is left
    for its difficulties. The single problems come last and fill every part up to its share exactly."""
    sizes = Counter(_difficulty(problem) for group in groups for problem in group)
    room = {level: _room(size, settings) for level, size in sizes.items()}
    placed: dict[str, str] = {}
    for group in sorted(groups, key=lambda group: (-len(group), _draw(settings.seed, group))):
        counts = sorted(Counter(map(_difficulty, group)).items())
        name = max(NAMES, key=lambda name: sum(count * room[level][name] for level, count in counts))
        for level, count in counts:
            room[level][name] -= count
        placed.update({problem.id: name for problem in group})
    return placed


def _room(size: int, settings: Split) -> dict[str, int]:
    """Sizes of the parts of ``size`` problems, rounded by the largest remainder: each within one of its share."""
    test, validation = settings.test * size, settings.validation * size
    shares = {"train": size - test - validation, "validation": validation, "test": test}
    room = {name: int(share) for name, share in shares.items()}
    by_remainder = sorted(NAMES, key=lambda name: room[name] - shares[name])
    for name in by_remainder[: size - sum(room.values())]:
        room[name] += 1
    return room


def _difficulty(problem: Problem) -> str:
    return problem.difficulty or ""


def _draw(seed: int, group: ProblemGroup) -> str:
    return hashlib.sha256(json.dumps([seed, sorted(problem.id for problem in group)]).encode()).hexdigest()
