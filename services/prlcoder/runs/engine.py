"""Runs a TrainingRun's stages on this machine, one after the other, in the run's folder.

Whatever ends a run (the end, an error, Ctrl-C, SIGTERM, SIGKILL, a full disk), the same command goes on from there:
finished stages are not run again and the one that was cut short gets its work folder back.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from prlcoder.errors import PrlcoderError, WorkError
from prlcoder.files import atomic_output
from prlcoder.runs.folder import RunFolder, remove
from prlcoder.runs.load_problems import Data, load_data
from prlcoder.runs.lock import locked
from prlcoder.runs.plan import check_given, check_same_spec, check_stage, observe, plan, redo_from
from prlcoder.runs.stages import DEFINITIONS, StageDefinition, reads, stage_function
from prlcoder.runs.state import FINISHED, RunState, StageRecord, StageStatus, now, save_state
from prlcoder.runs.storage_errors import storage_error, unwritable
from prlcoder.runs.transcript import transcript
from prlcoder.signals import Stopping
from prlcoder.spec import TrainingRun, manifest
from prlcoder.stages.context import Metrics, StageContext


@dataclass
class _Session:
    """One process's work on one run folder."""

    run: TrainingRun
    folder: RunFolder
    definitions: Mapping[str, StageDefinition]
    stopping: Stopping
    state: RunState

    def record(self, name: str, record: StageRecord) -> None:
        self.state = self.state.having(name, record)
        save_state(self.folder.state, self.state)


def execute(
    run: TrainingRun,
    *,
    only: str | None = None,
    from_stage: str | None = None,
    definitions: Mapping[str, StageDefinition] = DEFINITIONS,
) -> RunFolder:
    """Run every unfinished stage of ``run`` (or ``only`` one), and draw the report; the folder of the run.

    ``from_stage`` and all after it run again even if they are finished. ``InputError`` for a folder of another
    spec, ``WorkError`` when a stage or the storage fails, ``Stopped`` on Ctrl-C and SIGTERM.
    """
    folder = RunFolder.of(run)
    for name in (only, from_stage):
        if name is not None:
            check_stage(name, run.stages())
    check_same_spec(run, folder)
    given = check_given(run, definitions)
    stopping = Stopping()
    with stopping.listening(), _storage_trouble(folder.path), _opened(run, folder):
        session = _Session(run, folder, definitions, stopping, observe(run, folder, definitions))
        for name, place in given.items():
            folder.link(definitions[name], place)
            session.record(name, StageRecord(status="given", finished=now()))
        if from_stage is not None:
            _discard(session, redo_from(session.state, from_stage), given)
        if _run_stages(session, only) or not (folder.path / "report.html").exists():
            _report(session, only)
    return folder


@contextmanager
def _opened(run: TrainingRun, folder: RunFolder) -> Iterator[None]:
    """The run's folder, made if need be, locked, and known to be of this spec."""
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder.path, error.strerror or str(error)) from None
    with locked(folder.lock):
        check_same_spec(run, folder)
        if not folder.manifest.exists():
            with atomic_output(folder.manifest) as file:
                file.write(manifest.dump(run))
        yield


def _discard(session: _Session, state: RunState, given: Mapping[str, Path]) -> None:
    """Make the stages that ``state`` has to do start afresh. Their old artefacts stay until they start."""
    for name, record in state.stages.items():
        if record.status == "to do":
            remove(session.folder.scratch(name))
            if name not in given:
                session.record(name, record)


def _run_stages(session: _Session, only: str | None) -> bool:
    """Run what is to do; whether there was anything."""
    data: Data | None = None
    for step in plan(session.run, session.folder, session.state, session.definitions):
        if only not in (None, step.name):
            continue
        if session.state.stages[step.name].status in FINISHED:
            _say(_finished_line(step.name, session.state.stages[step.name], step.writes))
            continue
        _check_read(session, step.name)
        if data is None:
            with session.stopping.allowed():
                data = load_data(session.run.spec, session.folder.splits, session.folder.path / "quarantine.jsonl")
        _run_stage(session, step.name, data, resumed=step.action == "resume")
    return data is not None


def _check_read(session: _Session, name: str) -> None:
    for needed in reads(name, session.run, session.definitions):
        if session.state.stages[needed].status not in FINISHED:
            what = f"stage {name} needs stage {needed}, which has not finished here"
            raise WorkError(f"{session.folder.path}: {what}; run that stage first, or all with `prlcoder run`")


def _run_stage(session: _Session, name: str, data: Data, *, resumed: bool) -> None:
    """One attempt at one stage, from its first record to its published folder."""
    definition, folder, before = session.definitions[name], session.folder, session.state.stages[name]
    attempt = StageRecord(status="running", attempt=before.attempt + 1, started=now(), wall_s=before.wall_s)
    session.record(name, attempt)
    folder.prepare(definition)
    heading = f"stage {name}, attempt {attempt.attempt}{', resumed' if resumed else ''}, {attempt.started}"
    _say(f"{name}: starts{' where it was stopped' if resumed else ''}")
    began = time.monotonic()
    try:
        with transcript(folder.log(name), heading):
            metrics = _call(session, name, data)
    except BaseException as error:
        status: StageStatus = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        wall = round(before.wall_s + time.monotonic() - began, 3)
        ended = replace(attempt, status=status, finished=now(), wall_s=wall, error=_first_line(error))
        with suppress(PrlcoderError):  # on a full disk even this may fail; "running" is resumed just the same
            session.record(name, ended)
        if status == "failed":
            _say(f"{name}: failed after {wall:.1f} s; its log is {folder.log(name)}; run again to go on")
        raise
    wall = round(before.wall_s + time.monotonic() - began, 3)
    done = replace(attempt, status="done", finished=now(), wall_s=wall, metrics=_plain(metrics))
    folder.publish(definition, done)
    session.record(name, done)
    _say(f"{name}: done in {wall:.1f} s")


def _call(session: _Session, name: str, data: Data) -> Metrics:
    """The stage's function on its context. An error that is no message to the user leaves its trace in the log."""
    read = {
        other: session.folder.artifact(session.definitions[other]).resolve()
        for other in reads(name, session.run, session.definitions)
    }
    context = StageContext(
        spec=session.run.spec,
        work=session.folder.work(name),
        output=session.folder.output(name),
        artifacts=read,
        train=data.train,
        validation=data.validation,
        test=data.test,
    )
    try:
        with session.stopping.allowed():
            return stage_function(name, session.definitions)(context)
    except (PrlcoderError, KeyboardInterrupt):
        raise
    except Exception as error:
        problem = storage_error(error, session.folder.path)
        if problem is None:
            traceback.print_exc()
            what = f"stage {name}: {type(error).__name__}: {_first_line(error)}"
            problem = WorkError(f"{what}; the trace is in {session.folder.log(name)}")
        raise problem from error


def _report(session: _Session, only: str | None) -> None:
    if only not in (None, "evaluate"):
        return
    from prlcoder.report import build

    with session.stopping.allowed():
        _say(f"report: {build(session.folder.path)}")


@contextmanager
def _storage_trouble(folder: Path) -> Iterator[None]:
    """A full disk or a folder that cannot be written ends in a message, not in a traceback."""
    try:
        yield
    except OSError as error:
        problem = storage_error(error, folder)
        if problem is None:
            raise
        raise problem from error


def _plain(metrics: Metrics) -> dict[str, float | int | str]:
    """Numbers of numpy and torch as Python's own, so that they can be written as JSON."""
    return {name: value if isinstance(value, str | int) else float(value) for name, value in metrics.items()}


def _finished_line(name: str, record: StageRecord, folder: Path) -> str:
    if record.status == "given":
        return f"{name}: taken from {folder.resolve()}"
    return f"{name}: finished {record.finished} in {record.wall_s:.1f} s, not run again"


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
