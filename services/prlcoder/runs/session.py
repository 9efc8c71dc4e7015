"""The work of one process on one run folder: opening it, calling a stage in it, and what both report."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from prlcoder.errors import PrlcoderError, WorkError, first_line
from prlcoder.files import atomic_output
from prlcoder.runs.estimates.table import saved_summaries
from prlcoder.runs.folder import RunFolder
from prlcoder.runs.load_problems import SplitProblems
from prlcoder.runs.lock import locked
from prlcoder.runs.object_store import ObjectStore
from prlcoder.runs.plan import check_same_spec
from prlcoder.runs.stage_functions import stage_function
from prlcoder.runs.stage_progress import PORT_VARIABLE, StageInProgress, progress_served
from prlcoder.runs.state import FINISHED_STATUSES, RunState, StageRecord, save_state
from prlcoder.runs.storage_errors import storage_error, unwritable
from prlcoder.runs.transcript import OpenTranscript
from prlcoder.runs.watchdog import watched
from prlcoder.signals import Stopping
from prlcoder.spec import TrainingRun, manifest
from prlcoder.stages.checkpoints import checkpoints_heard
from prlcoder.stages.context import WHOLE, Metrics, Shard, StageContext


def scratch_name(stage: str, shard: Shard | None) -> str:
    """The name of a stage's scratch folder and log, or of those of one of its shards."""
    return stage if shard is None else f"{stage}-{shard[0]}-of-{shard[1]}"


@dataclass
class RunSession:
    """The work of one process on one run folder."""

    run: TrainingRun
    folder: RunFolder
    stopping: Stopping
    state: RunState
    store: ObjectStore | None = None

    def record(self, name: str, record: StageRecord) -> None:
        """Write the new record of a stage to ``state.json``."""
        self.state = self.state.having(name, record)
        save_state(self.folder.state, self.state)
        if self.store is not None:
            self.store.push()

    def checkpoint_saved(self, scratch: str) -> None:
        """Copy the work folder of a stage, or of a shard, to the object store, and the logs with it."""
        if self.store is not None:
            self.store.push_work(scratch)
            self.store.push()


@contextmanager
def opened(
    run: TrainingRun, folder: RunFolder, store: ObjectStore | None, only: str | None, *, wait: bool = False
) -> Iterator[None]:
    """Create the run's folder if needed, lock it, fetch it from the store that it is kept in, and check that it belongs
    to this spec. With ``wait`` a folder in which another process works is waited for instead of refused."""
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder.path, error.strerror or str(error)) from None
    with locked(folder.lock, wait=wait):
        if store is not None:
            store.fetch(None if only in (None, "evaluate") else run.reads(only))
        check_same_spec(run, folder)  # again: another process may have made the folder since the first check
        if not folder.manifest.exists():
            with atomic_output(folder.manifest) as file:
                file.write(manifest.dump(run))
        yield


def check_finished_reads(session: RunSession, name: str) -> None:
    """Raise ``WorkError`` naming a stage that ``name`` reads and that has not finished."""
    for needed in session.run.reads(name):
        if session.state.stages[needed].status not in FINISHED_STATUSES:
            what = f"stage {name} needs stage {needed}, which has not finished here"
            raise WorkError(f"{session.folder.path}: {what}; run that stage first, or all with `prlcoder run`")


@contextmanager
def observed_stage(session: RunSession, name: str, log: OpenTranscript, scratch: str) -> Iterator[None]:
    """On a cluster, serve the stage's progress and end a stage that makes none. On one machine there is nothing to do:
    its user sees the progress, and ends the run."""
    running = StageInProgress(name, plan=saved_summaries(session.folder.estimate))
    with ExitStack() as stack:
        stack.enter_context(checkpoints_heard(running.note_checkpoint))
        stack.enter_context(checkpoints_heard(lambda _: session.checkpoint_saved(scratch)))
        if os.environ.get(PORT_VARIABLE):
            if os.environ.get("LOCAL_RANK", "0") == "0":  # the ranks of one pod share its port
                stack.enter_context(progress_served(running))
            stack.enter_context(watched(name, session.run.spec.progress_deadline_seconds, log))
        yield


def call_stage(
    session: RunSession,
    name: str,
    problems: SplitProblems,
    shard: Shard | None = None,
    output: Path | None = None,
) -> Metrics:
    """Call the stage's function on its context. Unexpected errors are logged with their traceback."""
    context = StageContext(
        spec=session.run.spec,
        work=session.folder.work(scratch_name(name, shard)),
        output=output or session.folder.output(scratch_name(name, shard)),
        artifacts={other: session.folder.artifact(other).resolve() for other in session.run.reads(name)},
        train=problems.train,
        validation=problems.validation,
        test=problems.test,
        shard=shard or WHOLE,
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


@contextmanager
def storage_errors_reported(folder: Path) -> Iterator[None]:
    """Turn a full disk or an unwritable folder into a message instead of a traceback."""
    try:
        yield
    except OSError as error:
        problem = storage_error(error, folder)
        if problem is None:
            raise
        raise problem from error


def python_numbers(metrics: Metrics) -> dict[str, float | int | str]:
    """Numbers of numpy and torch as Python numbers, which JSON can hold."""
    return {name: value if isinstance(value, str | int) else float(value) for name, value in metrics.items()}


def log(line: str) -> None:
    """Tell the user of the command something, apart from its results."""
    print(line, file=sys.stderr, flush=True)
