"""Runs the stages of a TrainingRun on this machine, one after the other, in the run's folder.

However a run ends (normally, by an error, Ctrl-C, SIGTERM or SIGKILL, or on a full disk), the same command continues
it: finished stages are not run again, and an interrupted stage gets its work folder back.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from prlcoder.errors import PrlcoderError, WorkError, first_line
from prlcoder.files import atomic_output
from prlcoder.runs.folder import RunFolder, remove
from prlcoder.runs.load_problems import SplitProblems, load_problems
from prlcoder.runs.lock import locked
from prlcoder.runs.model_check import check_run_model
from prlcoder.runs.plan import check_given, check_same_spec, check_stage, observe, plan, redo_from
from prlcoder.runs.stage_functions import stage_function
from prlcoder.runs.state import FINISHED_STATUSES, RunState, StageRecord, StageStatus, now, save_state
from prlcoder.runs.storage_errors import storage_error, unwritable
from prlcoder.runs.transcript import transcript
from prlcoder.signals import Stopping
from prlcoder.spec import TrainingRun, manifest
from prlcoder.stages.context import Metrics, StageContext


@dataclass
class _Session:
    """The work of one process on one run folder."""

    run: TrainingRun
    folder: RunFolder
    stopping: Stopping
    state: RunState

    def record(self, name: str, record: StageRecord) -> None:
        """Write the new record of a stage to ``state.json``."""
        self.state = self.state.having(name, record)
        save_state(self.folder.state, self.state)


def execute(run: TrainingRun, *, only: str | None = None, from_stage: str | None = None) -> RunFolder:
    """Run every unfinished stage of ``run`` (or ``only`` one) and write the report; returns the run's folder.

    ``from_stage`` and all later stages run again even if they are finished. Raises ``InputError`` for a folder of
    another spec, ``WorkError`` when a stage or the storage fails, ``Stopped`` on Ctrl-C and SIGTERM.
    """
    folder = RunFolder.of(run)
    for name in (only, from_stage):
        if name is not None:
            check_stage(name, run.stages())
    check_same_spec(run, folder)
    given = check_given(run)
    stopping = Stopping()
    with stopping.listening(), _storage_errors_reported(folder.path), _opened(run, folder):
        session = _Session(run, folder, stopping, observe(run, folder))
        for name, source in given.items():
            folder.link(name, source)
            session.record(name, StageRecord(status="given", finished=now()))
        if from_stage is not None:
            _discard(session, redo_from(session.state, from_stage), given)
        if _run_stages(session, only) or not (folder.path / "report.html").exists():
            _report(session, only)
    return folder


@contextmanager
def _opened(run: TrainingRun, folder: RunFolder) -> Iterator[None]:
    """Create the run's folder if needed, lock it, and check that it belongs to this spec."""
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder.path, error.strerror or str(error)) from None
    with locked(folder.lock):
        check_same_spec(run, folder)  # again: another process may have made the folder since the first check
        if not folder.manifest.exists():
            with atomic_output(folder.manifest) as file:
                file.write(manifest.dump(run))
        yield


def _discard(session: _Session, state: RunState, given: Mapping[str, Path]) -> None:
    """Make the stages that are to do in ``state`` start afresh. Their old artefacts stay until they start."""
    for name, record in state.stages.items():
        if record.status == "to do":
            remove(session.folder.scratch(name))
            if name not in given:
                session.record(name, record)


def _run_stages(session: _Session, only: str | None) -> bool:
    """Run the unfinished stages; returns whether there were any."""
    problems: SplitProblems | None = None
    for step in plan(session.run, session.folder, session.state):
        if only not in (None, step.name):
            continue
        if session.state.stages[step.name].status in FINISHED_STATUSES:
            _log(_finished_line(step.name, session.state.stages[step.name], step.writes))
            continue
        _check_finished_reads(session, step.name)
        if problems is None:
            with session.stopping.allowed():
                problems = load_problems(session.run.spec, session.folder.splits, session.folder.quarantine)
                if (facts := check_run_model(session.run.spec, problems)) is not None:
                    _log(f"model: {facts}")
        _run_stage(session, step.name, problems, resumed=step.action == "resume")
    return problems is not None


def _check_finished_reads(session: _Session, name: str) -> None:
    for needed in session.run.reads(name):
        if session.state.stages[needed].status not in FINISHED_STATUSES:
            what = f"stage {name} needs stage {needed}, which has not finished here"
            raise WorkError(f"{session.folder.path}: {what}; run that stage first, or all with `prlcoder run`")


def _run_stage(session: _Session, name: str, problems: SplitProblems, *, resumed: bool) -> None:
    """Make one attempt at one stage, from its first record to its published folder."""
    folder, before = session.folder, session.state.stages[name]
    attempt = StageRecord(status="running", attempt=before.attempt + 1, started=now(), wall_s=before.wall_s)
    session.record(name, attempt)
    folder.prepare(name)
    heading = f"stage {name}, attempt {attempt.attempt}{', resumed' if resumed else ''}, {attempt.started}"
    _log(f"{name}: starts{' where it was stopped' if resumed else ''}")
    began = time.monotonic()
    try:
        with transcript(folder.log(name), heading):
            metrics = _call(session, name, problems)
    except BaseException as error:
        status: StageStatus = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        wall = round(before.wall_s + time.monotonic() - began, 3)
        ended = replace(attempt, status=status, finished=now(), wall_s=wall, error=first_line(error))
        with suppress(PrlcoderError):  # on a full disk even this write may fail; a "running" stage is resumed as well
            session.record(name, ended)
        if status == "failed":
            _log(f"{name}: failed after {wall:.1f} s; its log is {folder.log(name)}; run again to continue")
        raise
    wall = round(before.wall_s + time.monotonic() - began, 3)
    done = replace(attempt, status="done", finished=now(), wall_s=wall, metrics=_python_numbers(metrics))
    folder.publish(name, done)
    session.record(name, done)
    _log(f"{name}: done in {wall:.1f} s")


def _call(session: _Session, name: str, problems: SplitProblems) -> Metrics:
    """Call the stage's function on its context. Unexpected errors are logged with their traceback."""
    context = StageContext(
        spec=session.run.spec,
        work=session.folder.work(name),
        output=session.folder.output(name),
        artifacts={other: session.folder.artifact(other).resolve() for other in session.run.reads(name)},
        train=problems.train,
        validation=problems.validation,
        test=problems.test,
    )
    try:
        with session.stopping.allowed():
            return stage_function(name)(context)
    except (PrlcoderError, KeyboardInterrupt):
        raise
    except Exception as error:
        problem = storage_error(error, session.folder.path)
        if problem is None:
            traceback.print_exc()
            what = f"stage {name}: {type(error).__name__}: {first_line(error)}"
            problem = WorkError(f"{what}; the traceback is in {session.folder.log(name)}")
        raise problem from error


def _report(session: _Session, only: str | None) -> None:
    if only not in (None, "evaluate"):
        return
    from prlcoder.report import build

    with session.stopping.allowed():
        _log(f"report: {build(session.folder.path)}")


@contextmanager
def _storage_errors_reported(folder: Path) -> Iterator[None]:
    """Turn a full disk or an unwritable folder into a message instead of a traceback."""
    try:
        yield
    except OSError as error:
        problem = storage_error(error, folder)
        if problem is None:
            raise
        raise problem from error


def _python_numbers(metrics: Metrics) -> dict[str, float | int | str]:
    """Numbers of numpy and torch as Python numbers, which JSON can hold."""
    return {name: value if isinstance(value, str | int) else float(value) for name, value in metrics.items()}


def _finished_line(name: str, record: StageRecord, folder: Path) -> str:
    if record.status == "given":
        return f"{name}: taken from {folder.resolve()}"
    return f"{name}: finished {record.finished} in {record.wall_s:.1f} s, not run again"


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
