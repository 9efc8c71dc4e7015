"""The first process in the namespaces of a node: it prepares mounts and the network, and then collects ended processes.

It runs as process 1 of a PID namespace of its own: the kernel ends every process of the node when it ends, and with the
last process go the mounts, the interfaces, the routes and the iptables rules. Only the standard library is imported.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

# Folders of the host that programs of a node write into. The node sees empty ones in memory instead.
REPLACED_FOLDERS = ("/run", "/var/lib", "/var/log")
# Settings of the whole machine that the kubelet changes. It gets files in memory in their place.
REPLACED_SETTINGS = (
    *("kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"),
    *("vm/overcommit_memory", "vm/panic_on_oom"),
)


def main(address: str) -> None:
    """Prepare the node with this IP address, say ``ready``, and collect ended processes for ever."""
    _do("mount", "--make-rshared", "/")  # volumes that the kubelet mounts must reach the pods
    for folder in REPLACED_FOLDERS:
        _do("mount", "-t", "tmpfs", "none", folder)
    for setting in REPLACED_SETTINGS:
        real, replacement = Path("/proc/sys", setting), Path("/run", setting.replace("/", "."))
        replacement.write_text(real.read_text())
        _do("mount", "--bind", str(replacement), str(real))
    _do("ip", "link", "set", "lo", "up")
    _do("ip", "link", "add", "node0", "type", "bridge")  # holds the node's address; nothing is attached to it
    _do("ip", "address", "add", f"{address}/30", "dev", "node0")
    _do("ip", "link", "set", "node0", "up")
    _do("ip", "route", "add", "default", "dev", "node0")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    print("ready", flush=True)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    while True:
        signal.sigwait({signal.SIGCHLD})
        _collect()


def _collect() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _do(*command: str) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main(sys.argv[1])
