"""``prlcoder submit FILE``: give a TrainingRun to a Kubernetes cluster."""

from __future__ import annotations

import argparse

from prlcoder.cli.cluster_connection import ClusterConnection, add_cluster_arguments
from prlcoder.cli.manifest_arguments import add_manifest_arguments, load_for_cluster


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``prlcoder submit``."""
    add_manifest_arguments(parser)
    add_cluster_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Create the run, after the checks of ``prlcoder validate``."""
    manifest = load_for_cluster(arguments)
    cluster = ClusterConnection.of(arguments)
    name = manifest["metadata"]["name"]
    cluster.request("POST", cluster.runs(), query=[("fieldValidation", "Strict")], body=manifest)
    options = f" -n {cluster.namespace}" if arguments.namespace else ""
    print(f"{name}: submitted to namespace {cluster.namespace} ({cluster.where})")
    print(f"follow it with `prlcoder status{options} {name}` and `prlcoder logs{options} -f {name}`")
    return 0
