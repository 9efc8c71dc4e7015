"""``prlcoder ls``: list the runs of a cluster."""

from __future__ import annotations

import argparse
import json

from prlcoder.cli.cluster_connection import ClusterConnection, add_cluster_arguments
from prlcoder.cli.cluster_tables import run_table, utc_now


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``prlcoder ls``."""
    add_cluster_arguments(parser)
    parser.add_argument("--all-namespaces", "-A", action="store_true", help="list the runs of every namespace")
    parser.add_argument("--json", action="store_true", help="print the runs as the API server gives them")


def run(arguments: argparse.Namespace) -> int:
    """Print one line per run."""
    cluster = ClusterConnection.of(arguments)
    return print_runs(cluster, as_json=arguments.json, all_namespaces=arguments.all_namespaces)


def print_runs(cluster: ClusterConnection, *, as_json: bool, all_namespaces: bool = False) -> int:
    """Print the runs of the namespace, or of all; returns 0."""
    found = cluster.request("GET", cluster.runs(all_namespaces=all_namespaces)) or {"items": []}
    runs = found["items"]
    if as_json:
        print(json.dumps(runs, indent=2))
    elif runs:
        print(run_table(runs, utc_now(), with_namespace=all_namespaces))
    else:
        where = "the cluster" if all_namespaces else f"namespace {cluster.namespace}"
        print(f"{where} has no runs; `prlcoder submit FILE` starts one")
    return 0
