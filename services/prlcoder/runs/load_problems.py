"""Loads the problems of a run and splits them. The splits stay the same from the first stage to the last."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from prlcoder.errors import InputError
from prlcoder.files import read_json, write_json, writer
from prlcoder.problems.model import Problem
from prlcoder.spec import Problems, Spec


@dataclass(frozen=True)
class SplitProblems:
    """Problems by split, each in the order of the data set."""

    train: tuple[Problem, ...]
    validation: tuple[Problem, ...]
    test: tuple[Problem, ...]


def load_problems(spec: Spec, splits_file: Path, quarantine: Path) -> SplitProblems:
    """Read and split the spec's problems.

    The first call writes the ids to ``splits_file``; later calls raise ``InputError`` if the problems differ from
    those of the first. Skipped records are written to ``quarantine``.
    """
    from prlcoder.problems.splits import split

    settings = spec.problems
    problems = _read(settings, quarantine)
    splits = split(problems, settings.split)
    record = {
        "train": list(splits.train),
        "validation": list(splits.validation),
        "test": list(splits.test),
        "digest": splits.digest,
    }
    if splits_file.exists():
        _check_digest(splits_file, record["digest"])
    else:
        write_json(splits_file, record)
    by_id = {problem.id: problem for problem in problems}
    return SplitProblems(*(tuple(by_id[id] for id in ids) for ids in (splits.train, splits.validation, splits.test)))


def _read(settings: Problems, quarantine: Path) -> list[Problem]:
    """All problems. Without ``skip_invalid`` no record is skipped and no quarantine file is made."""
    from prlcoder.problems.reading import read

    with ExitStack() as stack:
        skipped = stack.enter_context(writer(quarantine, sys.stderr)) if settings.skip_invalid else None
        return list(
            read(
                settings.source,
                format=settings.format,
                normalize_indent=settings.normalize_indent,
                skip_invalid=settings.skip_invalid,
                quarantine=skipped,
                limit=settings.limit,
                select=settings.select,
                overrides=settings.overrides,
                hub=settings.hub,
                nano=settings.nano,
            )
        )


def _check_digest(splits_file: Path, digest: object) -> None:
    before = read_json(splits_file).get("digest")
    if before != digest:
        what = f"the problems differ from those that this run began with (digest {before}, now {digest})"
        raise InputError(f"{splits_file}: digest: {what}; restore them, or choose another metadata.name")
