"""Fixtures of the engine's tests: a workplace, and the artefacts of an undisturbed run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.runs.engine.workplace import MANIFEST, Workplace


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Workplace]:
    """A fresh workplace. Processes that still run in it at the end are killed."""
    (tmp_path / "run.yaml").write_text(MANIFEST)
    place = Workplace(tmp_path)
    yield place
    for process in place.started:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The artefacts of a run that nothing disturbed."""
    path = tmp_path_factory.mktemp("undisturbed")
    (path / "run.yaml").write_text(MANIFEST)
    place = Workplace(path)
    assert place.prlcoder("run", "run.yaml").returncode == 0
    return place.artefacts()


@pytest.fixture
def edit(workplace: Workplace) -> Callable[[str, str], None]:
    """Replace a part of the manifest."""

    def replace(old: str, new: str) -> None:
        assert old in MANIFEST
        (workplace.path / "run.yaml").write_text(MANIFEST.replace(old, new))

    return replace
