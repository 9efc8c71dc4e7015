"""The images of this commit, or of the tag PRLCODER_IMAGES_TAG. Tests of images that are not built are skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from tests.images.built_image import ROOT, BuiltImage, built_image


@pytest.fixture(scope="session")
def image_of() -> Iterator[Callable[[str], BuiltImage]]:
    """A function from an image's name to the image. It skips the test if the image is not built."""
    if os.geteuid() != 0:
        pytest.skip("buildah and runc need root here")
    for command in ("buildah", "runc"):
        if shutil.which(command) is None:
            pytest.skip(f"there is no {command} on this machine (on Debian: apt install {command})")
    tag = os.environ.get("PRLCODER_IMAGES_TAG") or _commit()
    found: dict[str, BuiltImage] = {}
    with ExitStack() as stack:

        def image(name: str) -> BuiltImage:
            if name not in found:
                try:
                    found[name] = stack.enter_context(built_image(name, tag))
                except LookupError as error:
                    pytest.skip(str(error))
            return found[name]

        yield image


@pytest.fixture(params=["operator", "services", "executor", "trainer-cpu", "policy-cpu", "trainer", "policy"])
def image(request: pytest.FixtureRequest, image_of: Callable[[str], BuiltImage]) -> BuiltImage:
    """Each image that is built."""
    return image_of(request.param)


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("this is not a checkout, so the tag of the images is unknown (set PRLCODER_IMAGES_TAG)")
    return done.stdout.strip()
