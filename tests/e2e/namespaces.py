"""Namespaces in which a whole node runs, so that ending one process ends everything and leaves no trace on the host."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.cluster.binaries import NoClusterError

INIT: Final = Path(__file__).resolve().parent / "namespace_init.py"
# The kernel ends `unshare` with this process, however it ends, and the node with `unshare`.
UNSHARE: Final = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"),
)


@dataclass(frozen=True)
class Namespaces:
    """Network, mount and PID namespaces; ``pid`` is their first process as the host sees it."""

    pid: int

    def command(self, *arguments: str) -> list[str]:
        """A command line that runs ``arguments`` inside."""
        return ["nsenter", "--target", str(self.pid), "--net", "--mount", "--pid", "--", *arguments]


@contextmanager
def namespaces(address: str) -> Iterator[Namespaces]:
    """New namespaces with this IP address. Every process in them is killed at the end."""
    command = [*UNSHARE, sys.executable, str(INIT), address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            if process.stdout.readline() != "ready\n":
                raise NoClusterError(f"no namespaces for a node: {process.stderr.read().strip()[-500:]}")
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            yield Namespaces(int(children[0]))
        finally:
            process.kill()
