"""What every Dockerfile of ``images/`` must have: these facts need no builder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = sorted((ROOT / "images").glob("*/Dockerfile"))
BUILT = [path for path in DOCKERFILES if path.parent.name != "base"]


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_the_base_image_is_an_argument_and_nothing_runs_as_root(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.search(r"^ARG BASE=\S+\nFROM \$\{BASE\}", text, re.MULTILINE)
    last_stage = text[text.rindex("\nFROM ") :]
    users = re.findall(r"^USER (\S+)", last_stage, re.MULTILINE)
    assert users == (["10001:10001"] if path.parent.name == "base" else [])  # the others inherit the base's user
    assert "org.opencontainers.image.title" in last_stage


@pytest.mark.parametrize("path", BUILT, ids=lambda path: path.parent.name)
def test_packages_come_from_hashed_requirements_alone(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    installs = re.findall(r"pip [^&\n]*install[^&\n]*", text)
    assert installs
    for line in installs:
        assert "--require-hashes" in line or line.rstrip().endswith("--no-deps /dist/*.whl"), line
    for name in re.findall(r"-r (requirements/\S+\.txt)", text):
        assert "--hash=sha256:" in (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", BUILT, ids=lambda path: path.parent.name)
def test_what_is_copied_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    sources = [name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for name in line.split()]
    assert sources
    assert [name for name in sources if not (ROOT / name).exists()] == []


def test_the_build_script_knows_every_image() -> None:
    listed = re.search(r"names=\(([a-z ]+)\)", (ROOT / "images" / "build.sh").read_text(encoding="utf-8"))
    assert listed is not None
    assert sorted(listed[1].split()) == sorted(path.parent.name for path in BUILT)
