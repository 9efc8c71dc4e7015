"""The fixed cost of a pass over the model, learned from the passes themselves.

A pass takes some time even for a single token: it calls hundreds of operators, and on a GPU launches as many kernels.
In a small model this equals the time of hundreds of tokens; in a large model on a CPU it is less than one token.
Batches that ignore this cost have too much padding in the large model, or are too small for the small one.
"""

from __future__ import annotations

WARM_UP_PASSES = 3  # not counted, because they allocate memory and choose kernels
WEIGHT_DECAY = 0.98  # the weight of each pass shrinks by this factor with every later one
INITIAL_TOKENS = 32.0  # the estimate before anything is known


class PassCost:
    """``tokens`` is the fixed cost of a pass, expressed as the number of tokens that could be read in the same time. It
    is between 0 and ``most``."""

    def __init__(self, most: float) -> None:
        self.tokens = min(INITIAL_TOKENS, most)
        self._most = most
        self._passes = 0
        self._weight = self._x = self._y = self._xx = self._xy = 0.0

    def saw(self, tokens: int, seconds: float) -> None:
        """Record one pass: the tokens that it read, padding included, and its duration.

        A line ``seconds = intercept + slope * tokens`` is fitted to all passes by weighted least squares. The fixed
        cost in tokens is ``intercept / slope``. Sums are enough for the fit, so no pass is stored.
        """
        self._passes += 1
        if self._passes <= WARM_UP_PASSES:
            return
        x, y = float(tokens), seconds
        self._weight = WEIGHT_DECAY * self._weight + 1
        self._x = WEIGHT_DECAY * self._x + x
        self._y = WEIGHT_DECAY * self._y + y
        self._xx = WEIGHT_DECAY * self._xx + x * x
        self._xy = WEIGHT_DECAY * self._xy + x * y
        mean_x, mean_y = self._x / self._weight, self._y / self._weight
        variance = self._xx / self._weight - mean_x * mean_x
        if variance <= 1e-6 * mean_x * mean_x:  # passes of equal size do not determine a line
            return
        slope = (self._xy / self._weight - mean_x * mean_y) / variance
        intercept = mean_y - slope * mean_x
        # Compared before the division, because noise can make the slope zero or negative.
        self.tokens = self._most if intercept >= self._most * slope else max(intercept / slope, 0.0)
