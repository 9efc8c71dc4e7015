"""The segmenter behind gRPC.

- ``service``: ``prlcoder.v1.SegmenterService``, with its worker processes; ``metrics``: what it counts;
- ``client``: the asynchronous client and the one for synchronous code;
- ``messages``: segments as protocol buffers, which the services of the mutator and the reward model use too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prlcoder.segmenter.serving.client import BlockingSegmenter, SegmenterClient

__all__ = ["BlockingSegmenter", "SegmenterClient"]


def __getattr__(name: str) -> Any:
    """Import a client on first use, because gRPC stands behind it."""
    if name in __all__:
        from prlcoder.segmenter.serving import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
