"""What every Dockerfile of ``images/`` must have: these facts need no builder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "images"
DOCKERFILES = sorted(IMAGES.glob("*/Dockerfile"))
WITH_PACKAGES = [path for path in DOCKERFILES if path.parent.name != "base"]


def last_stage(path: Path) -> str:
    """The instructions that make the image."""
    text = path.read_text(encoding="utf-8")
    return text[text.rindex("\nFROM ") :]


def test_the_images_are_those_of_the_contract() -> None:
    names = {path.parent.name for path in DOCKERFILES}
    assert names == {"base", "operator", "services", "executor", "torch", "trainer", "policy"}


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_the_base_image_is_an_argument_and_nothing_runs_as_root(path: Path) -> None:
    assert re.search(r"^ARG BASE=\S+\nFROM \$\{BASE\} AS ", path.read_text(encoding="utf-8"), re.MULTILINE)
    users = re.findall(r"^USER (\S+)", last_stage(path), re.MULTILINE)
    assert users == (["10001:10001"] if path.parent.name == "base" else [])  # the others inherit the base's user
    assert "org.opencontainers.image.title" in last_stage(path)


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_the_last_stage_runs_nothing_and_adds_one_layer(path: Path) -> None:
    stage = last_stage(path)
    assert re.findall(r"^(?:RUN|ADD)\b", stage, re.MULTILINE) == []
    assert len(re.findall(r"^COPY --from=", stage, re.MULTILINE)) == 1


@pytest.mark.parametrize("path", WITH_PACKAGES, ids=lambda path: path.parent.name)
def test_packages_are_installed_by_the_script_from_hashed_requirements(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\bpip\b[^,\n]* install", text)
    (files,) = re.findall(r"sh images/install\.sh packages (\S+)$", text, re.MULTILINE)
    for variant in ("cpu", "cuda"):
        name = files.strip('"').replace("${VARIANT}", variant)
        assert "--hash=sha256:" in (ROOT / name).read_text(encoding="utf-8")


def test_the_script_installs_requirements_with_hashes_and_the_checkout_without_its_dependencies() -> None:
    script = (IMAGES / "install.sh").read_text(encoding="utf-8")
    installs = re.findall(r"^ +(?:install|/build\S+ -m pip install) (.*)$", script, re.MULTILINE)
    assert installs == [
        "--require-hashes -r requirements/build.txt",
        '--require-hashes -r "$2"',
        "/dist/*.whl",
    ]
    assert "install --no-deps --no-compile" in script


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_what_is_copied_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    sources = [name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for name in line.split()]
    assert sources
    assert [name for name in sources if not (ROOT / name).exists()] == []


def test_the_packages_of_torch_are_the_same_in_every_image_that_begins_with_it() -> None:
    """Otherwise a later layer would hold a second version of a package."""
    torch = pinned("torch")
    for name in ("run", "vllm-cpu", "vllm-cuda"):
        assert torch.items() <= pinned(name).items(), name


def pinned(name: str) -> dict[str, set[str]]:
    """The versions of each package in a file of requirements; markers may choose among several."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    found: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE):
        found.setdefault(package, set()).add(version)
    return found


def test_the_build_script_knows_every_image() -> None:
    script = (IMAGES / "build.sh").read_text(encoding="utf-8")
    listed = re.search(r"names=\(([a-z ]+)\)", script)
    assert listed is not None
    assert {*listed[1].split(), "base", "torch"} == {path.parent.name for path in DOCKERFILES}
