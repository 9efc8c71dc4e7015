"""What a restricted pod under gVisor is, without a cluster: a container that ``runsc`` runs, for one command.

    python -m tests.executor.gvisor.container [--read FOLDER ...] COMMAND ...

User 1000, no capability, no new privileges, no network but loopback, a root of read-only mounts (the system, this
interpreter, this checkout, FOLDERs) and an empty /tmp. Needs root, as runsc does. Nothing of it is left afterwards:
its mounts and processes are in namespaces that end with it, its files in a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tests.executor.gvisor.runsc import runsc

ROOT: Final = Path(__file__).resolve().parents[3]
SYSTEM: Final = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc")
USER: Final = 1000
ENVIRONMENT: Final = {
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "PATH": "/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPATH": f"{ROOT}/services:{ROOT}/protos/gen",
}
CAPABILITY_SETS: Final = ("bounding", "effective", "inheritable", "permitted", "ambient")
RUNSC: Final = ("--platform=systrap", "--network=none", "--ignore-cgroups")
INIT: Final = ("/bin/sh", "-c", '"$@"; exit "$?"', "init")  # PID 1 reaps orphans; few commands do
ALONE: Final = ("unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child", "--")


def run(
    command: Sequence[str], read: Sequence[Path] = (), timeout_s: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` to its end; its output is the container's."""
    with tempfile.TemporaryDirectory(prefix="prlcoder-gvisor-") as name:
        folder = Path(name)
        mounts = list(prepare_root(folder / "root", read))
        (folder / "config.json").write_text(json.dumps(bundle(command, mounts)))
        return subprocess.run(
            [*ALONE, str(runsc()), "--root", str(folder / "state"), *RUNSC, "run", "--bundle", name, folder.name],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )


def prepare_root(root: Path, read: Sequence[Path]) -> Iterator[str]:
    """Make the folders that are mounted over, and the links that this system has in its root; yields what to mount."""
    mounted: list[Path] = []
    ours = [Path(folder).resolve() for folder in (sys.base_prefix, sys.prefix, ROOT, *read)]
    for path in (*map(Path, SYSTEM), *sorted(ours)):  # a folder before those inside it, which come with it
        place = root / path.relative_to("/")
        if path.is_symlink():
            place.symlink_to(path.readlink())
        elif path.exists() and not any(path.is_relative_to(other) for other in mounted):
            place.mkdir(parents=True)
            mounted.append(path)
            yield str(path)
    for name in ("proc", "dev", "tmp"):
        (root / name).mkdir(exist_ok=True)
    for folder in (root, *(path for path in root.rglob("*") if not path.is_symlink())):
        folder.chmod(0o755)  # whatever our umask is


def bundle(command: Sequence[str], readable: Sequence[str]) -> dict[str, Any]:
    """The container's ``config.json`` (OCI runtime specification 1.0)."""
    mounts: list[dict[str, Any]] = [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777"]},
        *({"destination": path, "type": "bind", "source": path, "options": ["rbind", "ro"]} for path in readable),
    ]
    return {
        "ociVersion": "1.0.2",
        "hostname": "pod",
        "root": {"path": "root", "readonly": True},
        "mounts": mounts,
        "process": {
            "user": {"uid": USER, "gid": USER},
            "cwd": "/tmp",
            "args": [*INIT, *command],
            "env": [f"{name}={value}" for name, value in ENVIRONMENT.items()],
            "capabilities": {name: [] for name in CAPABILITY_SETS},
            "noNewPrivileges": True,
        },
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "network")]},
    }


def main() -> int:
    """Run the command line's command; its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--read", action="append", default=[], type=Path, metavar="FOLDER", help="mount it, read-only")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("runsc needs root here")
    done = run(arguments.command, arguments.read)
    print(done.stdout, end="")
    print(done.stderr, end="", file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
