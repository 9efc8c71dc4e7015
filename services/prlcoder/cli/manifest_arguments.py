"""The arguments of the commands that work on a TrainingRun manifest, and how they are read."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prlcoder.spec import TrainingRun


def add_manifest_arguments(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add the file and ``--set``. The file is optional for a command that can also work without a manifest."""
    number = None if required else "?"
    parser.add_argument("file", type=Path, metavar="FILE", help="the TrainingRun manifest", nargs=number)
    parser.add_argument(
        "--set",
        dest="sets",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="set one field of the manifest, as in --set spec.seed=1 (may be repeated)",
    )


def load_for_cluster(arguments: argparse.Namespace) -> dict[str, Any]:
    """The manifest as a Kubernetes object, changed by ``--set``. Raises ``InputError`` with every mistake."""
    from prlcoder.spec import manifest

    return manifest.load_object(arguments.file, arguments.sets)


def load_manifest(arguments: argparse.Namespace) -> TrainingRun:
    """The manifest with the fields that ``--set`` changes. Names the fields that this engine ignores.

    Raises ``InputError`` with every mistake.
    """
    from prlcoder.spec import manifest
    from prlcoder.spec.checks import ignored_locally

    run = manifest.load(arguments.file, arguments.sets)
    in_a_pod = "KUBERNETES_SERVICE_HOST" in os.environ  # Kubernetes sets it in every pod
    for field in () if in_a_pod else ignored_locally(run):
        print(f"{arguments.file}: {field}: ignored on this machine; it applies on a cluster", file=sys.stderr)
    return run
