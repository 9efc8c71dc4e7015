"""What vLLM's workers can do beyond vLLM: their sampler returns log-probabilities at another temperature.

vLLM chooses when it starts whether log-probabilities are those of the model (``raw_logprobs``, at temperature 1) or of
the distribution that tokens are drawn from (``processed_logprobs``). Training needs the second kind and evaluation the
first one, so an engine here starts with the second, whose sampler can compute both, and switches.
"""

from __future__ import annotations

from typing import Any, Literal

LogprobsMode = Literal["raw_logprobs", "processed_logprobs"]


class LogprobsSwitch:
    """vLLM adds this class to the bases of its worker class, by the name in ``worker_extension_cls``."""

    model_runner: Any  # the worker's own

    def use_logprobs(self, mode: LogprobsMode) -> None:
        """Return log-probabilities of this kind from the next token on."""
        sampler = self.model_runner.sampler
        sampler.logprobs_mode = mode
        if (restricting := getattr(sampler, "topk_topp_sampler", None)) is not None:
            restricting.logprobs_mode = mode
