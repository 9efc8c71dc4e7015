"""The programs of a Kubernetes node, built once from the versions that the go.mod files pin.

    python -m tests.e2e.binaries

builds what is missing and prints the folders. On two cores with nothing else running, containerd and the rest of
Kubernetes take five minutes after the control plane. JobSet's controller took 207 s of CPU time, and CoreDNS with all
plugins 244 s; here it has three of them. gVisor's shim took 80 s of CPU time.
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

from tests.cluster import binaries as control_plane
from tests.cluster.binaries import CACHE, NoClusterError
from tests.e2e.gvisor_shim import shim
from tests.executor.gvisor.runsc import NoRunscError, runsc

NODE_PROGRAMS: Final = ("kube-scheduler", "kubelet", "kube-proxy")


@dataclass(frozen=True)
class GoModule:
    """Programs of the Go module ``path``. ``folder``, beside this file, holds the go.mod that pins its version.

    ``packages`` are below the module, or ``.`` for the one in ``folder``.
    """

    folder: str
    path: str
    packages: tuple[str, ...]
    tags: str = ""  # of the build

    @property
    def version(self) -> str:
        """The version that go.mod pins."""
        pinned = re.search(rf"{self.path} (v\S+)", (self.source / "go.mod").read_text())
        assert pinned is not None
        return pinned[1]

    @property
    def target(self) -> Path:
        """The folder that the programs are built into."""
        return CACHE / f"{self.folder}-{self.version}"

    @property
    def programs(self) -> tuple[Path, ...]:
        """Where the built programs are."""
        names = (package.rpartition("/")[2].strip(".") or self.folder for package in self.packages)
        return tuple(self.target / name for name in names)

    def built(self) -> Path:
        """The folder with the programs. ``NoClusterError`` if they are missing and cannot be built."""
        self.target.mkdir(parents=True, exist_ok=True)
        with open(CACHE / f"{self.folder}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # others wait for the one that builds
            if not all(program.exists() for program in self.programs):
                self._build()
        return self.target

    @property
    def source(self) -> Path:
        """The folder of the go.mod."""
        return Path(__file__).resolve().parent / self.folder

    def _build(self) -> None:
        if shutil.which("go") is None:
            raise NoClusterError(f"{self.folder} is not built, and go is not on PATH (make setup-e2e builds it)")
        unfinished = self.target / "unfinished"
        unfinished.mkdir(exist_ok=True)
        done = subprocess.run(
            [
                *("go", "build", "-C", str(self.source), "-trimpath", "-tags", self.tags, "-ldflags", "-s -w"),
                *("-o", f"{unfinished}/", *(one if one == "." else self.path + one for one in self.packages)),
            ],
            env={**os.environ, "CGO_ENABLED": "0"},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            raise NoClusterError(f"{self.folder} could not be built: {done.stderr.strip()[-500:]}")
        for program in self.programs:
            (unfinished / program.name).rename(program)
        unfinished.rmdir()


CONTAINERD: Final = GoModule(
    "containerd",
    "github.com/containerd/containerd/v2",
    ("/cmd/containerd", "/cmd/ctr", "/cmd/containerd-shim-runc-v2"),
    "no_btrfs no_devmapper no_zfs no_aufs",  # snapshotters that need headers of C libraries
)
COREDNS: Final = GoModule("coredns", "github.com/coredns/coredns", (".",))
GRPCURL: Final = GoModule("grpcurl", "github.com/fullstorydev/grpcurl", ("/cmd/grpcurl",))
JOBSET: Final = GoModule("jobset", "sigs.k8s.io/jobset", ("",))


def kubernetes() -> Path:
    """The folder with the programs of the control plane and of a node."""
    folder = control_plane.binaries()
    with open(CACHE / "kubernetes.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if missing := [name for name in NODE_PROGRAMS if not (folder / name).exists()]:
            control_plane.build(folder, missing)
    return folder


def built() -> bool:
    """Whether every program has been built on this machine."""
    kubernetes_folder = CACHE / f"kubernetes-{control_plane.version()}"
    own = (kubernetes_folder / name for name in (*control_plane.PROGRAMS, *NODE_PROGRAMS))
    return all(path.exists() for path in (*own, *CONTAINERD.programs, *COREDNS.programs))


def job_set_chart() -> Path:
    """JobSet's own Helm chart, of the version that is built here."""
    chart = JOBSET.built() / "chart"
    if not chart.exists():
        find = ["go", "list", "-C", str(JOBSET.source), "-m", "-f", "{{.Dir}}", JOBSET.path]
        done = subprocess.run(find, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NoClusterError(f"JobSet's chart was not found: {done.stderr.strip()[-500:]}")
        shutil.copytree(Path(done.stdout.strip(), "charts", "jobset"), chart, copy_function=shutil.copyfile)
    return chart


if __name__ == "__main__":
    try:
        print(kubernetes(), CONTAINERD.built(), COREDNS.built(), GRPCURL.built(), job_set_chart(), sep="\n")
        print(runsc(), shim(), sep="\n")
    except (NoClusterError, NoRunscError) as error:
        sys.exit(str(error))
