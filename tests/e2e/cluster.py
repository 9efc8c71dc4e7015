"""kubectl on the cluster of the tests, whichever it is."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

T = TypeVar("T")
NAMESPACE: Final = "prlcoder-e2e"
PATIENCE_S: Final = 300.0


@dataclass(frozen=True)
class Cluster:
    """A cluster that ``command`` (kubectl and its options) reaches.

    ``storage`` is the folder of the runs' claim where the cluster is a node of our own.
    """

    command: tuple[str, ...]
    storage: Path | None = None

    def kubectl(self, *arguments: str, text: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run kubectl, with ``text`` on its standard input."""
        done = subprocess.run([*self.command, *arguments], input=text, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done

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
