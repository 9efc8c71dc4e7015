"""Runs one shard of the stage ``supervise``. Several processes or pods build the shards of a run at the same time.

A shard is built in a scratch folder of its own, and only opening the run and merging need the run's lock. Whichever
shard finishes last merges all of them and publishes the stage; its content hash is that of a build in one piece.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Final

from prlcoder.errors import InputError
from prlcoder.runs.folder import RunFolder, remove
from prlcoder.runs.given import check_given, local_copy
from prlcoder.runs.load_problems import SplitProblems, load_problems
from prlcoder.runs.lock import locked
from prlcoder.runs.plan import check_stage, observe
from prlcoder.runs.session import (
    RunSession,
    call_stage,
    check_finished_reads,
    log,
    observed_stage,
    opened,
    python_numbers,
    scratch_name,
    storage_errors_reported,
)
from prlcoder.runs.stage_progress import write_end_report
from prlcoder.runs.state import FINISHED_STATUSES, StageRecord, now
from prlcoder.runs.transcript import transcript
from prlcoder.signals import Stopping
from prlcoder.spec import PolicyTeacher, TrainingRun
from prlcoder.stages.context import Shard

STAGE: Final = "supervise"


def execute_shard(run: TrainingRun, shard: Shard) -> RunFolder:
    """Build one shard of the run's supervision, and merge all shards if it is the last one; returns the run's folder.

    Raises ``InputError`` for a run without the stage, or with a policy as its teacher, whose draws depend on how the
    problems are divided.
    """
    folder, stopping = RunFolder.of(run), Stopping()
    check_stage(STAGE, run.stages())
    _check_teachers(run)
    store = folder.store()
    with stopping.listening(), storage_errors_reported(folder.path):
        with opened(run, folder, store, STAGE, wait=True):
            session = RunSession(run, folder, stopping, observe(run, folder), store)
            problems = _begin(session)
        if problems is not None:
            _build(session, shard, problems)
            with opened(run, folder, store, STAGE, wait=True):
                session.state = observe(run, folder)
                _merge_if_last(session, shard)
        write_end_report(STAGE, session.state.stages[STAGE].metrics)
    return folder


def _check_teachers(run: TrainingRun) -> None:
    supervision = run.spec.supervision
    if supervision is not None and any(isinstance(teacher, PolicyTeacher) for teacher in supervision.teachers):
        what = "a policy's draws depend on how the problems are divided, so that shards would not give the same data"
        raise InputError(f"--shard: spec.supervision.teachers: {what}; build the supervision in one piece")


def _begin(session: RunSession) -> SplitProblems | None:
    """The problems, or None if the stage has finished. The first shard writes the splits for all."""
    for name, source in check_given(session.run).items():
        session.folder.link(name, local_copy(source))
        session.record(name, StageRecord(status="given", finished=now()))
    if session.state.stages[STAGE].status in FINISHED_STATUSES:
        log(f"{STAGE}: finished, not run again")
        return None
    check_finished_reads(session, STAGE)
    return load_problems(session.run.spec, session.folder.splits, session.folder.quarantine)


def _build(session: RunSession, shard: Shard, problems: SplitProblems) -> None:
    name = scratch_name(STAGE, shard)
    work = session.folder.work(name)
    work.mkdir(parents=True, exist_ok=True)
    heading = f"shard {shard[0]} of {shard[1]} of stage {STAGE}, {now()}"
    with (
        locked(session.folder.scratch(name) / ".lock"),
        transcript(session.folder.log(name), heading) as printed,
        observed_stage(session, STAGE, printed, name),
    ):
        call_stage(session, STAGE, problems, shard)
        session.checkpoint_saved(name)
    log(f"{STAGE}: shard {shard[0]} of {shard[1]} is built")


def _merge_if_last(session: RunSession, shard: Shard) -> None:
    """Merge if every shard is built and no other process has merged them. The run's lock is held."""
    from prlcoder.supervision.stage import merge_shards, shard_finished

    folder = session.folder
    names = [scratch_name(STAGE, (number, shard[1])) for number in range(1, shard[1] + 1)]
    if session.store is not None:
        for name in names:
            session.store.fetch_work(name)
    works = [folder.work(name) for name in names]
    if session.state.stages[STAGE].status in FINISHED_STATUSES or not all(map(shard_finished, works)):
        return
    attempt = replace(session.state.stages[STAGE], status="running", started=now())
    attempt = replace(attempt, attempt=attempt.attempt + 1)
    session.record(STAGE, attempt)
    folder.prepare(STAGE)
    merged = folder.scratch(STAGE) / "merged"
    shutil.rmtree(merged, ignore_errors=True)
    metrics = merge_shards(works, merged, folder.output(STAGE))
    done = replace(attempt, status="done", finished=now(), metrics=python_numbers(metrics))
    folder.publish(STAGE, done)
    if session.store is not None:
        session.store.push_artifact(STAGE)
    session.record(STAGE, done)
    _remove_scratch(session, names)
    log(f"{STAGE}: {shard[1]} shards are merged")


def _remove_scratch(session: RunSession, names: list[str]) -> None:
    for name in names:
        remove(session.folder.scratch(name))
        if session.store is not None:
            session.store.drop_work(name)
