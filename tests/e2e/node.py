"""A Kubernetes cluster of one node in namespaces of its own: etcd, the control plane, containerd and the kubelet."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import yaml
from tests.cluster.binaries import CACHE, NoClusterError
from tests.e2e import binaries, gvisor_shim
from tests.e2e.certificates import write_certificates
from tests.e2e.cluster import Cluster
from tests.e2e.control_groups import remove_pod_groups
from tests.e2e.cpu_image import prepared_root
from tests.e2e.namespaces import Namespaces, namespaces
from tests.e2e.oci_image import Image, Layer

NODE_NAME: Final = "e2e"
NODE_ADDRESS: Final = "10.231.0.2"
SERVICE_RANGE: Final = "10.96.0.0/16"
FIRST_SERVICE: Final = "10.96.0.1"  # the address of the Service `kubernetes`
API_NAME: Final = "kubernetes.default.svc"
DNS_DOMAIN: Final = "cluster.local"
POD_RANGE: Final = "10.88.0.0/16"
URL: Final = f"https://{NODE_ADDRESS}:6443"
SECCOMP_PROFILE: Final = Path(__file__).resolve().parents[2] / "charts" / "prlcoder" / "files" / "executor-seccomp.json"
START_S: Final = 300.0
USERS: Final = {  # token and user of each kubeconfig, and the user's group
    "admin": ("admin", "system:masters"),
    "kubelet": (f"system:node:{NODE_NAME}", "system:nodes"),
}


@contextmanager
def node(base: Image, images: Sequence[Image]) -> Iterator[Cluster]:
    """A cluster with these images on its node; their lower layers are those of ``base``.

    ``NoClusterError`` where it cannot run.

    However this process ends, the kernel ends the node's processes. Only control groups and a folder in the cache may
    stay behind then; the next start removes them.
    """
    kubernetes, containerd = binaries.kubernetes(), binaries.CONTAINERD.built()
    binaries.COREDNS.built()
    with open(CACHE / "e2e.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two kubelets on one machine would end each other's pods
        remove_pod_groups()
        for left in CACHE.glob("e2e-*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        with _started(kubernetes, containerd, base, images) as cluster:
            yield cluster


@contextmanager
def _started(kubernetes: Path, containerd: Path, base: Image, images: Sequence[Image]) -> Iterator[Cluster]:
    # Beside the prepared images, whose files are linked into the node's folder.
    folder = tempfile.TemporaryDirectory(prefix="e2e-", dir=CACHE, ignore_cleanup_errors=True)
    with folder as name, ExitStack() as stack:
        stack.callback(remove_pod_groups)
        started = _Node(Path(name), stack.enter_context(namespaces(NODE_ADDRESS)), kubernetes, containerd)
        stack.callback(started.stop)
        started.start_control_plane()
        started.start_containerd(base, images)
        started.start_dns()
        started.start_kubelet()
        yield started.cluster


class _Node:
    def __init__(self, folder: Path, inside: Namespaces, kubernetes: Path, containerd: Path) -> None:
        self._folder, self._inside, self._kubernetes, self._containerd = folder, inside, kubernetes, containerd
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        for part in ("kubelet", "cni", "cni-state", "storage", "pod-logs", "volume-plugins"):
            (folder / part).mkdir()
        kubeconfig = str(folder / "admin.kubeconfig")
        self.cluster = Cluster(
            command=(*inside.command(str(kubernetes / "kubectl")), "--kubeconfig", kubeconfig),
            inside=tuple(inside.command()),
            helm_options=("--kubeconfig", kubeconfig),
            storage=folder / "storage",
            processes=self._processes,
        )

    def start_control_plane(self) -> None:
        """Start etcd, the API server, the controllers and the scheduler."""
        folder, admin = self._folder, f"--kubeconfig={self._folder / 'admin.kubeconfig'}"
        write_certificates(folder, (NODE_ADDRESS, FIRST_SERVICE, "127.0.0.1"), (API_NAME,))
        rows = (f'{name}-token,{user},{name},"{group}"' for name, (user, group) in USERS.items())
        (folder / "tokens.csv").write_text("\n".join(rows) + "\n")
        for user in USERS:
            _write_kubeconfig(folder, user)
        etcd = shutil.which("etcd")
        assert etcd is not None
        self._start("etcd", etcd, f"--data-dir={folder / 'etcd'}", "--unsafe-no-fsync")
        self._start("kube-apiserver", str(self._kubernetes / "kube-apiserver"), *_server_options(folder))
        self._await("the API server", lambda: self.cluster.kubectl("get", "--raw", "/readyz", check=False).returncode)
        self._start(
            "kube-controller-manager",
            str(self._kubernetes / "kube-controller-manager"),
            *(admin, "--leader-elect=false", "--use-service-account-credentials"),
            *(f"--root-ca-file={folder / 'ca.crt'}", f"--service-account-private-key-file={folder / 'account.key'}"),
            *(f"--cert-dir={folder / 'manager'}", f"--cluster-cidr={POD_RANGE}"),
        )
        self._start(
            "kube-scheduler",
            str(self._kubernetes / "kube-scheduler"),
            *(admin, "--leader-elect=false", f"--cert-dir={folder / 'scheduler'}"),
        )

    def start_containerd(self, base: Image, images: Sequence[Image]) -> None:
        """Start containerd and give it the images; a pod that comes earlier would ask the internet for them."""
        (self._folder / "cni" / "10-pods.conflist").write_text(_network(self._folder))
        prepared = prepared_root()
        if not prepared.exists():
            shutil.rmtree(unfinished := prepared.with_suffix(".unfinished"), ignore_errors=True)
            self._run_containerd(unfinished)
            self._load(base)
            subprocess.run(self._inside.command("pkill", "-TERM", "-x", "containerd"), check=True)
            self._processes.pop("containerd").wait()
            unfinished.rename(prepared)
            base.layers[-1].path.unlink()  # gigabytes that the prepared folder holds
        _link_tree(prepared, self._folder / "containerd")
        self._run_containerd(self._folder / "containerd")
        for image in images:
            self._load(image, present=base.layers)

    def _run_containerd(self, root: Path) -> None:
        settings, path = self._folder / "containerd.toml", f"{self._containerd}:/usr/sbin:/usr/bin:/sbin:/bin"
        text = _containerd_settings(self._folder, root)
        if gvisor_shim.built():  # without it, pods with gVisor's runtime class cannot start here
            (self._folder / "runsc.toml").write_text(gvisor_shim.settings())
            text, path = text + _gvisor_settings(self._folder), f"{gvisor_shim.folder()}:{path}"
        settings.write_text(text)
        program = str(self._containerd / "containerd")
        self._start("containerd", "env", f"PATH={path}", program, "--config", str(settings))
        version = [*self._ctr(), "version"]
        self._await("containerd", lambda: subprocess.run(version, capture_output=True, check=False).returncode)

    def _load(self, image: Image, present: Sequence[Layer] = ()) -> None:
        command = [*self._ctr(), "--namespace", "k8s.io", "images", "import", "--snapshotter", "overlayfs", "-"]
        with open(self._folder / "import.log", "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        assert process.stdin is not None
        with process.stdin as pipe:
            image.write(pipe, present)
        if process.wait() != 0:
            raise NoClusterError(f"the image {image.name} was refused: {_end(self._folder / 'import.log')}")

    def _ctr(self) -> list[str]:
        return self._inside.command(str(self._containerd / "ctr"), "--address", str(self._folder / "containerd.sock"))

    def start_dns(self) -> None:
        """Start CoreDNS on the node's own address. Nothing is asked outside the cluster."""
        (self._folder / "Corefile").write_text(_dns_settings(self._folder))
        program = str(binaries.COREDNS.target / "coredns")
        self._start("coredns", program, "-conf", str(self._folder / "Corefile"))

    def start_kubelet(self) -> None:
        """Start the kubelet and the proxy, and wait until pods can be scheduled."""
        folder = self._folder
        (folder / "resolv.conf").write_text("")
        profiles = folder / "kubelet" / "seccomp" / "profiles"
        profiles.mkdir(parents=True)
        shutil.copy(SECCOMP_PROFILE, profiles / "prlcoder-executor.json")
        (folder / "kubelet.yaml").write_text(yaml.safe_dump(_kubelet_settings(folder)))
        self._start(
            "kubelet",
            str(self._kubernetes / "kubelet"),
            *(f"--config={folder / 'kubelet.yaml'}", f"--kubeconfig={folder / 'kubelet.kubeconfig'}"),
            *(f"--root-dir={folder / 'kubelet'}", f"--cert-dir={folder / 'kubelet' / 'pki'}"),
            *(f"--hostname-override={NODE_NAME}", f"--node-ip={NODE_ADDRESS}"),
        )
        self._start(
            "kube-proxy",
            str(self._kubernetes / "kube-proxy"),
            *(f"--kubeconfig={folder / 'admin.kubeconfig'}", f"--hostname-override={NODE_NAME}"),
            *("--proxy-mode=iptables", f"--cluster-cidr={POD_RANGE}", "--conntrack-max-per-core=0"),
            *("--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0"),
        )
        self._await("the node", self._node_is_missing)
        self.cluster.kubectl("wait", "--for=condition=Ready", f"node/{NODE_NAME}", "--timeout=300s")

    def stop(self) -> None:
        """End what was started, pods' processes included."""
        for process in self._processes.values():
            process.kill()
            process.wait()
        if kept := os.environ.get("PRLCODER_E2E_LOGS"):  # a folder for the logs of the node's programs
            Path(kept).mkdir(parents=True, exist_ok=True)
            for log in self._folder.glob("*.log"):
                shutil.copy(log, kept)

    def _node_is_missing(self) -> int:
        return self.cluster.kubectl("get", "node", NODE_NAME, check=False).returncode

    def _start(self, name: str, *command: str) -> None:
        with open(self._folder / f"{name}.log", "ab") as log:
            self._processes[name] = subprocess.Popen(
                self._inside.command(*command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder
            )

    def _await(self, what: str, fails: Callable[[], int]) -> None:
        deadline = time.monotonic() + START_S
        while fails():
            dead = [name for name, process in self._processes.items() if process.poll() is not None]
            if dead or time.monotonic() > deadline:
                told = "\n".join(f"{name}: {_end(self._folder / f'{name}.log')}" for name in dead or self._processes)
                raise NoClusterError(f"{what} did not start; the last lines of the logs:\n{told}")
            time.sleep(0.2)


def unmet() -> str | None:
    """Why a node cannot run on this machine, or None."""
    if os.geteuid() != 0 or sys.platform != "linux":
        return "a node needs Linux and root; give PRLCODER_E2E_CONTEXT, a context of your kubeconfig, to use a cluster"
    needed = ("etcd", "runc", "debootstrap", "iptables", "conntrack", "ip", "nsenter", "unshare", "setpriv")
    if missing := [name for name in needed if shutil.which(name) is None]:
        return f"{', '.join(missing)}: not on this machine (on Debian: make setup-e2e)"
    if not Path("/usr/lib/cni/bridge").exists():
        return "/usr/lib/cni/bridge is missing (on Debian: apt install containernetworking-plugins)"
    if shutil.which("kubelet") is not None:
        return "this machine has a kubelet of its own; give PRLCODER_E2E_CONTEXT, a context of your kubeconfig"
    if shutil.which("go") is None and not binaries.built():
        return "the node's programs are not built, and there is no go to build them (make setup-e2e)"
    return None


def _server_options(folder: Path) -> list[str]:
    return [
        "--etcd-servers=http://127.0.0.1:2379",
        "--bind-address=0.0.0.0",
        f"--advertise-address={NODE_ADDRESS}",
        f"--tls-cert-file={folder / 'server.crt'}",
        f"--tls-private-key-file={folder / 'server.key'}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--token-auth-file={folder / 'tokens.csv'}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={folder / 'account.key'}",
        f"--service-account-key-file={folder / 'account.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--allow-privileged=true",
    ]


def _containerd_settings(folder: Path, root: Path) -> str:
    return f"""\
version = 3
root = "{root}"
state = "{folder}/containerd-state"
disabled_plugins = ["io.containerd.nri.v1.nri"]

[grpc]
address = "{folder}/containerd.sock"

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "prlcoder.test/pause:1"

[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "{folder}/cni"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = "{shutil.which("runc")}"
"""


def _gvisor_settings(folder: Path) -> str:
    return f"""\

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runsc]
runtime_type = "io.containerd.runsc.v1"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runsc.options]
TypeUrl = "io.containerd.runsc.v1.options"
ConfigPath = "{folder}/runsc.toml"
"""


def _dns_settings(folder: Path) -> str:
    return f"""\
.:53 {{
    bind {NODE_ADDRESS}
    errors
    kubernetes {DNS_DOMAIN} in-addr.arpa ip6.arpa {{
        kubeconfig {folder}/admin.kubeconfig
        ttl 1
    }}
}}
"""


def _network(folder: Path) -> str:
    addresses = {
        "type": "host-local",
        "dataDir": str(folder / "cni-state"),
        "ranges": [[{"subnet": "10.88.0.0/24"}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": "pods0", "isGateway": True, "ipMasq": True, "hairpinMode": True}
    return json.dumps({"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge | {"ipam": addresses}]})


def _kubelet_settings(folder: Path) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        # Only the node itself reaches the kubelet: its network is a namespace without a way out.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "clusterDNS": [NODE_ADDRESS],
        "clusterDomain": DNS_DOMAIN,
        "failSwapOn": False,
        "failCgroupV1": False,
        "containerRuntimeEndpoint": f"unix://{folder}/containerd.sock",
        "evictionHard": dict.fromkeys(("memory.available", "nodefs.available", "imagefs.available"), "1%"),
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "resolvConf": str(folder / "resolv.conf"),
        "podLogsDir": str(folder / "pod-logs"),
        "volumePluginDir": str(folder / "volume-plugins"),
    }


def _write_kubeconfig(folder: Path, user: str) -> None:
    cluster = {"server": URL, "certificate-authority": str(folder / "ca.crt")}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "e2e", "cluster": cluster}],
        "users": [{"name": user, "user": {"token": f"{user}-token"}}],
        "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": user}}],
        "current-context": "e2e",
    }
    (folder / f"{user}.kubeconfig").write_text(yaml.safe_dump(document))


def _link_tree(source: Path, target: Path) -> None:
    """A copy whose files are links, but for the databases: containerd never changes layers and blobs in place."""
    subprocess.run(["cp", "--archive", "--link", str(source), str(target)], check=True)
    for database in target.rglob("*.db"):
        content = source / database.relative_to(target)
        database.unlink()
        shutil.copy2(content, database)


def _end(log: Path) -> str:
    return log.read_text(errors="replace")[-1500:] if log.exists() else ""
