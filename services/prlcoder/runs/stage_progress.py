"""Serves the progress and the metrics of a stage to whoever runs it. On one machine both are off.

Where ``PRLCODER_PROGRESS_PORT`` is set, as in a stage's pod, the process answers ``GET /progress`` on that port with
the document of ``progress_document``. The operator reads it there at most every 30 s. The process itself connects to
nobody and needs no credential: the operator takes the pod's address from the API server, so that a pod can only speak
for itself. ``GET /metrics`` on the same port gives the metrics of the process and of its training to Prometheus.

Where ``PRLCODER_END_REPORT`` names a file, the last document is written there when the stage is done. Kubernetes keeps
the content of ``/dev/termination-log`` in the pod's status.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from prlcoder.stages.checkpoints import checkpoints_heard
from prlcoder.telemetry.progress import idle_s, outermost, pieces_of_work
from prlcoder.telemetry.training_figures import figures_heard

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

PORT_VARIABLE: Final = "PRLCODER_PROGRESS_PORT"
END_REPORT_VARIABLE: Final = "PRLCODER_END_REPORT"
MAX_END_REPORT_BYTES: Final = 4096  # Kubernetes cuts longer termination messages


@dataclass
class StageInProgress:
    """The stage that this process runs, the name of its newest complete checkpoint, and the summaries of what all
    stages of the run will need."""

    stage: str
    checkpoint: str | None = None
    plan: Sequence[Mapping[str, Any]] = ()

    def note_checkpoint(self, name: str) -> None:
        """Take ``name`` as the newest checkpoint."""
        self.checkpoint = name


def progress_document(running: StageInProgress) -> dict[str, Any]:
    """What the stage has done so far.

    ``done`` of ``total`` ``unit`` are counted over all attempts, both rates in this process alone; they are missing
    while nothing is counted. ``pieces`` counts whatever this process has finished, and ``idleSeconds`` is the time
    since the last such piece.
    """
    document: dict[str, Any] = {
        "stage": running.stage,
        "pieces": pieces_of_work(),
        "idleSeconds": round(idle_s(), 1),
    }
    if running.plan:
        document["plan"] = list(running.plan)
    if running.checkpoint is not None:
        document["checkpoint"] = running.checkpoint
    if (work := outermost()) is None:
        return document
    document |= {"unit": work.unit, "done": work.done, "total": work.total}
    document["unitsPerSecond"] = round(work.finished / work.elapsed_s, 4)
    if work.tokens:
        document["tokensPerSecond"] = round(work.tokens / work.elapsed_s, 1)
    if work.note:
        document["note"] = work.note
    return document


@contextmanager
def progress_served(running: StageInProgress) -> Iterator[int | None]:
    """Answer within the block on the port that the environment names; yields the port, or None if it names none.

    Port 0 takes a free one. The metrics are those of the process and, once a training has begun, of the training.
    """
    given = os.environ.get(PORT_VARIABLE)
    if not given:
        yield None
        return
    with _training_metrics() as registry, _serving(int(given), running, registry) as port:
        yield port


@contextmanager
def _training_metrics() -> Iterator[CollectorRegistry]:
    """A registry that hears of the training and of its checkpoints within the block."""
    from prlcoder.telemetry.metrics import new_registry
    from prlcoder.telemetry.training_metrics import TrainingMetrics

    registry = new_registry()
    metrics = TrainingMetrics(registry)
    with figures_heard(metrics.note), checkpoints_heard(metrics.note_checkpoint):
        yield registry


@contextmanager
def _serving(port: int, running: StageInProgress, registry: CollectorRegistry) -> Iterator[int]:
    server = _server(port, running, registry)
    threading.Thread(target=server.serve_forever, name="progress", daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


def write_end_report(stage: str, metrics: Mapping[str, Any], checkpoint: str | None = None) -> None:
    """Leave the stage's metrics where the environment asks for them. A file that cannot be written is left out."""
    path = os.environ.get(END_REPORT_VARIABLE)
    if not path:
        return
    kept = dict(metrics)
    while len(text := json.dumps({"stage": stage, "checkpoint": checkpoint, "metrics": kept})) > MAX_END_REPORT_BYTES:
        kept.popitem()
    with suppress(OSError):
        Path(path).write_text(text, encoding="utf-8")


class _DualStackServer(ThreadingHTTPServer):
    """Answers over IPv6 and IPv4, whichever the pod has."""

    address_family = socket.AF_INET6
    daemon_threads = True

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def _server(port: int, running: StageInProgress, registry: CollectorRegistry) -> ThreadingHTTPServer:
    from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

    class Handler(BaseHTTPRequestHandler):
        timeout = 10.0

        def do_GET(self) -> None:  # the name is given by http.server
            match self.path:
                case "/progress":
                    body, kind = json.dumps(progress_document(running)).encode(), "application/json"
                case "/metrics":
                    body, kind = generate_latest(registry), CONTENT_TYPE_LATEST
                case _:
                    self.send_error(404)
                    return
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """The stage's log is for the stage."""

    try:
        return _DualStackServer(("::", port), Handler)
    except OSError:  # a kernel without IPv6
        server = ThreadingHTTPServer(("0.0.0.0", port), Handler)
        server.daemon_threads = True
        return server
