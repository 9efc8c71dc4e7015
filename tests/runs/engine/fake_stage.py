"""A stage without real work that does everything an engine can see: it works in units, keeps each one, resumes, prints,
and fails or pauses where ``FAKE`` says (``stage:unit:what``).

``pause`` tells the test that it is there by writing to the FIFO ``FAKE_FIFO`` and then waits for a signal.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from prlcoder.errors import WorkError
from prlcoder.spec import STAGES
from prlcoder.stages.checkpoints import checkpoint_saved
from prlcoder.stages.context import Metrics, StageContext
from prlcoder.telemetry.progress import Progress

UNITS = 4
SUMMARY = {
    "policies": {
        "base": {"pass@1": 0.5, "n": 4, "ci95": [0.15, 0.85], "by_difficulty": {}},
        "policy": {
            "pass@1": 0.75,
            "n": 4,
            "ci95": [0.3, 0.95],
            "by_difficulty": {},
            "vs_base": {"difference": 0.25, "ci95": [-0.2, 0.6]},
        },
    },
    "reward_model": {},
    "timings_s": {},
}


def run(context: StageContext) -> Metrics:
    """Digest everything that the stage was given, one kept unit at a time, and publish it."""
    name = context.output.parent.name
    done = sorted(path.name for path in context.work.glob("unit-*"))
    print(f"{name} begins with {len(done)} units")
    with Progress(name, total=UNITS, unit="units", final=False) as progress:
        for unit in range(UNITS):
            _trouble(name, unit, context)
            kept = context.work / f"unit-{unit}"
            if not kept.exists():
                temporary = kept.with_suffix(".tmp")
                temporary.write_text(_digest(name, unit, context))
                temporary.rename(kept)
                checkpoint_saved(kept.name)
            progress.advance()
    units = [(context.work / f"unit-{unit}").read_text() for unit in range(UNITS)]
    (context.output / "digest.json").write_text(json.dumps(units))
    if any(
        "config.json" in files.split("|") for files in STAGES[name].holds
    ):  # so that the folder is recognised as a model
        (context.output / "config.json").write_text("{}")
    if name == "evaluate":
        (context.output / "summary.json").write_text(json.dumps(SUMMARY))
    return {"units": UNITS, "loss": 0.5, "train_problems": len(context.train)}


def _digest(name: str, unit: int, context: StageContext) -> str:
    given = {stage: (folder / "digest.json").read_text() for stage, folder in context.artifacts.items()}
    problems = [problem.id for problem in (*context.train, *context.validation, *context.test)]
    return hashlib.sha256(json.dumps([name, unit, context.spec.seed, given, problems]).encode()).hexdigest()


def _trouble(name: str, unit: int, context: StageContext) -> None:
    stage, _, rest = os.environ.get("FAKE", "::").partition(":")
    where, _, what = rest.partition(":")
    if (stage, where) != (name, str(unit)):
        return
    if what == "pause":
        with Path(os.environ["FAKE_FIFO"]).open("w") as ready:
            ready.write("here\n")
        while True:
            time.sleep(0.05)  # in pieces: a signal that comes just before a wait does not end it
    elif what == "fail":
        raise WorkError("2 of 4 items could not be executed; run again")
    elif what == "bug":
        raise ZeroDivisionError("a bug of ours")
    elif what == "fill":
        with (context.work / "big").open("wb") as file:
            for _ in range(64):
                file.write(bytes(1 << 20))
    elif what == "print":
        print("from Python on standard output")
        print("from Python on standard error", file=sys.stderr)
        sys.stdout.flush()
        subprocess.run(["sh", "-c", "echo from a child; echo from a child too >&2"], check=True)
        print("10 %\r50 %\r100 %")
