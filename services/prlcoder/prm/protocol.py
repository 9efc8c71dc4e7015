"""The interface of everything that scores steps with a reward model, in this process or behind a service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from prlcoder.prm.items import StepScore
    from prlcoder.problems.prompts import Prompt
    from prlcoder.segmenter.model import Segment


class StepScorer(Protocol):
    """A reward model with its tokenizer: ``LocalStepScorer`` in this process, ``RemoteScorer`` through the service."""

    @property
    def tokenizer(self) -> Any:
        """The tokenizer that renders the prompts."""
        ...

    def score(self, items: Sequence[tuple[Prompt, str, Sequence[Segment]]]) -> list[list[StepScore]]:
        """One score per segment for each (prompt, whole program, segments), in order.

        Raises ``ValueError`` if a program is longer than the model's context.
        """
        ...
