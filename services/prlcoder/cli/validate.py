"""``prlcoder validate FILE``: say that a TrainingRun is right, or everything that is wrong with it."""

from __future__ import annotations

import argparse

from prlcoder.cli.manifest_arguments import add_manifest_arguments
from prlcoder.spec import manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``prlcoder validate``."""
    add_manifest_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Load the manifest; mistakes leave as an ``InputError`` that lists them all."""
    training_run = manifest.load(arguments.file, arguments.sets)
    print(f"{arguments.file}: a valid TrainingRun; stages: {', '.join(training_run.stages())}")
    return 0
