"""The rows of ``table1.py``: a manifest of ``examples/table1``, the fields that are set in it, and estimated times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

ROLLOUTS: Final = 2400
ROLLOUTS_PER_UPDATE: Final = 120
VALUE_SHARE: Final = 0.15  # of PPO's updates train the value model alone: 3 of 20

# Measured on 2 idle cores, 24 GiB, at commit fe95f86: examples/ppo.yaml and rloo.yaml.
PPO_S_PER_ROLLOUT: Final = 182 / 5504
RLOO_S_PER_ROLLOUT: Final = 120 / 5120
PPO_ROWS: Final = (
    "compiler-ppo",
    "prm-ppo",
    "basic-orm-ppo",
    "ppocoder",
    "rltf",
    "stepcoder",
    "dai",
    "dai-dense",
    "dai-value",
)


@dataclass(frozen=True)
class Row:
    """One row of the table: a manifest, the fields that are set in it, and the policy of its evaluation to report."""

    key: str
    title: str
    manifest: str
    sets: tuple[str, ...] = ()
    stage: str = "policy"
    rate: float = 3e-4
    train_s: float = ROLLOUTS * PPO_S_PER_ROLLOUT
    rollouts: int = ROLLOUTS
    policies: Mapping[str, str] = field(default_factory=dict)
    """Titles of further policies that the same run trains, by their name in the evaluation."""
    paper: float | None = None
    """Pass@1 on APPS+ in the paper's Table 1 or 3, in per cent."""

    @property
    def learns_from_rollouts(self) -> bool:
        """Whether the row is reinforcement learning, so that its number of updates can be chosen."""
        return self.key.startswith("rloo-") or self.key in PPO_ROWS

    def shortened(self, rollouts: int) -> list[str]:
        """The fields that give the row ``rollouts``, if it is reinforcement learning."""
        updates = rollouts // ROLLOUTS_PER_UPDATE
        if not self.learns_from_rollouts or rollouts == ROLLOUTS:
            return []
        ahead = 0 if self.key.startswith("rloo-") else round(VALUE_SHARE * updates)
        fields = [f"policy.rl.updates={updates - ahead}"]
        return [*fields, f"policy.rl.value.pretrainUpdates={ahead}"] if ahead else fields

    @property
    def command(self) -> str:
        """How a user runs the row alone, after ``make quickstart``."""
        named = [f"metadata.name={self.key}"] if self.sets else []
        sets = "".join(f" --set '{one}'" if " " in one else f" --set {one}" for one in (*named, *self.sets))
        return f"prlcoder run examples/table1/{self.manifest}.yaml{sets}"


OUTCOME_ONLY: Final = "policy.rl.rewards=[{kind: verdict}]"


def _rloo(rule: str, title: str, *sets: str) -> Row:
    chosen = (f"policy.rl.credit.rule={rule}", *sets)
    key = f"rloo-{rule}" + ("-execution" if "policy.rl.credit.by=execution" in sets else "")
    return Row(key, f"RLOO, {title}", "rloo", chosen, train_s=ROLLOUTS * RLOO_S_PER_ROLLOUT)


ROWS: Final = (
    Row("sft", "SFT", "sft", stage="sft", train_s=26.0, rollouts=0, paper=30.0),
    Row(
        "dpo-line",
        "DPO, line",
        "dpo-line",
        rate=1e-4,
        train_s=30.0,
        policies={"nll": "NLL on verified steps", "rft": "RFT"},
        paper=36.7,
    ),
    Row("compiler-ppo", "PPO, compiler signal", "compiler-ppo"),
    Row("prm-ppo", "PPO, PRM, line", "prm-ppo", paper=35.2),
    _rloo("outcome", "outcome", OUTCOME_ONLY),
    _rloo("mean", "mean"),
    Row("basic-orm-ppo", "PPO, basic ORM", "basic-orm-ppo", train_s=ROLLOUTS * PPO_S_PER_ROLLOUT + 45, paper=30.8),
    Row("ppocoder", "PPOCoder", "ppocoder", paper=32.1),
    Row("rltf", "RLTF", "rltf", paper=32.4),
    Row("stepcoder", "StepCoder", "stepcoder", train_s=1.3 * ROLLOUTS * PPO_S_PER_ROLLOUT, paper=36.1),
    _rloo("sum", "sum"),
    _rloo("min", "min"),
    _rloo("gated", "gated"),
    _rloo("first-error", "first error by PRM"),
    _rloo("first-error", "first error by execution", "policy.rl.credit.by=execution"),
    _rloo("filter", "filter", OUTCOME_ONLY),
    Row("online-dpo", "online DPO, line", "online-dpo", rate=1e-4, train_s=65.0),
    Row("dpo-block", "DPO, block", "dpo-block", rate=1e-4, train_s=80.0, paper=38.8),
    Row("dai", "PPO, dense and value from PRM", "dai"),
    Row("dai-dense", "PPO, dense, value from policy", "dai", ("policy.rl.value.init=policy",)),
    Row("dai-value", "PPO, outcome, value from PRM", "dai", (OUTCOME_ONLY, "policy.rl.credit.rule=outcome")),
    _rloo("last", "last"),
)
"""All rows, the most important first. ``compiler-ppo`` is also the corner of Dai et al. with neither use of the PRM."""
