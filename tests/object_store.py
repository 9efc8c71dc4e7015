"""An S3 server on loopback, for tests: moto's, which can be told to answer that it is unavailable."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

BUCKET = "models"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass
class S3Server:
    """A running server. While ``away`` it answers 503 to every request, and ``refused`` counts them."""

    url: str = ""
    away: bool = False
    refused: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which a driver finds the server."""
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": self.url}


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """The server with one bucket. The test is skipped where moto or s3fs is not installed."""
    pytest.importorskip("s3fs", reason="s3fs is not installed (make setup installs it)")
    moto_server = pytest.importorskip("moto.server", reason="moto is not installed (make setup installs it)")
    from werkzeug.serving import make_server

    state = S3Server()
    application = moto_server.DomainDispatcherApplication(moto_server.create_backend_app)

    def answer(environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if state.away:
            state.refused += 1
            start("503 Service Unavailable", [("Content-Type", "text/plain"), ("Content-Length", "0")])
            return [b""]
        return application(environment, start)  # type: ignore[no-any-return]

    server = make_server("127.0.0.1", 0, answer, threaded=True)
    state.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
