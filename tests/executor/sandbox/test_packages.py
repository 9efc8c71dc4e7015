"""Packages in the jail: numpy and sortedcontainers, mounted read-only, and preloaded where asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fixtures.packages import installed_packages

from prlcoder.errors import InputError, WorkError
from prlcoder.executor import ExecutionRequest, Executor, PackageFolder, ResourceLimits
from prlcoder.executor.verdicts import missing_package
from prlcoder.problems.model import AssertTests, CallTest, CallTests, StdioTest, StdioTests

SIX = StdioTests((StdioTest("", "6\n"),))
NUMPY = "import numpy as np\nprint(int(np.array([1, 2, 3]).sum()))\n"
SORTED = "from sortedcontainers import SortedList\nprint(SortedList([7, 6])[0])\n"


@pytest.fixture(scope="module", params=[(), ("numpy",)], ids=["imported", "preloaded"])
def with_packages(request: pytest.FixtureRequest) -> Iterator[Executor]:
    folder = PackageFolder.open(installed_packages(), request.param)
    with Executor(workers=1, packages=folder) as started:
        yield started


def test_programs_import_packages(with_packages: Executor) -> None:
    results = [with_packages.execute(ExecutionRequest(program, SIX)) for program in (NUMPY, SORTED)]
    assert [(one.outcome, one.reason) for one in results] == [("passed", ""), ("passed", "")]


def test_linear_algebra_stays_within_the_limits(with_packages: Executor) -> None:
    program = "import numpy as np\na = np.eye(200) * 2\nprint(int((np.linalg.inv(a) @ a).trace() * 6 / 200 + 0.5))\n"
    result = with_packages.execute(ExecutionRequest(program, SIX, limits=ResourceLimits(memory_mib=512, processes=4)))
    assert (result.outcome, result.reason) == ("passed", "")


def test_tests_import_packages(with_packages: Executor) -> None:
    source = (
        "import numpy as np\n"
        "def check(candidate):\n"
        "    for xs, wanted in [([1, 2], 1.5), ([0.1, 0.2], 0.15)]:\n"
        "        np.testing.assert_allclose(candidate(xs), wanted, atol=1e-6)\n"
    )
    programs = ["def f(xs): return sum(xs) / len(xs)\n", "def f(xs): return 0\n"]
    tests = AssertTests(source, "f", True)
    found = [with_packages.execute(ExecutionRequest(program, tests)).outcome for program in programs]
    assert found == ["passed", "wrong_answer"]


def test_calls_may_use_packages(with_packages: Executor) -> None:
    tests = CallTests("f", (CallTest(([3, 1, 2],), {}, [1, 2, 3]),))
    program = "from sortedcontainers import SortedList\ndef f(xs): return list(SortedList(xs))\n"
    assert with_packages.execute(ExecutionRequest(program, tests)).passed


def test_the_folder_cannot_be_written(with_packages: Executor) -> None:
    program = (
        "import numpy, os\n"
        "folder = os.path.dirname(os.path.dirname(numpy.__file__))\n"
        "try:\n    open(os.path.join(folder, 'evil.py'), 'w')\nexcept OSError:\n    print(6)\n"
    )
    assert with_packages.execute(ExecutionRequest(program, SIX)).passed
    assert not (installed_packages() / "evil.py").exists()


def test_a_program_that_breaks_a_package_breaks_it_for_itself_only(with_packages: Executor) -> None:
    breaking = "import numpy as np\nnp.array = None\nprint(6)\n"
    assert with_packages.execute(ExecutionRequest(breaking, SIX)).passed
    assert with_packages.execute(ExecutionRequest(NUMPY, SIX)).passed


def test_without_packages_the_reason_names_the_package() -> None:
    with Executor(workers=1) as executor:
        results = [executor.execute(ExecutionRequest(program, SIX)) for program in (NUMPY, SORTED)]
    assert [one.reason for one in results] == ["ModuleNotFoundError: numpy", "ModuleNotFoundError: sortedcontainers"]
    assert [missing_package(one) for one in results] == ["numpy", "sortedcontainers"]


def test_a_folder_lists_what_it_has() -> None:
    folder = PackageFolder.open(installed_packages())
    assert [name for name, _ in folder.installed()] == ["numpy", "sortedcontainers"]
    assert folder.modules() == ["numpy", "sortedcontainers"]


def test_a_folder_must_exist_and_have_the_modules_to_preload(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--packages: .*nowhere is not a folder; make one with `pip install --target"):
        PackageFolder.open(tmp_path / "nowhere")
    tmp_path.chmod(0o755)
    with pytest.raises(InputError, match=r"--preload: .* has no module numpy"):
        PackageFolder.open(tmp_path, ["numpy"])


def test_a_module_that_fails_to_load_stops_the_start_with_its_reason(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "broken.py").write_text("raise RuntimeError('no such device')\n")
    with pytest.raises(WorkError, match=r"cannot import broken \(RuntimeError: no such device\); check --packages"):
        Executor(workers=1, packages=PackageFolder.open(tmp_path, ["broken"]))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's jails run as another user")
def test_root_must_let_other_users_read_the_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(InputError, match=r"other users may not read .*; run `chmod -R o\+rX"):
        PackageFolder.open(tmp_path)


def test_the_degraded_profile_sees_the_folder_too() -> None:
    with Executor(workers=1, profile="degraded", packages=PackageFolder.open(installed_packages())) as executor:
        assert executor.execute(ExecutionRequest(NUMPY, SIX)).passed
