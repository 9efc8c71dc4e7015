"""Several processes, gradient accumulation and recomputed activations change nothing in what RL learns."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.training.rl_cases import VERDICT, rl_context, rl_policy, trained

from prlcoder.stages.context import StageContext

pytestmark = [pytest.mark.needs_torch, pytest.mark.needs_sandbox]

SCRIPT = """\
import pickle, sys
from prlcoder.training.stages import policy as policy_stage
policy_stage.run(pickle.load(open(sys.argv[1], "rb")))
"""
VALUE = {"ppo": {"value": {"pretrainUpdates": 1, "learningRate": 1e-3}}, "rloo": {}}
MakeRun = Callable[..., StageContext]


@pytest.fixture
def prepared(make_context: Callable[..., StageContext], taught_policy: Path, tmp_path: Path) -> MakeRun:
    """``prepared(name, algorithm, **fields)``: the context of a training with these fields."""

    def make(name: str, algorithm: str, **fields: Any) -> StageContext:
        section = rl_policy(algorithm, {**VERDICT, **VALUE[algorithm], "epochs": 2}, **fields)
        return rl_context(make_context, tmp_path / name, section, model=taught_policy)

    return make


def weights(context: StageContext) -> dict[str, torch.Tensor]:
    """The weights of the published policy."""
    return load_file(context.output / "model.safetensors")


def assert_same(one: StageContext, other: StageContext, tolerance: float) -> None:
    """Both policies have the same weights, and have learnt something."""
    start = load_file(Path(one.base_model()) / "model.safetensors")
    found, expected = weights(one), weights(other)
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, atol=tolerance, rtol=0)
    assert max(float((weight - start[name]).abs().max()) for name, weight in expected.items()) > 20 * tolerance


@pytest.mark.parametrize("algorithm", ["ppo", "rloo"])
def test_two_processes_are_one(prepared: MakeRun, tmp_path: Path, algorithm: str) -> None:
    single = prepared("single", algorithm, batchSize=8)
    rows = trained(single)
    double = prepared("double", algorithm, batchSize=2, gradientAccumulation=2)
    (tmp_path / "stage.py").write_text(SCRIPT)
    (tmp_path / "context.pickle").write_bytes(pickle.dumps(double))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    arguments = [tmp_path / "stage.py", tmp_path / "context.pickle"]
    subprocess.run([*command, *arguments], check=True, env=environment)
    assert_same(double, single, 2e-4)
    log = [json.loads(line) for line in (double.output / "updates.jsonl").read_text().splitlines()]
    for one, other in zip(log, rows, strict=True):
        for name in ("sampled", "trained", "dropped", "verdicts", "pass_rate", "step", "tokens"):
            assert one[name] == other[name]
        if "policy_loss" in other:
            assert one["policy_loss"] == pytest.approx(other["policy_loss"], abs=1e-3)


@pytest.mark.parametrize("algorithm", ["ppo", "rloo"])
def test_recomputed_activations_change_nothing(
    prepared: MakeRun, algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = prepared("plain", algorithm)
    trained(plain)
    import transformers.modeling_utils as modeling

    calls, original = [], modeling.checkpoint

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return original(*args, **kwargs)

    monkeypatch.setattr(modeling, "checkpoint", counted)
    recomputed = prepared("recomputed", algorithm, gradientCheckpointing=True)
    trained(recomputed)
    assert calls
    assert_same(recomputed, plain, 1e-5)
