"""What a pod of the executor under runc is, without a cluster: a container that ``runc`` runs, for one command.

User 1000, no capability, no new privileges, no network but loopback, the masked files of /proc that containerd masks in
every pod, read-only mounts, an empty /tmp, and the seccomp profile of the chart. Needs root, as runc does.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.executor.gvisor.container import ALONE, ROOT, bundle, prepare_root

PROFILE: Final = ROOT / "charts" / "prlcoder" / "files" / "executor-seccomp.json"
TMPFS: Final = ["nosuid", "nodev", "mode=1777"]
MASKED: Final = ("acpi", "kcore", "keys", "latency_stats", "timer_list", "timer_stats", "sched_debug", "scsi")
READ_ONLY: Final = ("asound", "bus", "fs", "irq", "sys", "sysrq-trigger")


def run(
    command: Sequence[str], read: Sequence[Path] = (), timeout_s: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` to its end; its output is the container's."""
    with tempfile.TemporaryDirectory(prefix="prlcoder-runc-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        mounts = list(prepare_root(folder / "root", read))
        (folder / "root" / "tmp").chmod(0o1777)  # runc gives a tmpfs the mode of the folder below it
        (folder / "config.json").write_text(json.dumps(_as_in_a_pod(bundle(command, mounts))))
        return subprocess.run(
            [*ALONE, "runc", "--root", str(folder / "state"), "run", "--bundle", name, folder.name],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )


def _as_in_a_pod(config: dict[str, Any]) -> dict[str, Any]:
    """The bundle with what the host's kernel, unlike gVisor's, does not bring along."""
    config["mounts"].append({"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": TMPFS})
    config["linux"] |= {
        "maskedPaths": [f"/proc/{name}" for name in MASKED],
        "readonlyPaths": [f"/proc/{name}" for name in READ_ONLY],
        "seccomp": json.loads(PROFILE.read_text()),
    }
    return config
