"""Serves all five services on one machine, each in a process of its own. They start and stop together."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from prlcoder.errors import WorkError
from prlcoder.files import atomic_output
from prlcoder.signals import end_with_parent, stop_signals_handled

Ports = Mapping[str, str | None]  # {"grpc": "127.0.0.1:8101", "metrics": "127.0.0.1:9101"}
POLL_INTERVAL_S: Final = 0.2
SHARED_OPTIONS: Final = (
    "host",
    "log_level",
    "tls_certificate",
    "tls_key",
    "tls_client_ca",
    "token_file",
    "max_message_mib",
    "max_batch",
    "max_queue",
    "max_calls",
    "max_connection_age",
    "drain_delay",
    "drain_grace",
)


def serve_all(arguments: argparse.Namespace) -> int:
    """Start the five services, print their addresses when all are healthy, and stop them on SIGTERM or Ctrl-C.

    If one of them ends by itself, the others are stopped and ``WorkError`` is raised.
    """
    stop = threading.Event()
    with (
        stop_signals_handled(lambda _: stop.set()),
        tempfile.TemporaryDirectory(prefix="prlcoder-") as folder,
        _children(arguments, Path(folder)) as children,
    ):
        files = {name: Path(folder) / f"{name}.json" for name in children}
        while not stop.is_set() and not all(file.exists() for file in files.values()):
            _require_alive(children)
            stop.wait(POLL_INTERVAL_S)
        if not stop.is_set():
            _announce({name: read_ready(file)[name] for name, file in files.items()}, arguments.ready_file)
        while not stop.wait(POLL_INTERVAL_S):
            _require_alive(children)
    return 0


def _announce(addresses: Mapping[str, Ports], ready_file: Path | None) -> None:
    for name, ports in addresses.items():
        print(f"{name}: {', '.join(f'{part} on {at}' for part, at in ports.items())}", flush=True)
    if ready_file is not None:
        write_ready(ready_file, addresses)


@contextmanager
def _children(arguments: argparse.Namespace, folder: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, own in _own_options(arguments).items():
            command = [sys.executable, "-m", "prlcoder.cli", "serve", name, *own, *_shared_options(arguments)]
            children[name] = subprocess.Popen(
                [*command, "--ready-file", str(folder / f"{name}.json")],
                stdout=subprocess.DEVNULL,
                process_group=0,  # the terminal's Ctrl-C reaches this process only, which sends SIGTERM to all
                preexec_fn=lambda: end_with_parent(signal.SIGTERM),
            )
        yield children
    finally:
        for child in children.values():
            child.terminate()
        for child in children.values():
            child.wait()


def write_ready(path: Path, services: Mapping[str, Ports]) -> None:
    """Write the ready file, ``{service: {grpc, metrics}}``, atomically. It exists only when all of these services are
    healthy."""
    with atomic_output(path) as file:
        file.write(json.dumps(services, indent=2) + "\n")


def read_ready(path: Path) -> dict[str, dict[str, str | None]]:
    """The addresses in a ready file, by service and kind of port."""
    services: dict[str, dict[str, str | None]] = json.loads(path.read_text(encoding="utf-8"))
    return services


def _own_options(arguments: argparse.Namespace) -> dict[str, list[str]]:
    template = ["--template", arguments.template]
    return {
        "segmenter": [],
        "mutator": [],
        "executor": [],
        "prm": ["--model", arguments.prm_model, *template],
        "policy": ["--model", arguments.policy_model, *template, "--engine", arguments.engine],
    }


def _shared_options(arguments: argparse.Namespace) -> list[str]:
    values = {name: getattr(arguments, name) for name in SHARED_OPTIONS}
    given = [(f"--{name.replace('_', '-')}", str(value)) for name, value in values.items() if value is not None]
    return [word for pair in given for word in pair] + (["--insecure"] if arguments.insecure else [])


def _require_alive(children: Mapping[str, subprocess.Popen[bytes]]) -> None:
    for name, child in children.items():
        if (code := child.poll()) is not None:
            raise WorkError(f"serve all: the {name} ended with exit code {code}; its own message is above")
