"""What is committed is what a real API server accepts, with strict validation."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.cluster.control_plane import ControlPlane
from tests.cluster.operator_process import eventually, operator, pod_of, training_run

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").rglob("*.yaml"))
ALL_GOLDEN = sorted((Path(__file__).resolve().parents[1] / "operator" / "golden").glob("*.yaml"))
JOB_SETS = [path for path in ALL_GOLDEN if "kind: JobSet" in path.read_text(encoding="utf-8")]
GOLDEN = [path for path in ALL_GOLDEN if path not in JOB_SETS]
JOB_SET_VERSION = "v0.12.0"


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_job_is_accepted(plane: ControlPlane, path: Path) -> None:
    manifests = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    for manifest in manifests:
        pod = manifest.get("spec", {}).get("template", {}).get("spec", {})
        pod.pop("priorityClassName", None)  # the class itself is the cluster's affair
    text = yaml.safe_dump_all(manifests)
    plane.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", text=text)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_accepted(plane: ControlPlane, path: Path) -> None:
    plane.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", str(path))


def test_a_misspelt_field_is_refused_by_name(plane: ControlPlane) -> None:
    run = training_run("typo", segmentatoin="line")
    done = plane.kubectl("apply", "--validate=strict", "-f", "-", text=yaml.safe_dump(run), check=False)
    assert done.returncode != 0
    assert 'unknown field "spec.segmentatoin"' in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": {}}, "give exactly one of `path` and `scratch`"),
        ({"segmentation": "sentence"}, 'supported values: "line", "block"'),
        ({"supervision": {"teachers": [{"kind": "llm"}]}}, "kind"),
    ],
)
def test_a_wrong_spec_is_refused_with_the_field_and_the_fix(
    plane: ControlPlane, change: dict[str, object], message: str
) -> None:
    text = yaml.safe_dump(training_run("wrong", **change))
    done = plane.kubectl("apply", "-f", "-", text=text, check=False)
    assert done.returncode != 0
    assert message in done.stderr


def test_explain_reads_like_documentation(plane: ControlPlane) -> None:
    text = plane.kubectl("explain", "trainingrun.spec.policy.learningRate").stdout
    assert "Peak learning rate." in text


@pytest.fixture(scope="module")
def job_set_type(plane: ControlPlane) -> None:
    """The type JobSet, from its published Go module."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("there is no go to fetch JobSet's CRD with")
    done = subprocess.run(
        [go, "mod", "download", "-json", f"sigs.k8s.io/jobset@{JOB_SET_VERSION}"],
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"JobSet's module cannot be fetched: {done.stdout[-200:]}{done.stderr[-200:]}")
    folder = Path(json.loads(done.stdout)["Dir"]) / "config" / "components" / "crd" / "bases"
    plane.install(folder / "jobset.x-k8s.io_jobsets.yaml", "jobsets.jobset.x-k8s.io")


@pytest.mark.parametrize("path", JOB_SETS, ids=lambda path: path.stem)
@pytest.mark.usefixtures("job_set_type")
def test_a_golden_job_set_is_accepted(plane: ControlPlane, path: Path) -> None:
    plane.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", str(path))


@pytest.mark.usefixtures("job_set_type")
def test_a_stage_with_several_nodes_is_a_job_set(plane: ControlPlane, tmp_path: Path) -> None:
    """JobSet's own controller does not run here; this test plays its part."""
    with operator(plane, tmp_path / "log"):
        plane.apply(training_run("group", stages={"pretrain": {"nodes": 2}}))
        found = eventually(lambda: plane.get("jobsets", "-l", "prlcoder.dev/run=group")["items"] or None, "the JobSet")
        (group,) = found
        assert group["metadata"]["name"] == "group-pretrain"
        assert plane.get("jobs", "-l", "prlcoder.dev/run=group")["items"] == []
        ended = {"type": "Completed", "status": "True", "reason": "AllJobsCompleted", "message": "done"}
        ended["lastTransitionTime"] = "2026-01-01T00:00:00Z"
        plane.set_status("jobset", "group-pretrain", {"restarts": 0, "conditions": [ended]})
        pod_of(plane, "supervise", "group")
        eventually(lambda: plane.get("trun", "group")["status"]["stages"][0]["state"] == "Done" or None, "the end")
