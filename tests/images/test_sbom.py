"""``images/sbom.py`` on a file system of four packages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "images" / "sbom.py"
STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u10
Description: GNU C Library
 Shared libraries.

Package: perl-doc
Status: deinstall ok config-files
Architecture: all
Version: 5.36.0-7
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The file system of an image with two Debian packages, of which one is removed, and two Python packages."""
    site = "opt/prlcoder/lib/python3.11/site-packages"
    files = {
        "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n',
        "var/lib/dpkg/status": STATUS,
        f"{site}/PyYAML-6.0.3.dist-info/METADATA": "Name: PyYAML\nVersion: 6.0.3\nLicense: MIT\n",
        f"{site}/grpcio-1.85.1.dist-info/METADATA": (
            "Name: grpcio\nVersion: 1.85.1\nLicense-Expression: Apache-2.0 AND MIT\n"
        ),
    }
    for name, text in files.items():
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text(text)
    return tmp_path / "root"


def written(root: Path, output: Path) -> str:
    """The document, which the script checks against CycloneDX's schema before it writes it."""
    pytest.importorskip("cyclonedx", reason="cyclonedx-python-lib is not installed (make setup)")
    about = ("--name", "prlcoder/x", "--version", "0.1.0", "--revision", "1234abcd", "--time", "1700000000")
    command = [sys.executable, str(SCRIPT), str(root), *about, "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return output.read_text(encoding="utf-8")


def test_the_document_names_what_is_installed(root: Path, tmp_path: Path) -> None:
    document: dict[str, Any] = json.loads(written(root, tmp_path / "x.cdx.json"))
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert {one["purl"] for one in document["components"]} == {
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64&distro=debian-12",
        "pkg:pypi/grpcio@1.85.1",
        "pkg:pypi/pyyaml@6.0.3",
    }
    licences = {one["name"]: one.get("licenses") for one in document["components"]}
    assert licences == {
        "libc6": None,
        "grpcio": [{"expression": "Apache-2.0 AND MIT"}],
        "PyYAML": [{"license": {"id": "MIT"}}],
    }
    about = document["metadata"]
    assert (about["component"]["name"], about["timestamp"]) == ("prlcoder/x", "2023-11-14T22:13:20+00:00")
    (whole,) = (one for one in document["dependencies"] if one["ref"] == "image")
    assert len(whole["dependsOn"]) == 3


def test_two_documents_of_one_image_are_equal(root: Path, tmp_path: Path) -> None:
    assert written(root, tmp_path / "first.json") == written(root, tmp_path / "second.json")
