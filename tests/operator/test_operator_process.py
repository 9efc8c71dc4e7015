"""The operator as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_without_a_cluster_it_ends_with_a_message(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KUBE", "PRLCODER_"))}
    environment = {**kept, "HOME": str(tmp_path), "PRLCODER_OPERATOR_IMAGE": "image"}
    command = [sys.executable, "-m", "prlcoder.operator"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("prlcoder.operator: there is no cluster to work for")
    assert done.stderr.endswith("; set KUBECONFIG\n")
