"""Control groups: where they may be made, why not, and what is written into one. The kernel's files are plain files
here, because few machines delegate the real ones; their names and contents are what the kernel documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from prlcoder.executor import cgroups


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    """A tree in which ``/app`` has been delegated to us, and a file that says that we are in it."""
    group = tmp_path / "mount" / "app"
    group.mkdir(parents=True)
    (tmp_path / "mount" / "cgroup.controllers").write_text("cpu memory pids\n")
    (group / "cgroup.controllers").write_text("memory pids\n")
    (group / "cgroup.procs").write_text("")
    (tmp_path / "membership").write_text("4:memory:/other\n0::/app\n")
    return tmp_path / "mount"


def test_our_own_group_is_the_place(mount: Path) -> None:
    assert cgroups.delegated(mount, mount.parent / "membership") == mount / "app"


def test_a_second_executor_finds_the_place_above_the_supervisors_leaf(mount: Path) -> None:
    (mount.parent / "membership").write_text(f"0::/app/{cgroups.OWN_LEAF}\n")
    assert cgroups.delegated(mount, mount.parent / "membership") == mount / "app"


def test_the_reason_is_said_where_there_is_none(mount: Path, tmp_path: Path) -> None:
    (mount / "app" / "cgroup.controllers").write_text("memory\n")
    assert "lacks the controllers pids" in str(cgroups.delegated(mount, mount.parent / "membership"))
    (mount.parent / "membership").write_text("4:memory:/other\n")
    assert "in no control group" in str(cgroups.delegated(mount, mount.parent / "membership"))
    assert "no control groups of version 2" in str(cgroups.delegated(tmp_path / "absent"))


def test_a_group_allows_the_largest_program_so_far(mount: Path) -> None:
    group = cgroups.open_group(mount / "app", "jail")
    assert group is not None
    for memory, processes in ((512, 16), (1024, 8), (256, 4)):
        group.allow(memory, processes)
    assert (group.folder / "memory.max").read_text() == str((1024 + cgroups.ZYGOTE_MIB) << 20)
    assert (group.folder / "pids.max").read_text() == str(16 + cgroups.ZYGOTE_PROCESSES)
    assert cgroups.open_group(mount / "app", "jail") is None  # it exists
