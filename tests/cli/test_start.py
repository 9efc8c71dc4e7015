"""Commands and cores import nothing heavy, so that they start fast; wrong usage is exit code 2."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from prlcoder.cli.main import COMMANDS, main

HEAVY = ("torch", "transformers", "vllm", "kubernetes", "trl", "datasets", "pyarrow")
CORES = (
    "prlcoder.problems.reading",
    "prlcoder.problems.splits",
    "prlcoder.problems.prompts",
    "prlcoder.segmenter",
    "prlcoder.mutator",
    "prlcoder.executor",
    "prlcoder.supervision.build",
    "prlcoder.spec.manifest",
    "prlcoder.runs.engine",
    "prlcoder.report",
)


def imported(code: str) -> set[str]:
    """The heavy packages that a fresh interpreter has after running ``code``."""
    probe = f"import sys\n{code}\nimport json; print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_shows_its_help_without_heavy_imports(command: str) -> None:
    code = f"from prlcoder.cli.main import main\ntry: main([{command!r}, '--help'])\nexcept SystemExit as end: pass"
    assert imported(code) == set()


@pytest.mark.parametrize("module", CORES)
def test_a_core_imports_nothing_heavy(module: str) -> None:
    assert imported(f"import {module}") == set()


@pytest.mark.parametrize("arguments", [["nonsense"], ["segment", "--nonsense"], ["supervise"]])
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2


def test_no_command_prints_the_help_and_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    shown = capsys.readouterr().err
    assert all(command in shown for command in COMMANDS)


def test_the_version_is_the_distribution_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("prlcoder 0.")
