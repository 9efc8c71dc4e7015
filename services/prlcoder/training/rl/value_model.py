"""The value model of PPO: the backbone of a policy or a reward model with a head of one number per token."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForCausalLM

from prlcoder.errors import InputError
from prlcoder.modeling.adapters import below_adapters, load_model
from prlcoder.modeling.configs import load_config
from prlcoder.modeling.token_classifier import classifier_class, has_own_class
from prlcoder.modeling.tokenizer_loading import load_tokenizer
from prlcoder.training.rl.token_batch import TokenBatch


class ValueModel(torch.nn.Module):
    """Estimates the return of a program from its beginning. The head starts at zero, so the first values are 0."""

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = torch.nn.Linear(backbone.config.get_text_config().hidden_size, 1)
        torch.nn.init.zeros_(self.head.weight)
        torch.nn.init.zeros_(self.head.bias)

    def forward(self, batch: TokenBatch) -> torch.Tensor:
        """The value before each completion token, ``(B, T)``: it is read at the token before it."""
        states = self.backbone(**batch.inputs).last_hidden_state.flatten(0, 1)[batch.predictors]
        values: torch.Tensor = self.head(states.float())[:, 0]
        return batch.rows(values)


def value_model_of_policy(policy: str) -> ValueModel:
    """A value model on the backbone of the language model at ``policy``, in float32."""
    model, _ = load_model(AutoModelForCausalLM, policy, dtype=torch.float32)
    return ValueModel(model.base_model)


def value_model_of_reward(reward: str, tokenizer: Any) -> ValueModel:
    """A value model on the backbone of the reward model at ``reward``, in float32.

    ``InputError`` if that model has another tokenizer than the policy, since it could not read the policy's tokens.
    """
    if load_tokenizer(reward).get_vocab() != tokenizer.get_vocab():
        raise InputError(
            f"policy.rl.value.init: the reward model {reward} has another tokenizer than the policy, so its backbone "
            "cannot read the policy's tokens; set it to policy"
        )
    config = load_config(below_adapters(reward))
    own = {} if has_own_class(config) else {"config": config}
    model, _ = load_model(classifier_class(config), reward, dtype=torch.float32, **own)
    return ValueModel(model.base_model)
