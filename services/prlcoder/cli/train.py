"""``prlcoder train STAGE FILE``: run one training stage of a TrainingRun alone, in the run's folder."""

from __future__ import annotations

import argparse

from prlcoder.cli.manifest_arguments import add_manifest_arguments
from prlcoder.cli.run import run_stages

TRAINING_STAGES = ("pretrain", "sft", "reward", "policy")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``prlcoder train``."""
    parser.add_argument("stage", choices=TRAINING_STAGES, metavar="STAGE", help=", ".join(TRAINING_STAGES))
    add_manifest_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the stage's metrics as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run the one stage. The stages that it reads must have finished."""
    return run_stages(arguments, only=arguments.stage)
