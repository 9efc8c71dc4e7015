"""A program whose results are more than plain values, and tests that look at them."""

from __future__ import annotations

import textwrap
from typing import NamedTuple


class ObjectCase(NamedTuple):
    """A program and test code that calls it."""

    name: str
    program: str
    tests: str


def block_case(name: str, program: str, tests: str) -> ObjectCase:
    """A case whose program and tests are indented blocks."""
    return ObjectCase(name, textwrap.dedent(program).lstrip("\n"), textwrap.dedent(tests).lstrip("\n"))
