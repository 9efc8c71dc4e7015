"""Builds a supervision folder: problems are streamed in shards, a killed build resumes, and the content is always the
same."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

from prlcoder.errors import InputError, WorkError
from prlcoder.executor import ProgramRunner, ResourceLimits
from prlcoder.mutator.model import BatchTeacher, Teacher
from prlcoder.mutator.solutions import SolutionTeacher
from prlcoder.problems.model import Problem
from prlcoder.segmenter import BatchSegmenter, Mode, segment_each
from prlcoder.stages.checkpoints import checkpoint_saved
from prlcoder.supervision import store
from prlcoder.supervision.labelling import Labels, Unit, label, with_criticality
from prlcoder.supervision.pairs import pairs
from prlcoder.supervision.policy_teacher import PolicySource, teach
from prlcoder.supervision.rows import Step, SupervisionRow
from prlcoder.supervision.statistics import add, count, stood_in, without_steps
from prlcoder.telemetry.progress import Progress

SHARD_PROBLEMS = 50


@dataclass(frozen=True)
class Settings:
    """Everything that determines the content of a build.

    ``described`` holds the teachers as plain values, for the manifest. ``shard`` (i, n) selects the i-th of every n
    problems, counted from 1.
    """

    mode: Mode
    seed: int
    pairs_per_segment: int
    limits: ResourceLimits
    described: list[dict[str, Any]]
    labels: Labels = "strict"
    unit: Unit = "segment"
    use_generated: bool = False
    shard_problems: int = SHARD_PROBLEMS
    shard: tuple[int, int] = (1, 1)


PolicyFor = Callable[[list[Problem]], PolicySource]


def build(
    problems: Callable[[], Iterator[Problem]],
    folder: Path,
    settings: Settings,
    *,
    teachers: Sequence[Teacher | BatchTeacher],
    executor: ProgramRunner,
    policy: PolicyFor | None = None,
    segmenter: BatchSegmenter = segment_each,
) -> tuple[dict[str, Any], bool]:
    """Build ``folder`` or resume its build; return the manifest, and whether it was complete already.

    ``problems`` is called twice, once to identify the input and once to process it, so memory does not grow with their
    number. Raises ``InputError`` if the folder was begun with other settings. Raises ``WorkError`` if another process
    is building there, or if the sandbox or the disk failed; finished shards are kept.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkError(f"{folder}: cannot be created ({error.strerror}); name another folder with --out") from error
    with _only_builder(folder):
        total, digest = survey(problems())
        first, step = settings.shard[0] - 1, settings.shard[1]
        identity = {"input": digest, "problems": total, "shard": shard_name(settings.shard)}
        store.start(folder, {**describe(settings), **identity})
        if (folder / store.MANIFEST).exists():
            return store.read_manifest(folder), True
        done = store.finished_shards(folder)
        size, total = settings.shard_problems, len(range(first, total, step))
        source = islice(problems(), first, None, step)
        with Progress("supervise", total=total, unit="problems", done=min(total, len(done) * size)) as progress:
            for number in range(-(-total // size)):
                group = list(islice(source, size))
                if number not in done:
                    _build_shard(folder, number, group, settings, teachers, executor, policy, segmenter)
                    progress.advance(len(group))
                    checkpoint_saved(f"shard-{number}")
        manifest = {**assemble(folder, describe(settings)), **identity, "versions": versions()}
        store.finish(folder, manifest)
        return manifest, False


def shard_name(shard: tuple[int, int]) -> str:
    """Return ``i/n``; for a whole build this is ``1/1``."""
    return f"{shard[0]}/{shard[1]}"


def versions() -> dict[str, str]:
    """Return the versions that, besides the settings, could change the content of a build."""
    return {"prlcoder": version("prlcoder"), "python": platform.python_version()}


def survey(problems: Iterator[Problem]) -> tuple[int, str]:
    """Return the number of problems, and a digest of everything in them that a build depends on."""
    total, digest = 0, hashlib.sha256()
    for problem in problems:
        total += 1
        parts = (problem.id, problem.solutions[:1], problem.prompt, problem.preamble, problem.tests)
        digest.update(repr(parts).encode("utf-8", "surrogatepass"))
    return total, digest.hexdigest()


def describe(settings: Settings) -> dict[str, Any]:
    """Return the settings as plain values."""
    limits = settings.limits
    return {
        "segmentation": settings.mode,
        "seed": settings.seed,
        "labels": settings.labels,
        "unit": settings.unit,
        "use_generated": settings.use_generated,
        "pairs_per_segment": settings.pairs_per_segment,
        "teachers": settings.described,
        "shard_problems": settings.shard_problems,
        "limits": {"cpu_s": limits.cpu_s, "wall_s": limits.wall_s, "memory_mib": limits.memory_mib},
    }


def _build_shard(
    folder: Path,
    number: int,
    group: list[Problem],
    settings: Settings,
    teachers: Sequence[Teacher | BatchTeacher],
    executor: ProgramRunner,
    policy: PolicyFor | None,
    segmenter: BatchSegmenter,
) -> None:
    started = time.monotonic()
    labelled = label(
        group,
        mode=settings.mode,
        teachers=teachers if settings.unit == "segment" else _of_solutions(teachers, settings),
        executor=executor,
        limits=settings.limits,
        unit=settings.unit,
        labels=settings.labels,
        seed=settings.seed,
        segmenter=segmenter,
    )
    counted: dict[str, int] = {}
    if policy is not None and labelled.verified:
        source = policy([verified.problem for verified in labelled.verified])
        # Each shard has its own seed, so that a resumed build samples what an uninterrupted one would have sampled.
        seed = settings.seed * 1_000_003 + number
        counted = teach(labelled, source, mode=settings.mode, executor=executor, seed=seed)
        labelled.steps = with_criticality(labelled.steps)
    by_problem: dict[str, list[Step]] = {}
    for step in labelled.steps:
        by_problem.setdefault(step.problem_id, []).append(step)
    made = [
        pair
        for steps in by_problem.values()
        for pair in pairs(
            steps,
            seed=settings.seed,
            per_segment=settings.pairs_per_segment,
            use_generated=settings.use_generated,
        )
    ]
    tables: dict[str, Sequence[SupervisionRow]] = {
        "steps": labelled.steps,
        "pairs": made,
        "programs": labelled.programs,
    }
    counts = count(labelled, made, counted)
    if settings.unit == "solution":  # only whole programs are labelled, so there are no steps and no pairs
        tables, counts = {**tables, "steps": [], "pairs": []}, without_steps(counts)
    labelled.timings_s["wall"] = time.monotonic() - started
    part = {"counts": counts, "timings_s": dict(labelled.timings_s)}
    if labelled.stood_in:
        part["stood_in"] = stood_in(labelled)
    store.write_shard(folder, number, tables, labelled.quarantine, part)


def _of_solutions(teachers: Sequence[Teacher | BatchTeacher], settings: Settings) -> list[Teacher]:
    made: list[Teacher] = []
    for teacher in teachers:
        if isinstance(teacher, BatchTeacher):
            raise InputError(f"supervision.unit: solution: teacher {teacher.name} rewrites segments; use rules")
        made.append(SolutionTeacher(teacher, settings.mode, settings.seed))
    return made


def assemble(folder: Path, described: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest of a folder's parts, with the settings ``described`` that they were made with."""
    counts: dict[str, Any] = {}
    timings: dict[str, Any] = {}
    instead: dict[str, dict[str, list[int]]] = {}
    for part in store.read_parts(folder):
        counts, timings = add(counts, part["counts"]), add(timings, part["timings_s"])
        for teacher, places in part.get("stood_in", {}).items():
            instead.setdefault(teacher, {}).update(places)
    return {
        **({"stood_in": instead} if instead else {}),
        "content_hash": store.content_hash(folder),
        "counts": counts,
        "settings": described,
        "timings_s": timings,
    }


@contextmanager
def _only_builder(folder: Path) -> Iterator[None]:
    """Hold the folder's lock. The kernel releases it when the process ends, however it ends."""
    try:
        handle = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise WorkError(f"{folder}: cannot be written ({error.strerror}); name another folder with --out") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise WorkError(f"{folder}: another process is building here; wait for it or name another folder") from None
    finally:
        os.close(handle)
