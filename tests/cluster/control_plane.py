"""A real control plane on loopback: etcd, the API server and the controllers, without nodes.

Jobs get their pods from the real Job controller. No kubelet runs them: a test writes the status that a kubelet would.
"""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.cluster.binaries import NoClusterError, binaries

ADMIN_TOKEN: Final = "admin-token"
START_S: Final = 90.0


@dataclass(frozen=True)
class ControlPlane:
    """A running control plane. ``kubeconfig`` is that of a cluster administrator."""

    url: str
    kubeconfig: Path
    kubectl_path: Path

    def kubectl(self, *arguments: str, text: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator, with ``text`` on its standard input."""
        command = [str(self.kubectl_path), "--kubeconfig", str(self.kubeconfig), *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done

    def get(self, *arguments: str) -> dict[str, Any]:
        """An object or a list, as kubectl prints it in JSON."""
        found: dict[str, Any] = json.loads(self.kubectl("get", "-o", "json", *arguments).stdout)
        return found

    def apply(self, *documents: dict[str, Any]) -> None:
        """Apply objects."""
        self.kubectl("apply", "-f", "-", text=yaml.safe_dump_all(documents))

    def install(self, definition: Path, name: str) -> None:
        """Install the type of a CustomResourceDefinition, and return when the API server serves it."""
        self.kubectl("apply", "--server-side", "-f", str(definition))
        deadline = time.monotonic() + START_S
        while not any(
            one["type"] == "Established" and one["status"] == "True"
            for one in self.get("crd", name).get("status", {}).get("conditions") or []
        ):
            assert time.monotonic() < deadline, f"the API server does not serve {name}"
            time.sleep(0.1)

    def set_status(self, kind: str, name: str, status: dict[str, Any], namespace: str = "default") -> None:
        """Write the status of an object, as the controller or the kubelet that owns it would."""
        patch = json.dumps({"status": status})
        options = ["--subresource=status", "--type=merge", "-p", patch]
        self.kubectl("patch", kind, name, "-n", namespace, *options)


@contextmanager
def control_plane() -> Iterator[ControlPlane]:
    """Start everything on free ports, and stop it at the end. ``NoClusterError`` where it cannot run."""
    etcd = shutil.which("etcd")
    if etcd is None:
        raise NoClusterError("there is no etcd on this machine (on Debian: apt install etcd-server)")
    programs = binaries()
    with tempfile.TemporaryDirectory(prefix="prlcoder-cluster-") as name, ExitStack() as stack:
        folder = Path(name)
        peer, client, secure = free_ports(3)
        stack.enter_context(_running(folder, "etcd", [etcd, *_etcd_options(folder, client, peer)]))
        _write_credentials(folder)
        server = [str(programs / "kube-apiserver"), *_server_options(folder, client, secure)]
        stack.enter_context(_running(folder, "kube-apiserver", server))
        plane = ControlPlane(
            f"https://127.0.0.1:{secure}", _kubeconfig(folder, f"https://127.0.0.1:{secure}"), programs / "kubectl"
        )
        _await_ready(plane.url, folder)
        manager = [str(programs / "kube-controller-manager"), *_manager_options(folder, plane.kubeconfig)]
        stack.enter_context(_running(folder, "kube-controller-manager", manager))
        yield plane


def _etcd_options(folder: Path, client: int, peer: int) -> list[str]:
    return [
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls=http://127.0.0.1:{client}",
        f"--advertise-client-urls=http://127.0.0.1:{client}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-cluster=default=http://127.0.0.1:{peer}",
        "--unsafe-no-fsync",
    ]


def _server_options(folder: Path, etcd: int, port: int) -> list[str]:
    return [
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        f"--secure-port={port}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--cert-dir={folder / 'certificates'}",
        "--authorization-mode=RBAC",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://prlcoder.test",
        f"--service-account-signing-key-file={folder / 'account.key'}",
        f"--service-account-key-file={folder / 'account.key'}",
        "--endpoint-reconciler-type=none",  # loopback is no address for the service `kubernetes`
    ]


def _manager_options(folder: Path, kubeconfig: Path) -> list[str]:
    controllers = "job-controller,garbage-collector-controller,serviceaccount-controller,ttl-after-finished-controller"
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--controllers={controllers}",
        f"--service-account-private-key-file={folder / 'account.key'}",
        f"--cert-dir={folder / 'manager'}",
        f"--secure-port={free_ports(1)[0]}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
    ]


def _write_credentials(folder: Path) -> None:
    (folder / "tokens.csv").write_text(f'{ADMIN_TOKEN},admin,admin,"system:masters"\n')
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    (folder / "account.key").write_bytes(pem)


def _kubeconfig(folder: Path, url: str, token: str = ADMIN_TOKEN) -> Path:
    path = folder / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": url, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        "current-context": "test",
    }
    path.write_text(yaml.safe_dump(document))
    return path


@contextmanager
def _running(folder: Path, name: str, command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with open(folder / f"{name}.log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_ready(url: str, folder: Path) -> None:
    trusted = ssl._create_unverified_context()
    request = urllib.request.Request(f"{url}/readyz", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(request, context=trusted, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    log = (folder / "kube-apiserver.log").read_text(errors="replace")[-2000:]
    raise NoClusterError(f"the API server was not ready within {START_S:.0f} s: {log}")


def free_ports(count: int) -> list[int]:
    """Ports on loopback that nothing listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
