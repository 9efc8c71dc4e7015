"""What is committed is what a real API server accepts, with strict validation."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.cluster.control_plane import ControlPlane
from tests.cluster.operator_process import training_run

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").rglob("*.yaml"))
GOLDEN = sorted((Path(__file__).resolve().parents[1] / "operator" / "golden").glob("*.yaml"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_job_is_accepted(plane: ControlPlane, path: Path) -> None:
    job = yaml.safe_load(path.read_text(encoding="utf-8"))
    job["spec"]["template"]["spec"].pop("priorityClassName", None)  # the class itself is the cluster's affair
    text = yaml.safe_dump(job)
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
