"""``prlcoder validate FILE``: check a TrainingRun and report every mistake in it."""

from __future__ import annotations

import argparse

from prlcoder.cli.manifest_arguments import add_manifest_arguments, load_manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``prlcoder validate``."""
    add_manifest_arguments(parser)
    parser.add_argument(
        "--model", action="store_true", help="also check the model of the manifest, on its problems and benchmarks"
    )


def run(arguments: argparse.Namespace) -> int:
    """Load the manifest. Raises ``InputError`` with every mistake."""
    training_run = load_manifest(arguments)
    print(f"{arguments.file}: a valid TrainingRun; stages: {', '.join(training_run.stages())}")
    if arguments.model:
        from prlcoder.runs.model_check import check_spec_models

        facts = check_spec_models(training_run.spec)
        print(f"model: {facts or 'no stage loads one from `model.path`'}")
    return 0
