"""What a client imports does not import a model's libraries."""

from __future__ import annotations

import subprocess
import sys

CLIENTS = (
    "prlcoder.prm.serving.client",
    "prlcoder.policy.serving.client",
    "prlcoder.stages.remote_scorer",
    "prlcoder.prm.serving.service",
    "prlcoder.stages.remote_engine",
    "prlcoder.policy.serving.settings",
    "prlcoder.adapters.trl",
    "prlcoder.adapters.verl",
)


def test_clients_and_adapters_import_no_torch() -> None:
    heavy = "{name.partition('.')[0] for name in sys.modules} & {'torch', 'transformers', 'trl', 'vllm'}"
    code = f"import sys, {', '.join(CLIENTS)}\nprint(*sorted({heavy}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
