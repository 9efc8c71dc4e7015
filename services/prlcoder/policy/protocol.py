"""The interface of everything that samples programs from a policy, in this process or behind a service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from prlcoder.problems.prompts import ModelInput


class Generator(Protocol):
    """A policy with its tokenizer: ``TransformersEngine`` in this process, ``RemoteEngine`` through the service."""

    @property
    def tokenizer(self) -> Any:
        """The tokenizer that renders the prompts."""
        ...

    def generate(
        self,
        prompts: Sequence[str | ModelInput],
        *,
        samples: int,
        temperature: float,
        seed: int,
        stop: Sequence[str] = (),
    ) -> list[list[str]]:
        """``samples`` completions per prompt, in order; the same arguments give the same completions.

        Control tokens are read where a ``ModelInput`` says so; in a plain string they are read everywhere.
        """
        ...
