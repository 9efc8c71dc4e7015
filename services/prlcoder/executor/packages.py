"""A folder of packages that the programs and tests in a jail may import beside the standard library."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.metadata import Distribution, distributions
from pathlib import Path

from prlcoder.errors import InputError


@dataclass(frozen=True)
class PackageFolder:
    """A site-packages folder, as ``pip install --target`` makes it. It is mounted read-only in every jail.

    ``preload`` names modules that the zygote imports once, so that programs which use them need not. Files with the
    ending ``.pth`` in the folder have no effect.
    """

    path: Path
    preload: tuple[str, ...] = ()

    @classmethod
    def open(cls, path: str | Path, preload: Sequence[str] = ()) -> PackageFolder:
        """``InputError`` if there is no such folder, or a module to preload is not in it."""
        folder = Path(path).expanduser().resolve()
        if not folder.is_dir():
            raise InputError(f"--packages: {path} is not a folder; make one with `pip install --target DIR NAME`")
        if os.geteuid() == 0 and folder.stat().st_mode & 0o005 != 0o005:  # root's jails run as another user
            raise InputError(f"--packages: other users may not read {folder}; run `chmod -R o+rX {folder}`")
        for name in preload:
            if PathFinder.find_spec(name.partition(".")[0], [str(folder)]) is None:
                raise InputError(f"--preload: {folder} has no module {name}; `pip install --target` it there")
        return cls(folder, tuple(preload))

    def installed(self) -> list[tuple[str, str]]:
        """Name and version of every distribution in the folder, sorted by name."""
        return sorted((found.name, found.version) for found in distributions(path=[str(self.path)]))

    def modules(self) -> list[str]:
        """The modules that the distributions provide at their top level, sorted."""
        return sorted({name for found in distributions(path=[str(self.path)]) for name in _top_level(found)})


def _top_level(found: Distribution) -> set[str]:
    listed = found.read_text("top_level.txt")
    if listed:
        return {name for name in listed.split() if not name.startswith("_")}
    paths = [file.parts for file in found.files or ()]
    packages = {parts[0] for parts in paths if len(parts) > 1 and parts[1] == "__init__.py"}
    return packages | {parts[0].removesuffix(".py") for parts in paths if len(parts) == 1 and parts[0].endswith(".py")}
