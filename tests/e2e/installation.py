"""The chart on the cluster of the tests: the operator with two services, and the executor as a release of its own.

The services have TLS and tokens, and runs use them with the credentials in ``CREDENTIALS``.
"""

from __future__ import annotations

import json
import secrets
import tempfile
from pathlib import Path
from string import Template
from typing import Any, Final

from tests.e2e.certificates import service_certificate
from tests.e2e.cluster import NAMESPACE, Cluster

ROOT: Final = Path(__file__).resolve().parents[2]
CHART: Final = ROOT / "charts" / "prlcoder"
MANIFESTS: Final = Path(__file__).resolve().parent / "manifests"
RELEASE: Final = "prlcoder"
SYSTEM: Final = "prlcoder-system"
SANDBOX: Final = "prlcoder-sandbox"
EXECUTOR: Final = f"prlcoder-executor.{SANDBOX}.svc"
CERTIFICATE, TOKENS, CREDENTIALS = "services-certificate", "services-tokens", "prlcoder-credentials"
OWN_PROFILE: Final = {"type": "Localhost", "localhostProfile": "profiles/prlcoder-executor.json"}
WAIT: Final = ("--wait", "--timeout=300s")

Values = dict[str, Any]


def install(cluster: Cluster, image: str, policy_image: str = "") -> None:
    """Install everything, and return when it is ready. ``policy_image`` runs the policy servers of runs."""
    level = "privileged" if cluster.storage is None else "restricted"
    namespaces = Template((MANIFESTS / "namespaces.yaml").read_text(encoding="utf-8")).substitute(LEVEL=level)
    cluster.kubectl("apply", "-f", "-", text=namespaces)
    secured = _secrets()
    for namespace in (SYSTEM, SANDBOX):
        cluster.apply(*secured[:2], namespace=namespace)
    cluster.apply(*secured, namespace=NAMESPACE)
    profile = {"type": "Unconfined"} if cluster.storage is None else OWN_PROFILE
    helm_install(cluster, RELEASE, SANDBOX, executor_values(image, profile))
    helm_install(cluster, RELEASE, SYSTEM, operator_values(image, policy_image))
    reader = Template((MANIFESTS / "reader.yaml").read_text(encoding="utf-8")).substitute(IMAGE=image)
    cluster.kubectl("apply", "-f", "-", text=reader)
    cluster.kubectl("wait", "--for=condition=Ready", "pod/reader", "-n", NAMESPACE, "--timeout=300s")


def uninstall(cluster: Cluster) -> None:
    """Remove everything but the CRD."""
    for namespace in (SYSTEM, SANDBOX):
        cluster.helm("uninstall", RELEASE, "-n", namespace, check=False)
    for namespace in (NAMESPACE, SANDBOX, SYSTEM):
        cluster.kubectl("delete", "namespace", namespace, "--wait=false", check=False)


def helm_install(
    cluster: Cluster, name: str, namespace: str, values: Values, command: str = "install", chart: Path = CHART
) -> None:
    """Install or upgrade a release of the chart, and return when its pods are ready."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(values, file)
        file.flush()
        cluster.helm(command, name, str(chart), "-n", namespace, "-f", file.name, *WAIT)


def image_values(image: str) -> Values:
    """The values that name one image for everything."""
    name, _, tag = image.rpartition(":")
    own = {"image": name}
    services: Values = dict.fromkeys(("segmenter", "mutator", "executor", "prm", "policy"), own)
    return {"image": {"registry": "", "tag": tag}, "operator": {**own, "stageImage": name}, **services}


def merged(values: Values, *changes: Values) -> Values:
    """Values with changes, as Helm merges them."""
    result = dict(values)
    for change in changes:
        for key, value in change.items():
            old = result.get(key)
            result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def small(memory: str = "256Mi") -> Values:
    """Requests that leave the cores of a small node to stages."""
    return {"resources": {"requests": {"cpu": "50m", "memory": memory}}}


def guarded() -> Values:
    """TLS and tokens of a service."""
    return {"tls": {"secretName": CERTIFICATE}, "tokens": {"secretName": TOKENS}}


def operator_values(image: str, policy_image: str = "") -> Values:
    """The release with the operator, the segmenter and the mutator."""
    service = {**small(), **guarded(), "extraArgs": ["--workers", "1"]}
    own: Values = {
        "operator": {**small(), "resyncSeconds": 15},
        "runs": {"namespaces": [NAMESPACE], "credentials": {"secretName": CREDENTIALS}},
        "storage": {"accessModes": ["ReadWriteOnce"], "size": "10Gi"},
        "segmenter": service,
        "mutator": service,
        "executor": {"enabled": False, "address": f"tls://{EXECUTOR}:8103"},
    }
    other: Values = {"policy": {"image": policy_image.rpartition(":")[0]}} if policy_image else {}
    return merged(image_values(image), own, other)


def executor_values(image: str, seccomp_profile: Values) -> Values:
    """The release with the executor, in the namespace that allows its seccomp profile."""
    off: Values = {name: {"enabled": False} for name in ("operator", "segmenter", "mutator")}
    own: Values = {
        "crds": {"install": False},
        "rbac": {"userRoles": False},
        "storage": {"kind": "none"},
        "executor": {
            **small(),
            **guarded(),
            "runtimeClassName": "",
            "seccompProfile": seccomp_profile,
            "extraArgs": ["--workers", "2"],
        },
    }
    return merged(image_values(image), off, own)


def prm_values(image: str, model: str) -> Values:
    """A release with a PRM service only, in the namespace of runs, whose storage it reads."""
    off: Values = {name: {"enabled": False} for name in ("operator", "segmenter", "mutator", "executor")}
    own: Values = {
        "crds": {"install": False},
        "rbac": {"scope": "namespace", "userRoles": False},
        "runs": {"serviceAccount": "unused"},
        "storage": {"kind": "existing", "claim": "prlcoder-runs"},
        "prm": {**small("512Mi"), **guarded(), "enabled": True, "model": model},
    }
    return merged(image_values(image), off, own)


def copy_credentials(cluster: Cluster, namespace: str) -> None:
    """Give another namespace of runs the credentials."""
    secret = cluster.get("secret", CREDENTIALS)
    cluster.apply({**secret, "metadata": {"name": CREDENTIALS}}, namespace=namespace)


def _secrets() -> tuple[dict[str, Any], ...]:
    """The services' certificate and tokens, and the credentials of runs."""
    names = [f"prlcoder-{name}.{SYSTEM}.svc" for name in ("segmenter", "mutator")]
    made = service_certificate((*names, EXECUTOR, f"prlcoder-prm.{NAMESPACE}.svc", "localhost"))
    token = secrets.token_hex(32)
    pair = {name: made[name] for name in ("tls.crt", "tls.key")}
    return (
        _secret(CERTIFICATE, pair, "kubernetes.io/tls"),
        _secret(TOKENS, {"tokens": token}),
        _secret(CREDENTIALS, {"ca.crt": made["ca.crt"], "token": token}),
    )


def _secret(name: str, data: dict[str, str], kind: str = "Opaque") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": kind, "stringData": data}
