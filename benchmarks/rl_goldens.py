"""Writes ``tests/training/data/rl_goldens.json``: what the peers' own functions compute from fixed inputs.

    python benchmarks/rl_goldens.py --verl CLONE --pure CLONE > tests/training/data/rl_goldens.json

CLONE is a git clone of github.com/verl-project/verl and of github.com/CJReinforce/PURE; the installed TRL is read too.
The peers' functions are compiled out of their sources at the commit that the clone has checked out, because importing
the packages needs their GPU dependencies. None of their code is a part of this project.
"""

from __future__ import annotations

import argparse
import ast
import importlib.metadata
import json
import subprocess
import sys
import types
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

FUTURE = annotations.compiler_flag  # type: ignore[attr-defined]  # typeshed lacks it
ROLLOUTS, TOKENS = 4, 6


def source_at_head(clone: Path, path: str) -> str:
    """The text of a file at the clone's commit."""
    return subprocess.run(
        ["git", "-C", clone, "show", f"HEAD:{path}"], check=True, capture_output=True, text=True
    ).stdout


def commit(clone: Path) -> str:
    """The clone's commit."""
    return subprocess.run(
        ["git", "-C", clone, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()


def load(source: str, names: Sequence[str], **globals_: Any) -> types.SimpleNamespace:
    """The functions and constants with these names, compiled without their decorators and annotations."""
    chosen: list[ast.stmt] = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name in names:
            node.decorator_list = []
            chosen.append(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id in names for target in targets):
                chosen.append(node)
    module = ast.Module(chosen, type_ignores=[])
    namespace: dict[str, Any] = {"torch": torch, "np": np, "defaultdict": defaultdict, **globals_}
    exec(compile(module, "<peer>", "exec", flags=FUTURE, dont_inherit=True), namespace)
    return types.SimpleNamespace(**{name: namespace[name] for name in names})


def inputs() -> dict[str, torch.Tensor]:
    """Random numbers in double precision, rounded so that the file is exact.

    Row 1 of the mask has a hole, and the rows 2 and 3 are short.
    """
    torch.manual_seed(0)
    shape = (ROLLOUTS, TOKENS)
    mask = torch.ones(shape, dtype=torch.float64)
    mask[1, 2], mask[2, 4:], mask[3, 3:] = 0, 0, 0
    old = -torch.rand(shape, dtype=torch.float64) * 3
    made = {
        "rewards": torch.randn(shape, dtype=torch.float64),
        "values": torch.randn(shape, dtype=torch.float64),
        "old_values": torch.randn(shape, dtype=torch.float64),
        "returns": torch.randn(shape, dtype=torch.float64),
        "advantages": torch.randn(shape, dtype=torch.float64),
        "old_logps": old,
        "logps": old + torch.randn(shape, dtype=torch.float64) * 0.3,
        "sampling_logps": old + torch.randn(shape, dtype=torch.float64) * 0.5,
        "ref_logps": old + torch.randn(shape, dtype=torch.float64) * 0.5,
        "step_logits": torch.randn((ROLLOUTS, TOKENS, 2), dtype=torch.float64),
    }
    made = {name: (tensor * 1e4).round() / 1e4 for name, tensor in made.items()}
    made["ref_logps"][0, 0] = made["logps"][0, 0] + 30.0  # reaches the clamps of k3
    return made | {
        "mask": mask,
        "step_mask": (torch.arange(TOKENS) % 2 == 1) * mask,
        "groups": torch.tensor([0, 0, 1, 1]),
    }


def of_verl(clone: Path, given: dict[str, torch.Tensor]) -> dict[str, Any]:
    """What verl computes."""
    masked = load(
        source_at_head(clone, "verl/utils/torch_functional.py"),
        ["masked_sum", "masked_mean", "masked_var", "masked_whiten", "clip_by_value"],
    )
    names = ["compute_gae_advantage_return", "compute_rloo_outcome_advantage", "compute_grpo_outcome_advantage"]
    names += ["agg_loss", "compute_policy_loss_vanilla", "compute_value_loss", "kl_penalty_forward"]
    core = load(source_at_head(clone, "verl/trainer/ppo/core_algos.py"), names, verl_F=masked, AlgoConfig=int)
    correction = load(
        source_at_head(clone, "verl/trainer/ppo/rollout_corr_helper.py"),
        ["SAFETY_BOUND", "_parse_rollout_is_threshold", "compute_rollout_correction_weights"],
        verl_F=masked,
        compute_is_metrics=lambda **_: {},
    )
    mask, index = given["mask"], given["groups"].numpy()
    found: dict[str, Any] = {}
    advantages, returns = core.compute_gae_advantage_return(given["rewards"], given["values"], mask, 0.9, 0.8)
    found["gae_whitened"], found["gae_returns"] = advantages, returns
    found["rloo"] = core.compute_rloo_outcome_advantage(given["rewards"] * mask, mask, index)[0][:, 0]
    found["grpo"] = core.compute_grpo_outcome_advantage(given["rewards"] * mask, mask, index)[0][:, 0]
    found["whiten"] = masked.masked_whiten(given["rewards"], mask)

    # ``get`` is asked for clip_ratio_c; with so high a value there is no second clip (dual-clip PPO).
    settings = {"clip_ratio": 0.2, "clip_ratio_low": None, "clip_ratio_high": None, "global_batch_info": {}}
    config = types.SimpleNamespace(**settings, get=lambda *_: 1e9)
    weights = correction.compute_rollout_correction_weights(given["old_logps"] - given["sampling_logps"], mask)[0]
    found["token_truncate"] = weights
    for mode, name in (("token-mean", "token"), ("seq-mean-token-mean", "sequence")):
        loss, metrics = core.compute_policy_loss_vanilla(
            given["old_logps"], given["logps"], given["advantages"], mask, mode, config, weights
        )
        found[f"policy_loss_{name}"], found["clip_fraction"] = loss, metrics["actor/pg_clipfrac"]
        found[f"value_loss_{name}"] = core.compute_value_loss(
            given["values"], given["returns"], given["old_values"], mask, 0.2, mode
        )[0]
    for estimator in ("k1", "k2", "k3"):
        found[estimator] = core.kl_penalty_forward(given["logps"], given["ref_logps"], estimator)
    return found


def of_trl(given: dict[str, torch.Tensor]) -> dict[str, Any]:
    """What TRL's ``RLOOTrainer`` computes: the statements from the grouping of rewards to the advantages."""
    path = importlib.metadata.distribution("trl").locate_file("trl/trainer/rloo_trainer.py")
    for method in ast.walk(ast.parse(Path(str(path)).read_text(encoding="utf-8"))):
        if isinstance(method, ast.FunctionDef) and method.name == "_generate_and_score_completions":
            wanted = ("grouped_rewards", "scorable_counts", "grouped_sum", "num_generations > 1")
            steps = [one for one in method.body if ast.unparse(one).startswith((*wanted[:3], f"if {wanted[3]}"))]
            steps = [one for one in steps if "nanstd" not in ast.unparse(one)]
            namespace = {
                "torch": torch,
                "rewards": (given["rewards"] * given["mask"]).sum(1),
                "num_generations": 2,
            }
            exec(compile(ast.Module(steps, type_ignores=[]), "<peer>", "exec"), namespace)
            return {"rloo": namespace["advantages"]}
    raise SystemExit("trl: RLOOTrainer has no _generate_and_score_completions")


def of_pure(clone: Path, given: dict[str, torch.Tensor]) -> dict[str, Any]:
    """What PURE computes: the rewards of steps by the minimum form."""
    utils = load(source_at_head(clone, "openrlhf/utils/utils.py"), ["turn_process_reward_logits_to_reward"])
    rewards = utils.turn_process_reward_logits_to_reward(given["step_logits"], given["step_mask"].bool())
    return {"min_rewards": rewards}


def main() -> None:
    """Read the clones and print the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verl", type=Path, required=True)
    parser.add_argument("--pure", type=Path, required=True)
    arguments = parser.parse_args()
    given = inputs()
    record = {
        "sources": {
            "verl": commit(arguments.verl),
            "pure": commit(arguments.pure),
            "trl": importlib.metadata.version("trl"),
            "torch": torch.__version__,
        },
        "inputs": given,
        "verl": of_verl(arguments.verl, given),
        "trl": of_trl(given),
        "pure": of_pure(arguments.pure, given),
    }
    json.dump(record, sys.stdout, indent=1, default=lambda value: value.tolist())
    print()


if __name__ == "__main__":
    main()
