"""The generated code imports and works beside the lowest and the newest protobuf that PRLCoder allows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOWEST = ("protobuf==5.29.0", "grpcio==1.71.2", "googleapis-common-protos==1.70.0")
NEWEST = ("protobuf", "grpcio", "googleapis-common-protos")
SERVICES = ("executor", "mutator", "policy", "prm", "segmenter")

PROGRAM = f"""
import importlib
import google.protobuf
for name in {SERVICES!r}:
    importlib.import_module(f"prlcoder.v1.{{name}}_pb2_grpc")
from google.rpc import status_pb2
from prlcoder.v1 import executor_pb2
message = executor_pb2.ExecuteBatchResponse(id="a", status=status_pb2.Status(code=3, message="why"))
again = executor_pb2.ExecuteBatchResponse.FromString(message.SerializeToString())
assert again == message and again.WhichOneof("outcome") == "status"
print(google.protobuf.__version__)
"""


@pytest.mark.skipif(not os.environ.get("CI"), reason="installs packages: only in CI (set CI=true to run it)")
@pytest.mark.parametrize(("packages", "version"), [(LOWEST, "5.29.0"), (NEWEST, "")], ids=["lowest", "newest"])
def test_generated_code_works_with(packages: tuple[str, ...], version: str, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = environment / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    installed = subprocess.run(install, capture_output=True, text=True)
    if installed.returncode != 0:
        pytest.skip(f"pip reaches no package index: {installed.stderr.strip().splitlines()[-1]}")
    ran = subprocess.run(
        [str(python), "-W", "error", "-c", PROGRAM],
        env={"PYTHONPATH": str(ROOT / "protos" / "gen")},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip().startswith(version)
