"""``prlcoder preflight FILE``: check what a stage needs on this machine before it starts.

The operator runs it as an init container, so that a fault of the storage or of a service is reported at the start and
not hours later. Each finding is one line ``subject: what is wrong; what to do``.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prlcoder.cli.manifest_arguments import add_manifest_arguments, load_manifest
from prlcoder.rpc.address import split_scheme
from prlcoder.spec import Services, TrainingRun
from prlcoder.storage import Location, location

EXIT_CODE: Final = 75  # EX_TEMPFAIL of sysexits.h: a later attempt may succeed
CONNECT_TIMEOUT_S: Final = 10.0
MIN_SHARED_MEMORY_MIB: Final = 64  # container runtimes give as much by default
SERVICES_BY_STAGE: Final = {
    "supervise": ("segmenter", "mutator", "executor"),
    "evaluate": ("executor", "prm", "policy"),
    "policy": ("executor",),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``prlcoder preflight``."""
    add_manifest_arguments(parser)
    parser.add_argument("--stage", required=True, metavar="STAGE", help="the stage that is about to run")


def run(arguments: argparse.Namespace) -> int:
    """Print every finding; returns 0 if there are none, otherwise 75."""
    training_run = load_manifest(arguments)
    findings = [*_storage(training_run), *_shared_memory(), *_services(training_run.spec.services, arguments.stage)]
    for finding in findings:
        print(finding, file=sys.stderr)
    return EXIT_CODE if findings else 0


def _storage(training_run: TrainingRun) -> Iterator[str]:
    """Check that files can be written, and renamed where the storage is a folder: publishing is a rename there."""
    place = location(training_run.spec.storage.uri or "runs")
    if not place.local:
        yield from _object_store(place)
        return
    folder = Path(place.path)
    probe, renamed = (folder / f".preflight-{os.getpid()}{end}" for end in ("", ".renamed"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"x")
        os.replace(probe, renamed)
        renamed.unlink()
    except OSError as error:
        yield f"storage: {folder} cannot be written ({error.strerror}); check the volume and who owns it"


def _object_store(place: Location) -> Iterator[str]:
    name = f".preflight-{socket.gethostname()}-{os.getpid()}"
    try:
        (place / name).write_bytes(b"x")
        place.remove([name])
    except OSError as error:
        yield f"storage: {place.name} cannot be written ({error}); check the URI, its credentials and the rights on it"


def _shared_memory() -> Iterator[str]:
    try:
        facts = os.statvfs("/dev/shm")
    except OSError as error:
        yield f"shared memory: /dev/shm is missing ({error.strerror}); mount a volume of medium Memory there"
        return
    mib = facts.f_frsize * facts.f_blocks >> 20
    if mib < MIN_SHARED_MEMORY_MIB:
        yield f"shared memory: /dev/shm has {mib} MiB; mount a volume of medium Memory there"


def _services(services: Services, stage: str) -> Iterator[str]:
    for name in SERVICES_BY_STAGE.get(stage, ()):
        target = getattr(services, name) or os.environ.get(f"PRLCODER_{name.upper()}")
        if target and (problem := _unreachable(target)):
            yield f"service: the {name} at {target} cannot be reached ({problem}); see whether it runs"


def _unreachable(target: str) -> str | None:
    """Why no connection can be made; None if one can be made."""
    host, _, port = split_scheme(target)[1].removeprefix("dns:///").rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_TIMEOUT_S):
            return None
    except ValueError:
        return "the address has no port"
    except OSError as error:
        return error.strerror or str(error)
