"""A way to a service from outside the cluster: ``kubectl port-forward``."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.cluster import Cluster


@contextmanager
def forwarded(cluster: Cluster, service: str, port: int, namespace: str) -> Iterator[str]:
    """``localhost:PORT``, which leads to a port of a Service. Only programs that run ``inside`` reach it."""
    command = [*cluster.command, "port-forward", "-n", namespace, f"service/{service}", f":{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            line = process.stdout.readline()
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            assert found is not None, line + process.stderr.read()
            yield f"localhost:{found[1]}"
        finally:
            process.kill()
