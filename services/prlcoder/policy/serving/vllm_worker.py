"""What vLLM's workers do beyond vLLM: they return log-probabilities at another temperature, and end with the server.

vLLM chooses when it starts whether log-probabilities are those of the model (``raw_logprobs``, at temperature 1) or of
the distribution that tokens are drawn from (``processed_logprobs``). Training needs the second kind and evaluation the
first one, so an engine here starts with the second, whose sampler can compute both, and switches.

vLLM's engine is a process of its own. Without help it goes on, and keeps its memory, when the server is killed.
"""

from __future__ import annotations

import os
import select
import threading
from typing import Any, Literal

LogprobsMode = Literal["raw_logprobs", "processed_logprobs"]


class WorkerExtension:
    """vLLM adds this class to the bases of its worker class, by the name in ``worker_extension_cls``."""

    model_runner: Any  # the worker's own

    def use_logprobs(self, mode: LogprobsMode) -> None:
        """Return log-probabilities of this kind from the next token on."""
        sampler = self.model_runner.sampler
        sampler.logprobs_mode = mode
        if (restricting := getattr(sampler, "topk_topp_sampler", None)) is not None:
            restricting.logprobs_mode = mode

    def end_with(self, server: int) -> None:
        """End this process as soon as the process ``server`` has ended, however it did."""
        ended = os.pidfd_open(server)  # readable from then on

        def wait() -> None:
            select.select([ended], [], [])
            os._exit(1)

        threading.Thread(target=wait, name="end-with-server", daemon=True).start()
