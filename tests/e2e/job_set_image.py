"""The image of JobSet's controller: its program and nothing else."""

from __future__ import annotations

from typing import Final

from tests.cluster.binaries import CACHE
from tests.e2e.binaries import JOBSET
from tests.e2e.oci_image import Image, Layer

JOB_SET_IMAGE: Final = f"prlcoder.test/jobset:{JOBSET.version}"


def job_set_image() -> Image:
    """The image, with the program where JobSet's chart looks for it."""
    (program,) = JOBSET.programs
    JOBSET.built()
    path = CACHE / "images" / f"jobset-{JOBSET.version}.tar"
    return Image(JOB_SET_IMAGE, (Layer.of(path, lambda tar: tar.add(program, "manager")),))
