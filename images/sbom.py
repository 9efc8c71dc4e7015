"""Writes a CycloneDX 1.6 document of what an image holds: its Debian packages and its Python packages.

    python images/sbom.py ROOT --name prlcoder/operator --version 0.1.0 --revision COMMIT --time SECONDS --output FILE

ROOT is the image's file system. Debian's packages are those that ``var/lib/dpkg/status`` calls installed, and Python's
are those with metadata in ``opt/prlcoder``. The document of an image is the same however often it is written. It is
checked against CycloneDX's own schema before it is written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_string
from email.message import Message
from importlib import metadata
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

MAX_LICENSE_CHARACTERS = 100  # longer values of the field `License` are the licence's whole text


@dataclass(frozen=True)
class ImageIdentity:
    """Which image it is. ``built`` is the time of its commit."""

    name: str
    version: str
    revision: str
    built: datetime


def main() -> int:
    """Write the document."""
    parser = argparse.ArgumentParser(description="Write a CycloneDX document of an image.")
    parser.add_argument("root", type=Path)
    for name in ("name", "version", "revision"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--time", type=int, required=True, help="of the commit, in seconds since 1970")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    built = datetime.fromtimestamp(arguments.time, UTC)
    image = ImageIdentity(arguments.name, arguments.version, arguments.revision, built)
    text = document(image, [*debian_packages(arguments.root), *python_packages(arguments.root)])
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        print(f"images/sbom.py: {arguments.output} would not be valid: {error}", file=sys.stderr)
        return 1
    arguments.output.write_text(text, encoding="utf-8")
    return 0


def document(image: ImageIdentity, packages: list[Component]) -> str:
    """The document as JSON."""
    whole = Component(type=ComponentType.CONTAINER, name=image.name, version=image.version, bom_ref="image")
    whole.properties.add(Property(name="org.opencontainers.image.revision", value=image.revision))
    bom = Bom(components=packages, serial_number=uuid5(NAMESPACE_URL, f"{image.name}@{image.revision}"))
    bom.metadata.component = whole
    bom.metadata.timestamp = image.built
    bom.register_dependency(whole, packages)
    return str(JsonV1Dot6(bom).output_as_string(indent=2)) + "\n"


def debian_packages(root: Path) -> Iterator[Component]:
    """The packages that dpkg has installed."""
    release = dict(
        line.split("=", 1) for line in (root / "etc/os-release").read_text(encoding="utf-8").splitlines() if "=" in line
    )
    distribution = f"debian-{release['VERSION_ID'].strip(chr(34))}"
    for paragraph in (root / "var/lib/dpkg/status").read_text(encoding="utf-8").strip().split("\n\n"):
        package = message_from_string(paragraph)
        if package["Status"] != "install ok installed":
            continue
        about = {"arch": package["Architecture"], "distro": distribution}
        link = PackageURL("deb", "debian", package["Package"], package["Version"], about)
        yield _component(package["Package"], package["Version"], link)


def python_packages(root: Path) -> Iterator[Component]:
    """The packages in the environment of the image."""
    folders = [str(folder) for folder in (root / "opt/prlcoder/lib").glob("python3*/site-packages")]
    for one in sorted(metadata.distributions(path=folders), key=lambda one: one.metadata["Name"].lower()):
        name = one.metadata["Name"]
        component = _component(name, one.version, PackageURL("pypi", None, name.lower().replace("_", "-"), one.version))
        if licence := _licence(one.metadata):
            component.licenses.add(LicenseFactory().make_from_string(licence))
        yield component


def _component(name: str, version: str, link: PackageURL) -> Component:
    return Component(type=ComponentType.LIBRARY, name=name, version=version, purl=link, bom_ref=link.to_string())


def _licence(about: metadata.PackageMetadata | Message) -> str | None:
    """The licence that a Python package declares."""
    found = about["License-Expression"] or about["License"] or ""
    return found if 0 < len(found) <= MAX_LICENSE_CHARACTERS and "\n" not in found else None


if __name__ == "__main__":
    sys.exit(main())
