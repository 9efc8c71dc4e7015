"""The sections ``pretrain``, ``sft``, ``reward`` and ``policy``: the stages that train."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from prlcoder.spec.rl import RL_ALGORITHMS, Rl
from prlcoder.spec.section import Count, Fraction, NonNegative, Positive, Section, unique_by

LearningRateScheduler = Literal["linear", "cosine", "constant", "cosine_with_min_lr"]


class Training(Section):
    """The fields of every training stage. They are passed on to `transformers.TrainingArguments`."""

    from_: str | None = Field(default=None, alias="from")
    """Folder of a finished model that is used instead of training one."""
    learning_rate: Positive = 2e-5
    """Peak learning rate."""
    epochs: Positive = 3.0
    """Number of passes over the data."""
    batch_size: Count = 8
    """Number of examples per forward pass and process."""
    gradient_accumulation: Count = 1
    """Number of forward passes per optimiser step."""
    lr_scheduler: LearningRateScheduler = "linear"
    """Shape of the learning rate's decay."""
    min_lr_ratio: Fraction = 0.0
    """Final learning rate as a share of the peak; it applies to `cosine_with_min_lr` only."""
    warmup_ratio: Fraction = 0.1
    """Share of the optimiser steps in which the learning rate rises."""
    weight_decay: NonNegative = 0.0
    """Weight decay of AdamW."""
    adam_beta2: Fraction = 0.999
    """Decay of AdamW's second moment."""
    max_grad_norm: Positive = 1.0
    """Norm at which gradients are clipped."""
    save_steps: Count = 200
    """Number of optimiser steps between two checkpoints."""
    logging_steps: Count = 10
    """Number of optimiser steps between two log entries."""
    bf16: bool = False
    """Computes in bfloat16; the weights stay in float32."""
    gradient_checkpointing: bool = False
    """Recomputes activations in the backward pass, which saves memory and costs time."""


class Pretrain(Training):
    """Language-model training of a model from scratch: on the nano stream, or on the training problems' solutions."""

    learning_rate: Positive = 3e-3
    """Peak learning rate."""
    epochs: Positive = 1.0
    """Number of passes over the data."""
    batch_size: Count = 16
    """Number of examples per forward pass and process."""
    lr_scheduler: LearningRateScheduler = "cosine_with_min_lr"
    """Shape of the learning rate's decay."""
    min_lr_ratio: Fraction = 0.05
    """Final learning rate as a share of the peak; it applies to `cosine_with_min_lr` only."""
    warmup_ratio: Fraction = 0.036
    """Share of the optimiser steps in which the learning rate rises."""
    programs: Count = 22000
    """Number of programs in the nano stream."""
    noisy: bool = True
    """Whether the nano stream contains the habitual bugs."""


class Sft(Training):
    """Supervised fine-tuning on canonical solutions."""


class Reward(Training):
    """The reward model."""

    kind: Literal["prm", "orm"] = "prm"
    """Kind of the reward model: `prm` scores every step, `orm` scores a whole program once, at its end."""
    model: str = "base"
    """Model that training starts from: `base`, `sft`, or a folder or hub id."""
    epochs: Positive = 10.0
    """Number of passes over the data."""
    batch_tokens: Count = 2048
    """Number of tokens per forward pass and process where programs share their prefixes. Elsewhere `batchSize`
    counts."""
    row_weights: bool = False
    """Weights a labelled prefix by the number of programs that contain it. Without it every labelled prefix counts
    once."""
    class_balance: bool = True
    """Weights right and wrong steps so that both kinds count the same in all."""
    keep_best: bool = True
    """Publishes the weights of the epoch with the highest AUROC on labelled steps of the validation problems, instead
    of the last ones."""


class DpoSampling(Section):
    """The programs that each of several rounds samples, and the pairs that it makes of them."""

    prompts: Count | None = None
    """Number of problems per round; none means all training problems."""
    samples: Count = 4
    """Number of programs sampled per problem."""
    temperature: Positive = 1.0
    """Sampling temperature."""
    max_new_tokens: Count = 512
    """Longest sampled program in tokens. A program that is cut there makes no pair."""
    locate: Literal["splice", "rollout"] = "splice"
    """How the first wrong step is found: by splicing it into the canonical solution, or by rollouts from its prefix."""
    rollouts: Count = 4
    """Number of completions tried at each prefix by `locate: rollout`."""
    max_log_ratio: Positive | None = None
    """Pairs are left out if the policy finds the chosen step more probable than the rejected one by more than this, in
    nats; none keeps all pairs."""


class Dpo(Section):
    """Step-level DPO (the paper's Algorithm 2)."""

    beta: Positive = 0.1
    """Strength of the pull towards the reference model."""
    nll_weight: NonNegative = 0.0
    """Weight of the chosen segment's negative log-likelihood in the loss."""
    weighting: Literal["program", "pair"] = "program"
    """`program` averages over the pairs of a program before it averages over programs; `pair` gives every pair the
    same weight."""
    origins: tuple[Literal["canonical", "mutation", "refactoring", "policy"], ...] = ("mutation", "policy")
    """Origins of the rejected segments whose pairs are trained on."""
    rounds: Count = 1
    """Number of rounds. One round trains on the supervision's pairs. Each of several rounds samples programs from the
    policy as it is then, finds the first wrong step of failing ones by execution, and makes one pass over the pairs of
    these steps. Its reference model is the policy at the start of the round."""
    sampling: DpoSampling = DpoSampling()
    """The programs of each round; only with several rounds."""


class Control(Training):
    """A likelihood-only control, trained beside the policy and evaluated with it."""

    kind: Literal["nll", "rft"]
    """`nll` trains on the chosen segments of the same pairs, `rft` on the policy's own passing programs."""
    batch_tokens: Count | None = None
    """As `policy.batchTokens`; it applies to `nll` only."""


class Policy(Training):
    """Improvement of the policy. Only the section that `algorithm` names may be given beside it."""

    algorithm: Literal["dpo", "ppo", "rloo", "grpo"] = "dpo"
    """Algorithm that trains the policy: step-level DPO on pairs, or reinforcement learning with a value model (`ppo`),
    a leave-one-out baseline (`rloo`) or a group baseline (`grpo`). See docs/algorithms.md."""
    init: str = "base"
    """Model that training starts from: `base`, `sft`, or a folder or hub id."""
    learning_rate: Positive = 5e-6
    """Peak learning rate."""
    batch_tokens: Count | None = None
    """Number of tokens per forward pass with all pairs of a program in one batch, so that they share their prefixes.
    Without it, and for models that cannot share prefixes, batches have `batchSize` pairs of any programs."""
    dpo: Dpo | None = None
    """Settings of DPO."""
    rl: Rl | None = None
    """Settings of `ppo`, `rloo` and `grpo`. They count updates: of the fields above, `epochs` does not apply, a batch
    is `batchSize` rollouts, and the learning rate changes from update to update."""
    controls: Annotated[tuple[Control, ...], Field(json_schema_extra=unique_by("kind"))] = ()
    """Likelihood-only controls that are trained beside the policy."""

    @property
    def learns_from_rollouts(self) -> bool:
        """Whether the policy is trained on its own new programs, and not on the supervision's pairs."""
        return self.algorithm in RL_ALGORITHMS or (self.dpo is not None and self.dpo.rounds > 1)

    @model_validator(mode="before")
    @classmethod
    def _fill_in_algorithm(cls, data: Any) -> Any:
        """The section of the chosen algorithm has its defaults when it is left out; the others stay absent."""
        if not isinstance(data, dict):
            return data
        algorithm = data.get("algorithm", "dpo")
        member = "rl" if algorithm in RL_ALGORITHMS else algorithm
        if member not in ("dpo", "rl"):
            return data
        given = {} if data.get(member) is None else data[member]
        if algorithm == "ppo" and isinstance(given, dict) and given.get("value") is None:
            given = {**given, "value": {}}
        return {**data, member: given}
