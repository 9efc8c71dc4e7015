"""A program whose answers are known. A jail that answers otherwise cannot be trusted with the next program."""

from __future__ import annotations

import marshal
from typing import Final

from prlcoder.executor.jailed import wire
from prlcoder.executor.jailed.values import VERSION, encode
from prlcoder.executor.judging.orders import Order, RunOutcome
from prlcoder.executor.verdicts import ResourceLimits

CANARY_EVERY: Final = 500  # programs of one jail

_PROGRAM: Final = """\
import math, os
def f(n):
    return [sorted([n, 1, 2]), math.isqrt(n * n), "".join(reversed("abc")), sum({n: n}.values()), os.listdir(".")]
"""
_CALLS: Final = marshal.dumps([((3,), {}), ((5,), {})], VERSION)
_ANSWERS: Final = ([[1, 2, 3], 3, "cba", 3, []], [[1, 2, 5], 5, "cba", 5, []])

CANARY: Final = Order(
    wire.CALLS, "", marshal.dumps((_PROGRAM, "f", True, _CALLS, False), VERSION), b"", ResourceLimits()
)
RIGHT_RECORDS: Final = b"".join(wire.frame(place, wire.ANSWER, encode(answer)) for place, answer in enumerate(_ANSWERS))


def is_right(outcome: RunOutcome) -> bool:
    """Whether the canary's records are the known ones, byte for byte.

    A run that met its limit of time says nothing about the jail: the machine was busy.
    """
    if outcome.report.end in (wire.WALL, wire.CPU):
        return True
    return outcome.stage == wire.COMPILED and outcome.answers == RIGHT_RECORDS
