"""What a pass over the model costs beside the tokens it reads, learned from the passes themselves.

Calling a model takes time whatever it reads: hundreds of operators, on a GPU as many kernels. In a small model that is
as much as hundreds of tokens, in a large one on a CPU less than one; batches that are filled without regard to it are
padded too much for the one or are too many for the other.
"""

from __future__ import annotations

WARM_UP = 3  # passes that say nothing: memory is allocated, kernels are chosen
FADING = 0.98  # of a pass's weight, with each later one
FIRST_GUESS = 32.0  # tokens


class PassCost:
    """``tokens``: as many could be read in the time that a pass takes for itself; between 0 and ``most``."""

    def __init__(self, most: float) -> None:
        self.tokens = min(FIRST_GUESS, most)
        self._most = most
        self._passes = 0
        self._weight = self._x = self._y = self._xx = self._xy = 0.0

    def saw(self, tokens: int, seconds: float) -> None:
        """One pass: tokens read, padding included, and its duration. A line is fitted through all, least squares."""
        self._passes += 1
        if self._passes <= WARM_UP:
            return
        x, y = float(tokens), seconds
        self._weight = FADING * self._weight + 1
        self._x = FADING * self._x + x
        self._y = FADING * self._y + y
        self._xx = FADING * self._xx + x * x
        self._xy = FADING * self._xy + x * y
        mean_x, mean_y = self._x / self._weight, self._y / self._weight
        spread = self._xx / self._weight - mean_x * mean_x
        if spread <= 1e-6 * mean_x * mean_x:  # passes of one size say nothing either
            return
        slope = (self._xy / self._weight - mean_x * mean_y) / spread
        alone = mean_y - slope * mean_x
        self.tokens = self._most if alone >= self._most * slope else max(alone / slope, 0.0)
