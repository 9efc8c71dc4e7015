"""The executor's pod holds hostile programs, under gVisor and under runc, in namespaces of the level `restricted`."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from tests.e2e import gvisor_shim
from tests.e2e.cluster import Cluster
from tests.e2e.installation import (
    CERTIFICATE,
    RELEASE,
    ROOT,
    SANDBOX,
    TOKENS,
    Values,
    executor_values,
    helm_install,
    merged,
)

from agreement import mutants
from prlcoder.problems.reading import read

GVISOR: Final = "prlcoder-gvisor"  # the namespace, whose pods all run under gVisor
RUNTIME_CLASS: Final = {
    "apiVersion": "node.k8s.io/v1",
    "kind": "RuntimeClass",
    "metadata": {"name": "gvisor"},
    "handler": "runsc",
}
# What a jail cannot have there: tests/executor/gvisor and tests/executor/runc say the same without a cluster.
LACKING: Final = {GVISOR: {"own process tree", "control group"}, SANDBOX: {"control group"}}
SANDBOX_TESTS: Final = "executor/sandbox"
THERE: Final = "/tmp/attacks"  # the pod's own folder
TEST_PACKAGES: Final = ("pytest", "_pytest", "pluggy", "iniconfig", "pygments", "py", "pytest_timeout")
EXECUTE: Final = (
    "cat > /tmp/programs.jsonl && exec prlcoder execute --problems nano --programs /tmp/programs.jsonl"
    " --cpu-limit 2 --wall-limit 60 --workers 1"
)
PROFILES: Final = pytest.mark.parametrize("namespace", [GVISOR, SANDBOX])


@pytest.fixture(scope="module")
def under_gvisor(cluster: Cluster, image: str) -> Iterator[None]:
    """An executor under gVisor, beside the installation's own one under runc."""
    if cluster.storage is None:
        pytest.skip("the runtime class of gVisor is that of our own node")
    if not gvisor_shim.built():
        pytest.skip("gVisor's shim is not built (make setup-e2e)")
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": GVISOR, "labels": labels}}
    cluster.kubectl("apply", "-f", "-", text=json.dumps(namespace))
    cluster.kubectl("apply", "-f", "-", text=json.dumps(RUNTIME_CLASS))
    for name in (CERTIFICATE, TOKENS):
        secret = cluster.get("secret", name, namespace=SANDBOX)
        cluster.apply({**secret, "metadata": {"name": name}}, namespace=GVISOR)
    own: Values = {"executor": {"runtimeClassName": "gvisor", "startupSeconds": 300}}
    helm_install(cluster, RELEASE, GVISOR, merged(executor_values(image, {"type": "RuntimeDefault"}), own))
    yield
    cluster.helm("uninstall", RELEASE, "-n", GVISOR, "--wait", "--timeout=300s")
    cluster.kubectl("delete", "namespace", GVISOR, "--wait=false")


@pytest.mark.usefixtures("under_gvisor")
@PROFILES
def test_the_doctor_finds_every_layer(cluster: Cluster, namespace: str) -> None:
    done = _in_executor(cluster, namespace, "prlcoder", "doctor", "--sandbox", "--json")
    states = {finding["check"]: finding["state"] for finding in json.loads(done)}
    assert {name for name, state in states.items() if state != "ok"} == LACKING[namespace]


@pytest.mark.usefixtures("under_gvisor")
@PROFILES
def test_the_attacks_fail(cluster: Cluster, namespace: str) -> None:
    _copy_tests(cluster, namespace)
    environment = [f"PYTHONPATH={THERE}/packages:{THERE}", "PYTHONDONTWRITEBYTECODE=1", "HOME=/tmp"]
    command = ["python", "-m", "pytest", "-p", "no:cacheprovider", "-p", "pytest_timeout", "--rootdir", THERE, "-q"]
    left_out = ["-m", "not namespaces_profile"] if namespace == GVISOR else []
    inside = f'cd {THERE} && exec env "$@"'
    told = _in_executor(
        cluster,
        namespace,
        *("sh", "-c", inside, "sh", *environment, *command, *left_out, f"{THERE}/tests/{SANDBOX_TESTS}/attacks"),
    )
    assert " passed" in told.splitlines()[-1], told


@pytest.mark.usefixtures("under_gvisor")
def test_both_give_the_same_verdicts(cluster: Cluster) -> None:
    problems = list(read("nano"))[::60]
    rows = [{"problem_id": problem.id, "program": problem.canonical} for problem in problems]
    rows += [{"problem_id": mutant.problem.id, "program": mutant.program} for mutant in mutants(problems, 25)]
    programs = "".join(json.dumps(row) + "\n" for row in rows)
    found = {}
    for namespace, profile in ((SANDBOX, "namespaces"), (GVISOR, "gvisor")):
        told = _in_executor(cluster, namespace, "sh", "-c", EXECUTE, text=programs)
        results = [json.loads(line) for line in told.splitlines()]
        assert {row["profile"] for row in results} == {profile}
        found[profile] = [(row["verdict"], row["reason"], row["tests_passed"]) for row in results]
    assert found["gvisor"] == found["namespaces"]
    assert len({verdict for verdict, _, _ in found["gvisor"]}) > 1


def _in_executor(cluster: Cluster, namespace: str, *command: str, text: str | None = None) -> str:
    """What a command prints in the executor's container."""
    where = ("exec", "-i", "-n", namespace, "deployment/prlcoder-executor", "--")
    done = cluster.kubectl(*where, *command, text=text, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _copy_tests(cluster: Cluster, namespace: str) -> None:
    """Copy the tests into the container, and pytest, which the image does not have."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.add(ROOT / "tests" / SANDBOX_TESTS, f"tests/{SANDBOX_TESTS}", filter=_sources)
        tar.add(ROOT / "pyproject.toml", "pyproject.toml")
        for name in TEST_PACKAGES:
            found = importlib.util.find_spec(name)
            assert found is not None
            assert found.origin is not None
            origin = Path(found.origin)
            place = origin.parent if origin.name == "__init__.py" else origin
            tar.add(place, f"packages/{place.name}", filter=_sources)
    unpack = f"mkdir -p {THERE} && base64 -d > {THERE}.tar && python3 -m tarfile -e {THERE}.tar {THERE}"
    _in_executor(cluster, namespace, "sh", "-c", unpack, text=base64.b64encode(archive.getvalue()).decode())


def _sources(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in member.name else member
