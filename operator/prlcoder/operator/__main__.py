"""``python -m prlcoder.operator``: run the operator until SIGTERM."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import kopf

from prlcoder.operator.handlers import registry
from prlcoder.operator.settings import OperatorSettings
from prlcoder.telemetry.logs import log_json


def main() -> None:
    """Watch one namespace or all, and serve the probe; port 0 serves none."""
    log_json("INFO")
    settings = OperatorSettings.from_environment()
    scope = {"namespaces": [settings.namespace]} if settings.namespace else {"clusterwide": True}
    probe = f"http://0.0.0.0:{settings.probe_port}/healthz" if settings.probe_port else None
    # kopf's own identity contains the user's name, and a container's user need not have one.
    identity: Any = socket.gethostname()
    asyncio.run(kopf.operator(registry=registry(settings), liveness_endpoint=probe, identity=identity, **scope))


if __name__ == "__main__":
    main()
