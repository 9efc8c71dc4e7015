"""``prlcoder cancel NAME``: end a cluster's run. The files that it has stored are kept."""

from __future__ import annotations

import argparse

from prlcoder.cli.cluster_connection import ClusterConnection, add_cluster_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``prlcoder cancel``."""
    parser.add_argument("name", metavar="NAME", help="the run")
    add_cluster_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Delete the run; Kubernetes then stops its pods, which save before they end."""
    cluster = ClusterConnection.of(arguments)
    found = cluster.run(arguments.name)
    same = {"preconditions": {"uid": found["metadata"]["uid"]}, "propagationPolicy": "Background"}
    cluster.request("DELETE", cluster.runs(arguments.name), body=same)
    print(f"{arguments.name}: removed from namespace {cluster.namespace}; its pods save and end")
    print("its checkpoints, results and logs stay in the storage; submit the same manifest to go on from there")
    return 0
