"""The other ranks of a stage that ``torchrun`` starts in several processes.

Rank 0 runs the stage as a single process would: it writes the records, the checkpoints and the finished folder. The
other ranks call the same stage function, because they compute their share of every step, and throw their own output
away.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from prlcoder.errors import InputError
from prlcoder.runs.folder import RunFolder
from prlcoder.runs.given import check_given, local_copy
from prlcoder.runs.load_problems import load_problems
from prlcoder.runs.plan import check_stage, observe
from prlcoder.runs.session import (
    RunSession,
    call_stage,
    check_finished_reads,
    log,
    observed_stage,
    storage_errors_reported,
)
from prlcoder.runs.state import FINISHED_STATUSES
from prlcoder.runs.transcript import transcript
from prlcoder.signals import Stopping
from prlcoder.spec import TrainingRun

RANK_VARIABLE: Final = "RANK"  # which torchrun sets
TRAINED_TOGETHER: Final = ("pretrain", "sft", "reward", "policy")


def rank() -> int:
    """The number of this process among those that ``torchrun`` has started; 0 without it."""
    return int(os.environ.get(RANK_VARIABLE, "0"))


def follow(run: TrainingRun, stage: str | None) -> RunFolder:
    """Take part in ``stage`` as a rank other than 0; returns the run's folder.

    Raises ``InputError`` if the process was not started for one training stage.
    """
    if stage not in TRAINED_TOGETHER:
        what = f"{stage or 'a whole run'} runs in one process"
        raise InputError(f"torchrun: {what}; name one training stage with --stage")
    check_stage(stage, run.stages())
    folder, stopping = RunFolder.of(run), Stopping()
    with (
        stopping.listening(),
        storage_errors_reported(folder.path),
        tempfile.TemporaryDirectory(prefix=f"prlcoder-rank-{rank()}-") as name,
    ):
        if (store := folder.store()) is not None:
            store.fetch(run.reads(stage))
        session = RunSession(run, folder, stopping, observe(run, folder))
        if session.state.stages[stage].status in FINISHED_STATUSES:
            log(f"{stage}: finished, not run again")
            return folder
        for given, source in check_given(run).items():
            if not folder.artifact(given).exists():
                folder.link(given, local_copy(source))
        check_finished_reads(session, stage)
        private = Path(name)
        problems = load_problems(run.spec, private / "splits.json", private / "quarantine.jsonl")
        output = private / "output"
        output.mkdir()
        folder.work(stage).mkdir(parents=True, exist_ok=True)
        with (
            transcript(folder.log(f"{stage}-rank-{rank()}"), f"stage {stage}, rank {rank()}") as printed,
            observed_stage(session, stage, printed, stage),
        ):
            call_stage(session, stage, problems, output=output)
    return folder
