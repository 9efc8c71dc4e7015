"""``prlcoder run FILE``: run a TrainingRun on this machine, or continue one."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Final

from prlcoder.cli.manifest_arguments import add_manifest_arguments, load_manifest
from prlcoder.errors import InputError
from prlcoder.files import read_json
from prlcoder.runs.folder import RunFolder
from prlcoder.runs.results import pass_table
from prlcoder.signals import Stopped

INDEX_VARIABLE: Final = "JOB_COMPLETION_INDEX"  # which Kubernetes sets in the pods of an Indexed Job


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``prlcoder run``."""
    add_manifest_arguments(parser)
    parser.add_argument("--from-stage", metavar="STAGE", help="run STAGE and all later stages again")
    parser.add_argument("--stage", metavar="STAGE", help="run STAGE alone; the stages that it reads must have finished")
    parser.add_argument(
        "--shard",
        type=shard,
        metavar="i/n",
        help="with `--stage supervise`: build the i-th of n shards; the last one merges them. `pod/n` takes i from the "
        "pod's index in its Job",
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON instead of a table")


def run(arguments: argparse.Namespace) -> int:
    """Run all stages or one, and print the results."""
    if arguments.shard is not None and (arguments.stage != "supervise" or arguments.from_stage is not None):
        raise InputError("--shard: divides the stage supervise alone; add --stage supervise")
    return run_stages(arguments, only=arguments.stage, from_stage=arguments.from_stage, shard=arguments.shard)


def shard(text: str) -> tuple[int, int]:
    """``i/n`` with 1 <= i <= n; ``pod/n`` takes i from the pod's index, which Kubernetes counts from 0."""
    number, _, count = text.partition("/")
    if number == "pod":
        index = os.environ.get(INDEX_VARIABLE, "")
        if not index.isdecimal():
            raise argparse.ArgumentTypeError(f"{text!r}: {INDEX_VARIABLE} is not set; write i/n, such as 1/4")
        number = str(int(index) + 1)
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is not i/n with 1 <= i <= n, such as 1/4")
    return int(number), int(count)


def run_stages(
    arguments: argparse.Namespace,
    *,
    only: str | None = None,
    from_stage: str | None = None,
    shard: tuple[int, int] | None = None,
) -> int:
    """Run the manifest's stages (or ``only`` one, or a shard of it), print the results, and return the exit code."""
    from prlcoder.runs.engine import execute
    from prlcoder.runs.ranks import follow, rank
    from prlcoder.runs.shards import execute_shard

    training_run = load_manifest(arguments)
    try:
        if rank() > 0:
            follow(training_run, only)
            return 0
        if shard is not None:
            folder = execute_shard(training_run, shard)
        else:
            folder = execute(training_run, only=only, from_stage=from_stage)
    except Stopped as stopped:
        print(f"prlcoder {arguments.command}: stopped; run the same command again to continue", file=sys.stderr)
        return stopped.exit_code
    print(_results(folder, only, as_json=arguments.json))
    return 0


def _results(folder: RunFolder, only: str | None, *, as_json: bool) -> str:
    """The evaluation's summary if there is one, otherwise the metrics of the stages."""
    summary = folder.path / "evaluation" / "summary.json"
    if summary.exists() and only in (None, "evaluate"):
        results = read_json(summary)
        return json.dumps(results, indent=2) if as_json else pass_table(results["policies"])
    stages = {
        name: record["metrics"] for name, record in read_json(folder.state)["stages"].items() if only in (None, name)
    }
    if as_json:
        return json.dumps(stages, indent=2)
    return "\n".join(f"{name}: {_metrics_text(metrics)}" for name, metrics in stages.items())


def _metrics_text(metrics: dict[str, object]) -> str:
    shown = (f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in metrics.items())
    return ", ".join(shown) or "no figures"
