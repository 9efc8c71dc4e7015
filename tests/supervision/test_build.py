"""Builds survive kills, know their settings, say when there is nothing to do, and keep memory flat."""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prlcoder.executor import Executor, ResourceLimits
from prlcoder.mutator import RuleTeacher
from prlcoder.problems.model import Problem
from prlcoder.problems.nano.suite import problems
from prlcoder.spec import NanoSuite
from prlcoder.supervision import store
from prlcoder.supervision.build import Settings, build

pytestmark = pytest.mark.needs_sandbox
ROOT = Path(__file__).resolve().parents[2]
LIMITS = ResourceLimits(cpu_s=1.0, wall_s=3.0, memory_mib=256)
SIZES = NanoSuite(train=6, validation=3, test=3)


def settings(**changes: object) -> Settings:
    values: dict[str, object] = {
        "mode": "line",
        "seed": 0,
        "pairs_per_segment": 2,
        "limits": LIMITS,
        "described": [],
        "shard_problems": 2,
    }
    return Settings(**{**values, **changes})  # type: ignore[arg-type]


def build_nano(folder: Path, **changes: object) -> tuple[dict[str, object], bool]:
    with Executor(workers=2, limits=LIMITS) as executor:
        return build(
            lambda: problems(SIZES),
            folder,
            settings(**changes),
            teachers=[RuleTeacher(0, mutations=2)],
            executor=executor,
        )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    manifest, nothing = build_nano(tmp_path_factory.mktemp("undisturbed"))
    assert not nothing
    return manifest


@pytest.fixture(scope="module")
def undisturbed_solutions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return build_nano(tmp_path_factory.mktemp("undisturbed") / "solutions", unit="solution")[0]


def start_process(folder: Path, unit: str) -> subprocess.Popen[bytes]:
    code = "import pathlib; from tests.supervision import test_build as t; "
    code += f"t.build_nano(pathlib.Path({str(folder)!r}), unit={unit!r})"
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL, cwd=ROOT)


def entries(folder: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))


@pytest.mark.parametrize(("unit", "seed"), [("segment", 1), ("segment", 2), ("solution", 3)])
def test_killed_at_random_moments_it_ends_with_the_same_content(
    tmp_path: Path, request: pytest.FixtureRequest, totals: Callable[[dict[str, Any]], object], unit: str, seed: int
) -> None:
    undisturbed = request.getfixturevalue("undisturbed" if unit == "segment" else "undisturbed_solutions")
    draw = random.Random(seed)
    folder = tmp_path / "build"
    kills = 0
    while True:
        process = start_process(folder, unit)
        # A moment is a number of files on the disk, so that a slow machine is killed at the same places as a fast one.
        target = entries(folder) + draw.randint(1, 4) if kills < 3 else None
        while process.poll() is None:
            if target is not None and entries(folder) >= target:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
                break
            time.sleep(0.002)
        else:
            assert process.returncode == 0
            break
    assert kills > 0
    manifest = store.read_manifest(folder)
    assert manifest["content_hash"] == undisturbed["content_hash"]
    assert totals(manifest) == totals(undisturbed)
    assert not list(folder.rglob("*.tmp"))


def test_a_finished_build_does_nothing_and_says_so(tmp_path: Path) -> None:
    first, nothing = build_nano(tmp_path / "build")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "build").rglob("*.parquet")}
    second, nothing = build_nano(tmp_path / "build")
    assert nothing
    assert second == json.loads(json.dumps(first))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "build").rglob("*.parquet")} == before


def test_the_counts_add_up(undisturbed: dict[str, object]) -> None:
    counts = undisturbed["counts"]
    assert isinstance(counts, dict)
    survivors = counts["mutations_passing"] - counts["mutations_refuted"]
    assert counts["steps"] == counts["chosen"] + counts["rejected"] + survivors
    assert sum(counts["by"]["bucket"].values()) == counts["steps"]
    assert counts["by"]["bucket"].get("survivor", 0) == survivors
    assert counts["steps"] == counts["segments"] + counts["variants"]
    assert sum(counts["by"]["verdict"].values()) == counts["steps"]
    assert sum(sum(verdicts.values()) for verdicts in counts["by"]["origin"].values()) == counts["steps"]
    assert counts["quarantined"] == 0


def test_the_number_of_problems_in_memory_does_not_grow(tmp_path: Path) -> None:
    alive: weakref.WeakSet[Marker] = weakref.WeakSet()
    most = 0

    def stream() -> Iterator[Problem]:
        nonlocal most
        for index, problem in enumerate(problems(NanoSuite(train=12, validation=3, test=3))):
            marker = Marker()
            alive.add(marker)
            gc.collect()
            most = max(most, len(alive))
            yield Problem(**{**vars(problem), "id": f"{index}", "meta": {"marker": marker}})
            del marker

    with Executor(workers=2, limits=LIMITS) as executor:
        manifest, _ = build(stream, tmp_path / "b", settings(), teachers=[], executor=executor)
    assert manifest["counts"]["problems"] == 18
    assert most <= 2 * settings().shard_problems + 2


class Marker:
    """Lives as long as the problem that holds it."""


def test_two_builds_in_one_folder_the_second_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "build"
    process = start_process(folder, "segment")
    try:
        while process.poll() is None and not (folder / store.SETTINGS).exists():
            time.sleep(0.002)
        process.send_signal(signal.SIGSTOP)  # it holds the lock for as long as this takes
        with pytest.raises(Exception, match="another process is building here"):
            build_nano(folder)
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()
