"""``prlcoder validate FILE``: reports whether a TrainingRun is valid, or everything that is wrong with it."""

from __future__ import annotations

import argparse

from prlcoder.cli.manifest_arguments import add_manifest_arguments
from prlcoder.spec import manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``prlcoder validate``."""
    add_manifest_arguments(parser)
    parser.add_argument(
        "--model", action="store_true", help="also check the model of the manifest, on its problems and benchmarks"
    )


def run(arguments: argparse.Namespace) -> int:
    """Load the manifest; mistakes leave as an ``InputError`` that lists them all."""
    training_run = manifest.load(arguments.file, arguments.sets)
    print(f"{arguments.file}: a valid TrainingRun; stages: {', '.join(training_run.stages())}")
    if arguments.model:
        from prlcoder.runs.model_check import check_spec_model

        facts = check_spec_model(training_run.spec)
        print(f"model: {facts or 'no stage loads one from `model.path`'}")
    return 0
