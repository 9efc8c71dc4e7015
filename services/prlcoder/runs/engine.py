"""Runs the stages of a TrainingRun on this machine, one after the other, in the run's folder.

However a run ends (normally, by an error, Ctrl-C, SIGTERM or SIGKILL, or on a full disk), the same command continues
it: finished stages are not run again, and an interrupted stage gets its work folder back.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from prlcoder.errors import InputError, PrlcoderError, first_line
from prlcoder.files import write_json
from prlcoder.runs.estimates.facts import facts_of
from prlcoder.runs.estimates.stages import estimates
from prlcoder.runs.estimates.table import estimate_record
from prlcoder.runs.folder import RunFolder, remove
from prlcoder.runs.given import check_given, local_copy
from prlcoder.runs.load_problems import SplitProblems, load_problems
from prlcoder.runs.model_check import check_run_models
from prlcoder.runs.plan import check_same_spec, check_stage, observe, plan, redo_from
from prlcoder.runs.session import (
    RunSession,
    call_stage,
    check_finished_reads,
    log,
    observed_stage,
    opened,
    python_numbers,
    storage_errors_reported,
)
from prlcoder.runs.stage_progress import write_end_report
from prlcoder.runs.state import FINISHED_STATUSES, RunState, StageRecord, StageStatus, now
from prlcoder.runs.transcript import transcript
from prlcoder.runs.usage import UsageMeter, added
from prlcoder.signals import Stopping
from prlcoder.spec import TrainingRun
from prlcoder.storage import Location


def execute(run: TrainingRun, *, only: str | None = None, from_stage: str | None = None) -> RunFolder:
    """Run every unfinished stage of ``run`` (or ``only`` one) and write the report; returns the run's folder.

    ``from_stage`` and all later stages run again even if they are finished. Raises ``InputError`` for a folder of
    another spec, ``WorkError`` when a stage or the storage fails, ``Stopped`` on Ctrl-C and SIGTERM.
    """
    folder = RunFolder.of(run)
    for name in (only, from_stage):
        if name is not None:
            check_stage(name, run.stages())
    store = folder.store()
    if store is None:
        check_same_spec(run, folder)
    given = check_given(run)
    stopping = Stopping()
    with stopping.listening(), storage_errors_reported(folder.path), opened(run, folder, store, only):
        session = RunSession(run, folder, stopping, observe(run, folder), store)
        for name, source in given.items():
            folder.link(name, local_copy(source))
            session.record(name, StageRecord(status="given", finished=now()))
        if from_stage is not None:
            _discard(session, redo_from(session.state, from_stage), given)
        if _run_stages(session, only) or not (folder.path / "report.html").exists():
            _report(session, only)
            if store is not None:
                store.push()
        if only is not None:
            write_end_report(only, session.state.stages[only].metrics)
    return folder


def _discard(session: RunSession, state: RunState, given: Mapping[str, Location]) -> None:
    """Make the stages that are to do in ``state`` start afresh. Their old artefacts stay until they start."""
    for name, record in state.stages.items():
        if record.status == "to do":
            remove(session.folder.scratch(name))
            if session.store is not None:
                session.store.drop_work(name)
            if name not in given:
                session.record(name, record)


def _run_stages(session: RunSession, only: str | None) -> bool:
    """Run the unfinished stages; returns whether there were any."""
    problems: SplitProblems | None = None
    for step in plan(session.run, session.folder, session.state):
        if only not in (None, step.name):
            continue
        if session.state.stages[step.name].status in FINISHED_STATUSES:
            log(_finished_line(step.name, session.state.stages[step.name], step.writes))
            continue
        check_finished_reads(session, step.name)
        if problems is None:
            with session.stopping.allowed():
                problems = load_problems(session.run.spec, session.folder.splits, session.folder.quarantine)
                _write_estimates(session, problems)
                if (facts := check_run_models(session.run.spec, problems)) is not None:
                    log(f"model: {facts}")
        _run_stage(session, step.name, problems, resumed=step.action == "resume")
    return problems is not None


def _write_estimates(session: RunSession, problems: SplitProblems) -> None:
    """Write what each stage of a new run is expected to need. A run whose model is not here yet has no estimate."""
    if session.folder.estimate.exists():
        return
    stages = [name for name, record in session.state.stages.items() if record.status != "given"]
    with suppress(InputError, ModuleNotFoundError):  # the stage itself says which package is missing
        found = estimates(session.run, facts_of(session.run, problems), stages)
        write_json(session.folder.estimate, {"stages": {one.stage: estimate_record(one) for one in found}})


def _run_stage(session: RunSession, name: str, problems: SplitProblems, *, resumed: bool) -> None:
    """Make one attempt at one stage, from its first record to its published folder."""
    folder, before = session.folder, session.state.stages[name]
    attempt = StageRecord(
        status="running", attempt=before.attempt + 1, started=now(), wall_s=before.wall_s, usage=before.usage
    )
    session.record(name, attempt)
    if session.store is not None:
        session.store.withdraw(name)
    folder.prepare(name)
    heading = f"stage {name}, attempt {attempt.attempt}{', resumed' if resumed else ''}, {attempt.started}"
    log(f"{name}: starts{' where it was stopped' if resumed else ''}")
    began, meter = time.monotonic(), UsageMeter.start()
    try:
        with transcript(folder.log(name), heading) as printed, observed_stage(session, name, printed, name):
            metrics = call_stage(session, name, problems)
    except BaseException as error:
        status: StageStatus = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        wall = round(before.wall_s + time.monotonic() - began, 3)
        used = added(before.usage, meter.usage(session.run.spec, name, folder.scratch(name)))
        ended = replace(attempt, status=status, finished=now(), wall_s=wall, error=first_line(error), usage=used)
        with suppress(PrlcoderError):  # on a full disk even this write may fail; a "running" stage is resumed as well
            session.record(name, ended)
        if status == "failed":
            log(f"{name}: failed after {wall:.1f} s; its log is {folder.log(name)}; run again to continue")
        raise
    wall = round(before.wall_s + time.monotonic() - began, 3)
    used = added(before.usage, meter.usage(session.run.spec, name, folder.scratch(name)))
    done = replace(attempt, status="done", finished=now(), wall_s=wall, metrics=python_numbers(metrics), usage=used)
    folder.publish(name, done)
    if session.store is not None:
        session.store.push_artifact(name)
    session.record(name, done)
    log(f"{name}: done in {wall:.1f} s")


def _report(session: RunSession, only: str | None) -> None:
    if only not in (None, "evaluate"):
        return
    from prlcoder.report import build

    with session.stopping.allowed():
        log(f"report: {build(session.folder.path)}")


def _finished_line(name: str, record: StageRecord, folder: Path) -> str:
    if record.status == "given":
        return f"{name}: taken from {folder.resolve()}"
    return f"{name}: finished {record.finished} in {record.wall_s:.1f} s, not run again"
