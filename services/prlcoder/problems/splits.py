"""Divides problems into training, validation and test parts, stratified by difficulty.

Near-duplicates stay in one part. A split depends on the problems and the seed, not on the order of the problems.
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
    """The problem ids of each part, sorted."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over the ids of all parts; equal splits have equal digests."""
        parts = {name: getattr(self, name) for name in NAMES}
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def split(problems: Sequence[Problem], settings: Split) -> Splits:
    """Divide the problems; every id is in exactly one part.

    ``random``: each part gets its share of every difficulty, within one problem (as far as groups of duplicates allow).
    ``published``: the splits of the data set. Problems without a published split join a near-duplicate that has one;
    the others are divided as above. ``InputError`` if the shares leave no training part.
    """
    if settings.validation + settings.test >= 1.0:
        raise InputError("problems.split: validation and test leave nothing to train on; lower one of them")
    part_of: dict[str, str] = {}
    open_groups: list[ProblemGroup] = []
    for group in duplicate_groups(problems):
        published = {problem.split for problem in group} & set(NAMES) if settings.by == "published" else set()
        if not published:
            open_groups.append(group)
            continue
        # test comes before validation and train: an unpublished copy of a test problem must not be trained on
        strictest = max((name for name in published if name is not None), key=NAMES.index)
        part_of.update({p.id: p.split if p.split in NAMES else strictest for p in group})
    part_of.update(_divide(open_groups, settings))
    return Splits(*(tuple(sorted(id for id, name in part_of.items() if name == part)) for part in NAMES))


def _divide(groups: Sequence[ProblemGroup], settings: Split) -> dict[str, str]:
    """The part of each problem, by id.

    The largest groups are placed first, in an order drawn from the seed. Each goes to the part with the most room left
    for its difficulties. Single problems come last and fill every part to its exact share.
    """
    sizes = Counter(_difficulty(problem) for group in groups for problem in group)
    room = {level: _room(size, settings) for level, size in sizes.items()}
    part_of: dict[str, str] = {}
    for group in sorted(groups, key=lambda group: (-len(group), _draw(settings.seed, group))):
        counts = sorted(Counter(map(_difficulty, group)).items())
        name = max(NAMES, key=lambda name: sum(count * room[level][name] for level, count in counts))
        for level, count in counts:
            room[level][name] -= count
        part_of.update({problem.id: name for problem in group})
    return part_of


def _room(size: int, settings: Split) -> dict[str, int]:
    """The sizes of the parts of ``size`` problems, rounded by the largest remainder; each is within 1 of its share."""
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
