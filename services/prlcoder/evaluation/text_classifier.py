"""The text-only baseline: a logistic regression on hashed n-grams of a step's own text, without statement and prefix.

The leak test measures how far it gets, and a reward model is compared with it on the same steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prlcoder.evaluation.logistic import fit, margin
from prlcoder.evaluation.text_features import sparse_rows

INVERSE_PENALTY = 10.0


@dataclass(frozen=True)
class TextClassifier:
    """A fitted classifier; ``weights`` has one entry per hashed n-gram."""

    weights: NDArray[np.float64]

    @classmethod
    def fit(cls, texts: Sequence[str], right: Sequence[bool]) -> TextClassifier:
        """Fit to labelled texts. Raises ``ValueError`` if there are none."""
        return cls(fit(sparse_rows(texts), np.array(right, bool), INVERSE_PENALTY))

    def margins(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The log-odds that each text is right."""
        return margin(sparse_rows(texts), self.weights)

    def probabilities(self, texts: Sequence[str]) -> list[float]:
        """The probability that each text is right."""
        chances: list[float] = (1.0 / (1.0 + np.exp(-self.margins(texts)))).tolist()
        return chances
