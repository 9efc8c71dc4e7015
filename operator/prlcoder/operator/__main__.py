"""``python -m prlcoder.operator``: run the operator until SIGTERM."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

import kopf

from prlcoder.errors import InputError
from prlcoder.operator.handlers import registry
from prlcoder.operator.kube import Kube
from prlcoder.operator.metrics import OperatorMetrics
from prlcoder.operator.settings import OperatorSettings
from prlcoder.telemetry.logs import log_json
from prlcoder.telemetry.metrics import Exporter, new_registry


def main() -> None:
    """Watch one namespace or all, and serve the probe and the metrics; port 0 serves none."""
    log_json("INFO")
    try:
        asyncio.run(_find_cluster())  # kopf would try again for ever
    except InputError as error:
        print(f"prlcoder.operator: {error}", file=sys.stderr)
        sys.exit(2)
    settings = OperatorSettings.from_environment()
    scope = {"namespaces": [settings.namespace]} if settings.namespace else {"clusterwide": True}
    probe = f"http://0.0.0.0:{settings.probe_port}/healthz" if settings.probe_port else None
    # kopf's own identity contains the user's name, and a container's user need not have one.
    identity: Any = socket.gethostname()
    served = new_registry()
    handlers = registry(settings, OperatorMetrics(served))
    exporter = Exporter(served, "0.0.0.0", settings.metrics_port) if settings.metrics_port else None
    try:
        asyncio.run(kopf.operator(registry=handlers, liveness_endpoint=probe, identity=identity, **scope))
    finally:
        if exporter is not None:
            exporter.close()


async def _find_cluster() -> None:
    async with await Kube.connect():
        pass


if __name__ == "__main__":
    main()
