"""kubectl on the cluster of the tests, whichever it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from tests.chart.helm import helm_path

T = TypeVar("T")
NAMESPACE: Final = "prlcoder-e2e"
PATIENCE_S: Final = 300.0


@dataclass(frozen=True)
class Cluster:
    """A cluster that ``command`` (kubectl and its options) reaches.

    ``inside`` begins the command line of any program that shall reach it, and ``helm_options`` tell Helm where it is.
    Where the cluster is a node of our own, ``storage`` is the folder of the runs' claim, and ``processes`` are those of
    the node by name.
    """

    command: tuple[str, ...]
    inside: tuple[str, ...] = ()
    helm_options: tuple[str, ...] = ()
    storage: Path | None = None
    processes: Mapping[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def kubectl(self, *arguments: str, text: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run kubectl, with ``text`` on its standard input."""
        done = subprocess.run([*self.command, *arguments], input=text, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done

    def helm(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Helm, of the version that the chart's tests pin. It keeps its own files in a temporary folder."""
        with tempfile.TemporaryDirectory(prefix="prlcoder-helm-") as home:
            own = [f"HELM_{kind}_HOME={home}/{kind.lower()}" for kind in ("CACHE", "CONFIG", "DATA")]
            command = [*self.inside, "env", *own, str(helm_path()), *arguments, *self.helm_options]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done

    def prlcoder(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run PRLCoder's own command as a user of the cluster does."""
        option, value = self.helm_options
        variables, context = ([f"KUBECONFIG={value}"], []) if option == "--kubeconfig" else ([], ["--context", value])
        command = [*self.inside, "env", *variables, sys.executable, "-m", "prlcoder.cli", *arguments, *context]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a program of our own node. It is the child of the process that entered the node."""
        entered = self.processes[name].pid
        for child in Path(f"/proc/{entered}/task/{entered}/children").read_text().split():
            os.kill(int(child), number)

    def exists(self, which: str, namespace: str = NAMESPACE) -> bool:
        """Whether there is an object, such as ``job/whole-sft``."""
        return self.kubectl("get", which, "-n", namespace, check=False).returncode == 0

    def get(self, *arguments: str, namespace: str = NAMESPACE) -> dict[str, Any]:
        """An object or a list, as kubectl prints it in JSON."""
        found: dict[str, Any] = json.loads(self.kubectl("get", "-o", "json", "-n", namespace, *arguments).stdout)
        return found

    def apply(self, *documents: dict[str, Any], namespace: str = NAMESPACE) -> None:
        """Apply objects."""
        self.kubectl("apply", "-n", namespace, "-f", "-", text=yaml.safe_dump_all(documents))

    def delete_run(self, name: str, namespace: str = NAMESPACE) -> None:
        """Delete a run and wait until its pods are gone, so that the node is free for the next test."""
        self.kubectl("delete", "trun", name, "-n", namespace, "--cascade=foreground", "--timeout=300s")

    def condition(self, run: str, kind: str, namespace: str = NAMESPACE) -> dict[str, Any] | None:
        """A condition of a run if it holds."""
        found = self.get("trun", run, namespace=namespace).get("status", {}).get("conditions", [])
        return next((one for one in found if one["type"] == kind and one["status"] == "True"), None)

    def pods(self, run: str, stage: str, namespace: str = NAMESPACE) -> list[dict[str, Any]]:
        """The pods of a stage, oldest first."""
        selector = f"prlcoder.dev/run={run},prlcoder.dev/stage={stage}"
        found: list[dict[str, Any]] = self.get("pods", "-l", selector, namespace=namespace)["items"]
        return sorted(found, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def read(self, path: str) -> str | None:
        """A file of the runs' storage, or None if it is missing."""
        done = self.kubectl("exec", "-n", NAMESPACE, "reader", "--", "cat", f"/var/lib/prlcoder/{path}", check=False)
        return done.stdout if done.returncode == 0 else None


def eventually(look: Callable[[], T | None], what: str, patience_s: float = PATIENCE_S) -> T:
    """What ``look`` finds once it finds something."""
    deadline = time.monotonic() + patience_s
    while (found := look()) is None or found is False:
        assert time.monotonic() < deadline, f"{what} did not happen within {patience_s:.0f} s"
        time.sleep(0.3)
    return found
