"""Helm 4 and Helm 3, built once from the versions that the go.mod files pin, and kept outside the work tree.

    python -m tests.chart.helm

builds what is missing and prints the paths. Each takes two minutes on two cores.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "prlcoder-test")


class NoHelmError(Exception):
    """Helm cannot be built on this machine; the message says why."""


@dataclass(frozen=True)
class HelmModule:
    """The Go module of a major version. ``folder`` holds the go.mod that pins its version.

    ``kubernetes_in`` are the packages to which a release of Helm is told the version of Kubernetes for `helm template`.
    """

    path: str
    folder: Path
    kubernetes_in: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """The version that go.mod pins."""
        pinned = re.search(rf"{self.path} (v\S+)", (self.folder / "go.mod").read_text())
        assert pinned is not None
        return pinned[1]

    @property
    def program(self) -> Path:
        """Where the built program is."""
        return CACHE / f"helm-{self.version}" / "helm"

    def build(self) -> None:
        """Compile the program; ``NoHelmError`` with the last lines of Go's output if that fails."""
        if shutil.which("go") is None:
            raise NoHelmError("Helm is not built, and there is no go to build it (make setup-cluster builds it)")
        unfinished = self.program.with_name("unfinished")
        flags = ["-trimpath", "-ldflags", f"-s -w {self._stamps()}", "-o", str(unfinished)]
        command = ["go", "build", "-C", str(self.folder), *flags]
        environment = {**os.environ, "CGO_ENABLED": "0"}
        package = f"{self.path}/cmd/helm"
        done = subprocess.run([*command, package], env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NoHelmError(f"Helm could not be built: {done.stderr.strip()[-500:]}")
        unfinished.rename(self.program)

    def _stamps(self) -> str:
        """The linker's options: the minor version of Kubernetes is that of the client."""
        client = re.search(r"k8s\.io/client-go v0\.(\d+)\.", (self.folder / "go.mod").read_text())
        assert client is not None
        parts = {"Major": "1", "Minor": client[1]}
        return " ".join(
            f"-X {self.path}{package}.k8sVersion{part}={number}"
            for package in self.kubernetes_in
            for part, number in parts.items()
        )


HELM_4: Final = HelmModule("helm.sh/helm/v4", Path(__file__).resolve().parent)
HELM_3: Final = HelmModule(
    "helm.sh/helm/v3", Path(__file__).resolve().parent / "helm3", ("/pkg/chartutil", "/pkg/lint/rules")
)


def helm_path(module: HelmModule = HELM_4) -> Path:
    """The program. ``NoHelmError`` if it is missing and cannot be built."""
    module.program.parent.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "helm.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # others wait for the one that builds
        if not module.program.exists():
            module.build()
    return module.program


if __name__ == "__main__":
    try:
        print(helm_path(HELM_4), helm_path(HELM_3), sep="\n")
    except NoHelmError as error:
        sys.exit(str(error))
