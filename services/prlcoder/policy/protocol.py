"""The interface of everything that samples programs from a policy, in this process or behind a service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Generator(Protocol):
    """A policy with its tokenizer: ``TransformersEngine`` in this process, ``RemoteEngine`` through the service."""

    @property
    def tokenizer(self) -> Any:
        """The tokenizer that renders the prompts."""
        ...

    def generate(
        self, prompts: Sequence[str], *, samples: int, temperature: float, seed: int, stop: Sequence[str] = ()
    ) -> list[list[str]]:
        """``samples`` completions per prompt, in order; the same arguments give the same completions."""
        ...
