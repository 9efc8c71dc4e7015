"""The images as they are built: what lies in them, and that their programs work as a pod runs them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from tests.cluster.control_plane_or_skip import control_plane_or_skip
from tests.cluster.operator_process import eventually, training_run
from tests.images.built_image import EXECUTOR_PROFILE, ROOT, BuiltImage

from prlcoder.executor import ExecutionRequest, Verdict
from prlcoder.executor.serving.blocking import BlockingExecutor
from prlcoder.mutator.serving.client import BlockingMutator, CutProgram, Rules
from prlcoder.problems.model import CallTest, CallTests
from prlcoder.segmenter import SegmentationError, segment
from prlcoder.segmenter.serving.client import BlockingSegmenter

MEGABYTE: Final = 1_000_000
BUDGETS: Final = {"operator": 250 * MEGABYTE, "services": 350 * MEGABYTE, "executor": 350 * MEGABYTE}
CRD: Final = ROOT / "charts" / "prlcoder" / "files" / "trainingruns.yaml"
LABELS: Final = ("title", "description", "licenses", "version", "revision")
PROGRAM: Final = "def f(v0):\n    v1 = v0[1:]\n    return sum(v1)\n"
WRONG: Final = PROGRAM.replace("sum", "len")
SUMS: Final = CallTests("f", (CallTest(([1, 2, 4],), {}, 6),))

ImageOf = Callable[[str], BuiltImage]


def entries(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Every file and folder of an image, but no link."""
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            if not path.is_symlink():
                yield f"/{path.relative_to(root)}", path.lstat()


def test_only_tmp_can_be_written_and_no_file_grants_rights(image: BuiltImage) -> None:
    open_to_all = [path for path, about in entries(image.root) if about.st_mode & stat.S_IWOTH]
    granting = [path for path, about in entries(image.root) if about.st_mode & (stat.S_ISUID | stat.S_ISGID)]
    owned = [path for path, about in entries(image.root) if about.st_uid == 10001]
    assert (open_to_all, granting, owned) == (["/tmp"], [], [])


def test_no_file_names_an_index_or_this_machine(image: BuiltImage) -> None:
    assert (image.root / "etc/machine-id").read_bytes() == b""
    assert not (image.root / "etc/pip.conf").exists()
    assert list((image.root / "var/log").rglob("*.log")) == []


def test_the_user_is_not_root_and_the_labels_say_what_it_is(image: BuiltImage) -> None:
    assert image.settings["User"] == "10001:10001"
    labels = image.settings["Labels"]
    assert [name for name in LABELS if not labels.get(f"org.opencontainers.image.{name}")] == []
    assert image.name.split("-")[0] in labels["org.opencontainers.image.title"]


@pytest.mark.parametrize("name", BUDGETS)
def test_the_size_is_within_the_budget(image_of: ImageOf, name: str) -> None:
    size = image_of(name).size
    print(f"{name}: {size / MEGABYTE:.0f} MB")
    assert size < BUDGETS[name]


@pytest.mark.parametrize("name", ["services", "executor", "trainer-cpu", "policy-cpu"])
def test_the_command_works_on_a_read_only_root(image_of: ImageOf, name: str) -> None:
    image = image_of(name)
    done = image.run(*image.settings["Entrypoint"], "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: prlcoder")


def test_the_operator_reconciles_a_run(image_of: ImageOf, tmp_path: Path) -> None:
    image = image_of("operator")
    with control_plane_or_skip() as plane:
        plane.install(CRD, "trainingruns.prlcoder.dev")
        readable = tmp_path / "kubeconfig"
        readable.write_bytes(plane.kubeconfig.read_bytes())
        readable.chmod(0o644)
        with image.started(
            *image.settings["Entrypoint"],
            files={"/tmp/kubeconfig": readable},
            KUBECONFIG="/tmp/kubeconfig",
            PRLCODER_OPERATOR_IMAGE="prlcoder/trainer",
            PRLCODER_OPERATOR_PROBE_PORT="0",
        ):
            plane.apply(training_run("by-image"))
            (job,) = eventually(lambda: plane.get("jobs")["items"] or None, "a Job of the run")
            eventually(lambda: plane.get("trun", "by-image").get("status", {}).get("phase"), "the phase")
    assert job["metadata"]["name"].startswith("by-image-")


@contextmanager
def served(image: BuiltImage, service: str, *options: str, seccomp: Path | None = None) -> Iterator[str]:
    """The address of a service in a container."""
    command = ("prlcoder", "serve", service, "--insecure", "--port=0", "--metrics-port=0", *options)
    with image.started(*command, seccomp=seccomp) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        found = re.search(r"grpc on (127\.0\.0\.1:\d+)", line)
        assert found, line or process.stderr.read()
        yield found[1]


def test_the_executor_judges_programs_in_its_sandbox(image_of: ImageOf) -> None:
    options = ("--profile=namespaces", "--workers=1")
    with (
        served(image_of("executor"), "executor", *options, seccomp=EXECUTOR_PROFILE) as address,
        BlockingExecutor(address) as client,
    ):
        results = [client.execute(ExecutionRequest(program, SUMS)) for program in (PROGRAM, WRONG)]
    assert [(result.verdict, result.profile) for result in results] == [
        (Verdict.PASSED, "namespaces"),
        (Verdict.WRONG_ANSWER, "namespaces"),
    ]


def test_the_services_segment_and_mutate(image_of: ImageOf) -> None:
    image = image_of("services")
    with served(image, "segmenter") as address, BlockingSegmenter(address) as segmenter:
        (segments,) = segmenter.segment([PROGRAM], "line")
    assert segments == segment(PROGRAM, "line")
    assert not isinstance(segments, SegmentationError)
    with served(image, "mutator", "--workers=1") as address, BlockingMutator(address) as mutator:
        (variants,) = mutator.propose([CutProgram("p", PROGRAM, segments)], Rules())
    assert any(variants.values())


@pytest.mark.parametrize("name", ["trainer", "policy", "trainer-cpu", "policy-cpu"])
def test_the_trainer_and_the_policy_server_have_the_layer_of_torch(image_of: ImageOf, name: str) -> None:
    layers = image_of(name).layers
    torch = image_of("torch-cpu" if name.endswith("-cpu") else "torch").layers
    assert (len(torch), len(layers)) == (2, 3)  # the base's, torch's, and their own
    assert layers[:2] == torch


@pytest.mark.parametrize("name", ["trainer-cpu", "policy-cpu"])
def test_torch_computes_a_gradient_without_what_only_a_gpu_loads(image_of: ImageOf, name: str) -> None:
    program = "import torch; x = torch.ones(3, requires_grad=True); (x * x).sum().backward(); print(x.grad.tolist())"
    done = image_of(name).run("python", "-c", program)
    assert done.stdout == "[2.0, 2.0, 2.0]\n", done.stderr


def test_the_policy_server_imports_vllm(image_of: ImageOf) -> None:
    done = image_of("policy-cpu").run("python", "-c", "from vllm import AsyncEngineArgs; print('imported')")
    assert done.stdout.endswith("imported\n"), done.stderr
