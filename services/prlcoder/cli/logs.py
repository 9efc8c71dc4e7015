"""``prlcoder logs NAME``: print the logs of a cluster's run, from its pods or from its storage.

A pod's log ends with the pod. The run's storage keeps ``logs/STAGE.log`` with all attempts, so that is where the logs
of a stage are found whose pods are gone.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from prlcoder.cli.cluster_connection import ClusterConnection, add_cluster_arguments
from prlcoder.errors import InputError, PrlcoderError
from prlcoder.spec.stages import STAGES
from prlcoder.storage import Location, location

POLL_S: Final = 2.0
CONTAINER: Final = "stage"
PREFLIGHT: Final = "preflight"
INDEX: Final = "batch.kubernetes.io/job-completion-index"
ENDED: Final = ("Complete", "Failed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``prlcoder logs``."""
    parser.add_argument("name", metavar="NAME", help="the run")
    parser.add_argument("--stage", choices=tuple(STAGES), metavar="STAGE", help="only this stage: " + ", ".join(STAGES))
    parser.add_argument("--follow", "-f", action="store_true", help="go on printing until the run has ended")
    parser.add_argument("--storage", metavar="URI", help="read the logs below this storage, without asking a cluster")
    add_cluster_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the logs: of pods to standard output as they are, headings and notes to standard error."""
    if arguments.storage is not None:
        if arguments.follow:
            raise InputError("--follow: stored logs do not grow while they are read; leave --storage out")
        _print_stored(location(arguments.storage) / arguments.name, arguments.stage)
        return 0
    cluster = ClusterConnection.of(arguments)
    found = cluster.run(arguments.name)
    if arguments.follow:
        _follow(cluster, arguments.name, arguments.stage)
    else:
        _print_all(cluster, found, arguments.stage)
    return 0


def _print_stored(folder: Location, stage: str | None) -> None:
    """The logs in a run's folder, in the order of the stages; ``InputError`` if there are none."""
    logs = folder / "logs"
    try:
        names = set(logs.children())
    except OSError as error:
        remedy = "the folder above the run's folder is expected, as in spec.storage.uri"
        raise InputError(f"{logs.name}: cannot be listed ({error}); {remedy}") from None
    wanted = [f"{name}.log" for name in STAGES if stage in (None, name) and f"{name}.log" in names]
    if not wanted:
        raise InputError(f"{logs.name}: holds no log{f' of stage {stage}' if stage else ''}")
    for name in wanted:
        _note(f"--- {(logs / name).name}")
        with (logs / name).open() as file:
            _write(iter(lambda: file.read(1 << 16), b""))


def _print_all(cluster: ClusterConnection, found: Mapping[str, Any], stage: str | None) -> None:
    """Every pod's log, oldest first, and before them the stored logs of stages that have no pods any more."""
    name = found["metadata"]["name"]
    pods = cluster.pods(name, stage)
    with_pods = {_stage_of(pod) for pod in pods}
    recorded = [entry["name"] for entry in (found.get("status") or {}).get("stages") or [] if entry["state"] == "Done"]
    for gone in recorded:
        if gone not in with_pods and stage in (None, gone):
            _print_of_gone(found, gone)
    started = [pod for pod in pods if _container(pod)]
    for pod in started:
        _print_pod(cluster, pod, follow=False)
    if not started and not recorded:
        _note(f"{name}: no pod has started yet{_reason(found)}; `prlcoder logs -f {name}` waits for one")


def _print_of_gone(found: Mapping[str, Any], stage: str) -> None:
    uri = ((found.get("spec") or {}).get("storage") or {}).get("uri")
    name = found["metadata"]["name"]
    if uri and "://" in uri:
        _print_stored(location(uri) / name, stage)
    else:
        place = f"{uri or 'the volume of the runs'}, file {name}/logs/{stage}.log"
        _note(f"stage {stage}: its pods are gone; its log is in {place}: read it in a pod that mounts the volume")


def _follow(cluster: ClusterConnection, name: str, stage: str | None) -> None:
    """Print the pods' logs one after the other, until the run, or the stage, has ended."""
    printed: set[str] = set()
    told = ""
    while True:
        found = cluster.run(name)
        ended = _ended(found, stage)
        fresh = [pod for pod in cluster.pods(name, stage) if _first(pod) and pod["metadata"]["uid"] not in printed]
        started = [pod for pod in fresh if _container(pod)]
        for pod in started:
            _print_pod(cluster, pod, follow=True)
            printed.add(pod["metadata"]["uid"])
        if ended and not started:
            return
        if not started:
            if (reason := _reason(found)) and reason != told:
                told = reason
                _note(f"{name}: waits{reason}")
            time.sleep(POLL_S)


def _ended(found: Mapping[str, Any], stage: str | None) -> bool:
    status = found.get("status") or {}
    entry = next((one for one in status.get("stages") or [] if one["name"] == stage), None)
    return status.get("phase") in ENDED or (entry is not None and entry["state"] in ("Done", "Given", "Failed"))


def _print_pod(cluster: ClusterConnection, pod: Mapping[str, Any], *, follow: bool) -> None:
    """The log of a pod; with ``follow`` until the pod has ended, however often the connection breaks."""
    name, container = pod["metadata"]["name"], _container(pod)
    _note(f"--- stage {_stage_of(pod)}, pod {name}")
    path = f"/api/v1/namespaces/{cluster.namespace}/pods/{name}/log"
    query = [("container", container or CONTAINER)]
    since: list[tuple[str, str]] = []
    while True:
        broken = time.monotonic()
        try:
            _write(cluster.lines(path, [*query, *since, *([("follow", "true")] if follow else [])]))
        except PrlcoderError:  # a container that is only just starting has no log yet
            if not follow or since:
                raise
        if not follow or not _running(cluster, name):
            return
        since = [("sinceSeconds", str(int(time.monotonic() - broken) + 1))]
        time.sleep(POLL_S)


def _running(cluster: ClusterConnection, pod: str) -> bool:
    found = cluster.request("GET", f"/api/v1/namespaces/{cluster.namespace}/pods/{pod}")
    return found is not None and str(found["status"].get("phase")) == "Running"


def _container(pod: Mapping[str, Any]) -> str | None:
    """The container whose log is there: the stage's, or the preflight's where it failed; None where none has run."""
    status = pod.get("status") or {}
    for statuses, name in (("containerStatuses", CONTAINER), ("initContainerStatuses", PREFLIGHT)):
        for one in status.get(statuses) or []:
            state = one.get("state") or {}
            begun = "running" in state or "terminated" in state
            failed = (state.get("terminated") or {}).get("exitCode", 0) != 0
            if one["name"] == name and begun and (name == CONTAINER or failed):
                return name
    return None


def _first(pod: Mapping[str, Any]) -> bool:
    """Whether the pod is the only one of its stage, or the first of several."""
    return str((pod["metadata"].get("annotations") or {}).get(INDEX, "0")) == "0"


def _stage_of(pod: Mapping[str, Any]) -> str:
    return str((pod["metadata"].get("labels") or {}).get("prlcoder.dev/stage", "?"))


def _reason(found: Mapping[str, Any]) -> str:
    """Why the run waits, as its conditions say, or nothing."""
    for condition in (found.get("status") or {}).get("conditions") or []:
        if condition["type"] in ("Failed", "Degraded", "Suspended") and condition["status"] == "True":
            return f": {condition['reason']}: {condition['message']}"
    return ""


def _write(pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


def _note(text: str) -> None:
    sys.stdout.flush()
    print(text, file=sys.stderr, flush=True)
