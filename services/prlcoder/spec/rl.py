"""The section ``policy.rl``: reinforcement learning from the policy's own rollouts (``ppo``, ``rloo``, ``grpo``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator
from pydantic.alias_generators import to_camel

from prlcoder.spec.section import NO_CRD_DEFAULT, Count, Fraction, NonNegative, Positive, Section, unique_by

Discount = Annotated[float, Field(ge=0.0, le=1.0)]
RlAlgorithm = Literal["ppo", "rloo", "grpo"]
RL_ALGORITHMS: Final = ("ppo", "rloo", "grpo")
"""The values of ``policy.algorithm`` that read the section ``rl``."""
RewardTermKind = Literal["process", "verdict", "outcome-model", "ast-match", "data-flow-match", "error-location"]
STEP_TERMS: Final = ("process", "error-location")
"""The terms that reward steps. The others reward whole programs."""
CreditRuleName = Literal["outcome", "sum", "mean", "last", "min", "gated", "first-error", "filter"]

SEQUENCE_MASK_CAP: Final = 3.0  # TRL's value


class RlReward(Section):
    """One term of the reward."""

    kind: RewardTermKind
    """The kind of reward. `process` rewards each step with the reward model's score of it, as the credit rule says.
    `verdict` rewards the outcome of the tests. `outcome-model` rewards a program with an outcome reward model's score.
    `ast-match` and `data-flow-match` reward likeness to the canonical solution (PPOCoder). `error-location` punishes
    the line of the error (RLTF)."""
    weight: float = 1.0
    """Factor of the term in the sum of all terms. With `credit: {rule: first-error}` the weight of `process` is the
    reward of a program whose steps are all right."""
    adaptive: bool = False
    """With `verdict`: a wrong answer gets -0.3 + 1.3 x the share of tests passed, instead of -0.3. All tests are then
    run."""


class RlCredit(Section):
    """How the reward of a program is distributed over its tokens."""

    rule: Annotated[CreditRuleName, Field(json_schema_extra=NO_CRD_DEFAULT)] = "mean"
    """`outcome` puts everything at the last token. `sum` puts each step's score at its end (the paper's eq. 2), and
    `mean` the same divided by the number of steps (Dai et al.). `last` counts the last step's score alone. `min` puts
    nearly everything at the lowest step (PURE). `gated` counts the step scores of passing programs only (P-GRPO).
    `first-error` rewards the steps before the first wrong one and punishes that one (VPPO, EGCA). `filter` chooses
    programs by the scores and rewards no step (PROF)."""
    by: Literal["prm", "execution"] = "prm"
    """With `first-error`: who finds the first wrong step."""
    final: Annotated[Literal["none", "ramp", "bonus"], Field(json_schema_extra=NO_CRD_DEFAULT)] = "none"
    """With `sum`: how the last step gets the highest reward. `ramp` weights steps by their number, and `bonus` adds the
    last step's score once more."""
    locate: Literal["splice", "rollout"] = "splice"
    """With `by: execution`: how the first wrong step is found, as for the policy teacher."""
    rollouts: Count = 4
    """Number of completions tried at each prefix by `locate: rollout`."""


class RlKl(Section):
    """The penalty for leaving the initial policy."""

    coefficient: NonNegative = 0.05
    """Weight of the penalty; 0 leaves it out."""
    estimator: Literal["k1", "k3"] = "k1"
    """Estimator of the divergence per token (http://joschu.net/blog/kl-approx.html)."""
    in_: Literal["reward", "loss"] = Field(default="reward", alias="in")
    """Whether the penalty is subtracted from the reward of each token or added to the loss."""


class RlValue(Section):
    """The value model of PPO. It has its own weights."""

    init: Literal["policy", "reward"] = "policy"
    """Backbone that it starts from: the initial policy's or the reward model's."""
    pretrain_updates: Annotated[int, Field(ge=0, json_schema_extra=NO_CRD_DEFAULT)] = 10
    """Number of updates at the beginning that train the value model alone, on the returns of the initial policy."""
    learning_rate: Positive = 5e-6
    """Learning rate of the value model."""
    lambda_: Discount = Field(default=1.0, alias="lambda")
    """Lambda of the returns that the value model learns. With 1 these are the discounted sums of the rewards."""


class RlCorrection(Section):
    """The correction for the difference between the engine's and the trainer's probabilities of a sampled token."""

    kind: Annotated[Literal["token-truncate", "sequence-mask", "none"], Field(json_schema_extra=NO_CRD_DEFAULT)] = (
        "token-truncate"
    )
    """`token-truncate` weights each token by the ratio of the two, at most `cap`; `sequence-mask` leaves out programs
    whose ratio lies above `cap`."""
    cap: Annotated[Positive, Field(json_schema_extra=NO_CRD_DEFAULT)] = 2.0
    """Largest ratio; 3.0 by default with `sequence-mask`."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in_cap(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("kind") == "sequence-mask" and data.get("cap") is None:
            return {**data, "cap": SEQUENCE_MASK_CAP}
        return data


class RlRewardModel(Section):
    """What happens to the reward model while the policy learns."""

    refresh_every: Count | None = None
    """Number of updates of the policy after which the reward model is trained on the programs that were sampled since
    then, with labels by execution; none means never."""
    epochs: Positive = 1.0
    """Number of passes over those programs."""
    learning_rate: Positive = 2e-5
    """Peak learning rate of the reward model."""


class RlMonitors(Section):
    """What is watched while the policy learns, and where an alarm begins. It changes nothing in the training."""

    every: Count = 5
    """Number of updates after which the reward model is measured on the policy's own steps and rollouts are kept for
    the report. The first and the last update are watched, too."""
    programs: Count = 64
    """Largest number of programs whose steps are labelled by execution each time."""
    window: Count = 10
    """Number of updates over which alarms take means."""
    min_auroc: Fraction = 0.6
    """Alarm `weak-reward-model`: the lowest AUROC of the reward model on the policy's own steps."""
    max_kl: Positive = 0.25
    """Alarm `divergence`: the largest divergence from the initial policy, in nats per token."""
    min_entropy: Fraction = 0.1
    """Alarm `entropy-collapse`: the smallest entropy, as a share of what it was in the first updates."""
    max_comment_growth: Fraction = 0.1
    """Alarm `comments`: the largest growth of the share of lines that are comments or blank."""


class RlEngine(Section):
    """What samples the rollouts."""

    kind: Literal["transformers", "vllm"] = "transformers"
    """`transformers` samples in the trainer's process with the trainer's own weights. `vllm` samples in a policy
    service (`services.policy`, or the environment variable `PRLCODER_POLICY`) and gives it new weights after each
    update. The service may run either engine."""
    weights: Literal["uri", "ipc"] = "uri"
    """With `vllm`: how new weights reach the engine. `uri` writes them into the run's folder, which the service must
    see under the same path: a LoRA adapter if the service accepts adapters for the initial policy, otherwise the whole
    model. `ipc` is not implemented."""


PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "robust": {},
    "paper": {
        "temperature": 0.6,
        "topP": 0.95,
        "rewards": [{"kind": "process"}],
        "credit": {"rule": "sum", "final": "bonus"},
        "lambda": 1.0,
        "value": {"pretrainUpdates": 0},
        "correction": {"kind": "none"},
    },
}
"""Where a preset's defaults differ from those of the fields, by the fields' names in files."""


class Rl(Section):
    """Reinforcement learning: sample programs, run and score them, and raise the probability of the better ones."""

    preset: Literal["robust", "paper"] = "robust"
    """Set of defaults. `paper` has the paper's sampling, reward and credit; `prlcoder plan` prints the resolved
    values."""
    updates: Count = 60
    """Number of updates of the policy, each with fresh rollouts."""
    prompts: Count = 32
    """Number of problems per update."""
    samples: Count = 4
    """Number of programs sampled per problem."""
    temperature: Annotated[Positive, Field(json_schema_extra=NO_CRD_DEFAULT)] = 1.0
    """Sampling temperature. The trainer's probabilities are those at this temperature, too."""
    top_p: Annotated[float, Field(gt=0.0, le=1.0, json_schema_extra=NO_CRD_DEFAULT)] = 1.0
    """Share of the probability that tokens are sampled from. Below 1 no correction is possible."""
    max_new_tokens: Count = 512
    """Longest sampled program in tokens. A program that is cut there is not trained on."""
    rewards: Annotated[tuple[RlReward, ...], Field(json_schema_extra={**unique_by("kind"), **NO_CRD_DEFAULT})] = (
        RlReward(kind="process"),
        RlReward(kind="verdict"),
    )
    """Terms of the reward."""
    credit: RlCredit = RlCredit()
    """How the reward is distributed over the tokens."""
    mask: Literal["none", "executed"] = "none"
    """`executed` trains only on the lines that the tests have executed (StepCoder). Each program then runs twice."""
    curriculum: Literal["none", "cccs"] = "none"
    """`cccs` lets completions begin ever earlier in the canonical solution (StepCoder)."""
    kl: RlKl = RlKl()
    """The penalty for leaving the initial policy."""
    gamma: Discount = 1.0
    """Discount per token."""
    lambda_: Annotated[Discount, Field(json_schema_extra=NO_CRD_DEFAULT)] = Field(default=0.95, alias="lambda")
    """Lambda of the generalised advantages of `ppo`."""
    clip: Positive = 0.2
    """Largest change of a token's probability ratio that is still rewarded."""
    epochs: Count = 1
    """Number of passes over the rollouts of an update."""
    value: RlValue | None = None
    """The value model; only with `ppo`."""
    correction: RlCorrection = RlCorrection()
    """The correction for the difference between the engine's and the trainer's probabilities."""
    reward_model: RlRewardModel = RlRewardModel()
    """What happens to the reward model while the policy learns."""
    engine: RlEngine = RlEngine()
    """What samples the rollouts."""
    monitors: RlMonitors = RlMonitors()
    """The figures that are watched during training, and the bounds at which an alarm is raised."""

    @model_validator(mode="before")
    @classmethod
    def _apply_preset(cls, data: Any) -> Any:
        """What the manifest leaves out gets the preset's value."""
        if not isinstance(data, dict):
            return data
        defaults = PRESETS.get(data.get("preset", "robust"), {})
        without_value = data.get("value") is None  # the section `policy` gives it to `ppo` only
        return with_defaults(data, {name: v for name, v in defaults.items() if name != "value" or not without_value})

    @property
    def traces_lines(self) -> bool:
        """Whether the executor is asked which lines were executed and where an exception was raised."""
        return self.mask == "executed" or any(term.kind == "error-location" for term in self.rewards)

    @property
    def scores_programs(self) -> bool:
        """Whether an outcome reward model scores the rollouts."""
        return any(term.kind == "outcome-model" for term in self.rewards)

    @property
    def scores_steps(self) -> bool:
        """Whether a process reward model scores the rollouts."""
        match self.credit.rule:
            case "filter":
                return True
            case "first-error":  # it asks only where a program goes wrong
                return self.credit.by == "prm"
            case _:
                return any(term.kind == "process" for term in self.rewards)


def with_defaults(data: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """``data`` with the values of ``defaults`` where it has none, also inside nested sections.

    >>> with_defaults({"kl": {"in": "loss"}, "gamma": 0.9}, {"kl": {"coefficient": 0.1}, "gamma": 1.0})
    {'kl': {'in': 'loss', 'coefficient': 0.1}, 'gamma': 0.9}
    """
    made = dict(data)
    given = {to_camel(name).rstrip("_"): name for name in data}
    for name, value in defaults.items():
        own = made.get(given.get(name, name))
        if own is None:
            made[given.get(name, name)] = value
        elif isinstance(own, dict) and isinstance(value, Mapping):
            made[given[name]] = with_defaults(own, value)
    return made
