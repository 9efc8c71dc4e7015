"""An image that `images/build.sh` has made, and containers of it as a pod has them.

A container has the image's user, a read-only root, an empty /tmp, no capability and no new privileges. It shares the
network of this machine, so that a test can call what it serves.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
EXECUTOR_PROFILE: Final = ROOT / "charts" / "prlcoder" / "files" / "executor-seccomp.json"
REPOSITORY: Final = "localhost/prlcoder"
CAPABILITY_SETS: Final = ("bounding", "effective", "inheritable", "permitted", "ambient")
TMPFS: Final = ["nosuid", "nodev", "mode=1777"]
ALONE: Final = ("unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child", "--")


@dataclass(frozen=True)
class BuiltImage:
    """An image. ``root`` is its file system, ``settings`` its configuration, ``layers`` the digests of its layers."""

    name: str
    root: Path
    settings: dict[str, Any]
    layers: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of its files."""
        files = (path.lstat() for path in self.root.rglob("*") if path.is_file() and not path.is_symlink())
        return sum({(one.st_dev, one.st_ino): one.st_size for one in files}.values())

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a container to its end."""
        with self.started(*command) as process:
            output, errors = process.communicate(timeout=300)
        return subprocess.CompletedProcess(command, process.returncode, output, errors)

    @contextmanager
    def started(
        self, *command: str, seccomp: Path | None = None, files: Mapping[str, Path] | None = None, **variables: str
    ) -> Iterator[subprocess.Popen[str]]:
        """A container that runs a command with ``files``, by their paths in it, and these environment variables. Every
        process of it is killed at the end."""
        with tempfile.TemporaryDirectory(prefix="prlcoder-image-") as name:
            folder = Path(name)
            bundle = self._bundle(command, variables)
            for path, source in (files or {}).items():
                mount = {"destination": path, "type": "bind", "source": str(source), "options": ["rbind", "ro"]}
                bundle["mounts"].append(mount)
            if seccomp is not None:
                bundle["linux"]["seccomp"] = json.loads(seccomp.read_text())
            (folder / "config.json").write_text(json.dumps(bundle))
            runc = ("runc", "--root", str(folder / "state"), "run", "--bundle", name, folder.name)
            with subprocess.Popen(
                [*ALONE, *runc], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            ) as process:
                try:
                    yield process
                finally:
                    process.kill()

    def _bundle(self, command: tuple[str, ...], variables: Mapping[str, str]) -> dict[str, Any]:
        """The container's ``config.json`` (OCI runtime specification 1.0)."""
        user, group = map(int, self.settings["User"].split(":"))
        added = [f"{name}={value}" for name, value in variables.items()]
        return {
            "ociVersion": "1.0.2",
            "hostname": "pod",
            "root": {"path": str(self.root), "readonly": True},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
                {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": TMPFS},
                {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": TMPFS},
            ],
            "process": {
                "user": {"uid": user, "gid": group},
                "cwd": "/tmp",
                "args": list(command),
                "env": [*self.settings["Env"], "HOME=/tmp", *added],
                "capabilities": {name: [] for name in CAPABILITY_SETS},
                "noNewPrivileges": True,
            },
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]},
        }


@contextmanager
def built_image(name: str, tag: str) -> Iterator[BuiltImage]:
    """The image ``name``, mounted. ``LookupError`` if it is not there."""
    reference = f"{REPOSITORY}/{name}:{tag}"
    inspected = subprocess.run(["buildah", "inspect", "--type", "image", reference], capture_output=True, check=False)
    if inspected.returncode != 0:
        raise LookupError(f"{reference} is not built (images/build.sh)")
    found = json.loads(inspected.stdout)["OCIv1"]
    container = _buildah("from", "--pull-never", reference)
    try:
        root = Path(_buildah("mount", container))
        yield BuiltImage(name, root, found["config"], tuple(found["rootfs"]["diff_ids"]))
    finally:
        _buildah("rm", container)


def _buildah(*arguments: str) -> str:
    return subprocess.run(["buildah", *arguments], capture_output=True, text=True, check=True).stdout.strip()
