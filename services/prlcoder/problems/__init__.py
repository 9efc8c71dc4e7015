"""Programming problems: the model, readers of the published formats, prompts, splits and the generated nano suite.

``read(source)`` yields problems of any format; it goes from ``sources`` (where the data is) over ``rows`` (records with
file and line) and ``formats`` (record to problem) to ``indentation``. ``model`` defines a problem and its tests,
``writing`` and ``formats.own`` write the ``prlcoder`` format, ``prompts`` renders problems for models, ``splits``
divides them, and ``messages`` converts them to protobuf.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prlcoder.problems.model import Problem

if TYPE_CHECKING:
    from prlcoder.problems.reading import read

__all__ = ["Problem", "read"]


def __getattr__(name: str) -> object:
    """``read`` is imported on first use, because the readers import pydantic."""
    if name == "read":
        from prlcoder.problems.reading import read

        return read
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
