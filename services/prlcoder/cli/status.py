"""``prlcoder status [NAME]``: show the state of a cluster's runs, or of one run."""

from __future__ import annotations

import argparse
import json

from prlcoder.cli.cluster_connection import ClusterConnection, add_cluster_arguments
from prlcoder.cli.cluster_tables import run_text
from prlcoder.cli.ls import print_runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``prlcoder status``."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="the run; all runs of the namespace if left out")
    add_cluster_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print what the API server gives")


def run(arguments: argparse.Namespace) -> int:
    """Print the run with its stages, or one line per run."""
    cluster = ClusterConnection.of(arguments)
    if arguments.name is None:
        return print_runs(cluster, as_json=arguments.json)
    found = cluster.run(arguments.name)
    print(json.dumps(found, indent=2) if arguments.json else run_text(found))
    return 0
