"""What a stage used: tokens by kind, peak memory, disk."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from prlcoder.runs.usage import UsageMeter, added, folder_bytes
from prlcoder.spec import Spec
from prlcoder.telemetry.progress import Progress

BASE = {"model": {"scratch": {}, "promptTemplate": "nano"}, "problems": {"source": "nano"}}


PEAKS = f"""
import json, pathlib, sys
from prlcoder.runs.usage import UsageMeter
from prlcoder.spec import Spec
spec, folder, peaks = Spec.model_validate({BASE}), pathlib.Path(sys.argv[1]), []
for size in (0, 64):
    meter = UsageMeter.start()
    block = bytearray(size * 2**20)
    del block
    peaks.append(meter.usage(spec, "pretrain", folder).get("peak_memory_mib"))
print(json.dumps(peaks))
"""


def spec(**more: object) -> Spec:
    """A spec with some sections."""
    return Spec.model_validate({**BASE, **more})


def count(label: str, tokens: int) -> None:
    """Count tokens as a stage does."""
    with Progress(label, total=None, unit="steps", stream=io.StringIO()) as progress:
        progress.advance(tokens=tokens)


def test_sampled_tokens_are_written_and_others_are_read(tmp_path: Path) -> None:
    count("generate", 1000)  # of an earlier stage
    meter = UsageMeter.start()
    for label, tokens in (("generate", 7), ("tokenise", 100), ("policy", 20), ("reference", 5)):
        count(label, tokens)
    used = meter.usage(spec(supervision={}, policy={}), "policy", tmp_path)
    assert (used["tokens_read"], used["tokens_written"]) == (25, 7)


def test_reinforcement_learning_counts_what_it_samples(tmp_path: Path) -> None:
    meter = UsageMeter.start()
    count("policy", 20)
    used = meter.usage(spec(reward={"from": "x"}, policy={"algorithm": "rloo"}), "policy", tmp_path)
    assert (used["tokens_read"], used["tokens_written"]) == (0, 20)


def test_memory_that_a_stage_has_given_back_is_in_its_peak(tmp_path: Path) -> None:
    """In a new process: this one may have used more before."""
    told = subprocess.run([sys.executable, "-c", PEAKS, str(tmp_path)], capture_output=True, text=True, check=True)
    peaks = json.loads(told.stdout)
    if None in peaks:
        pytest.skip("this kernel does not tell the peak of a process")
    before, after = peaks
    assert after > before + 30


def test_disk_is_that_of_all_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "weights").write_bytes(b"x" * 3000)
    (tmp_path / "link").symlink_to(tmp_path / "a" / "weights")
    assert folder_bytes(tmp_path) == 3000


def test_attempts_add_up() -> None:
    first = {"tokens_read": 10.0, "peak_memory_mib": 900.0}
    assert added(first, {"tokens_read": 5.0, "peak_memory_mib": 800.0, "disk_mib": 2.0}) == {
        "tokens_read": 15.0,
        "peak_memory_mib": 900.0,
        "disk_mib": 2.0,
    }
