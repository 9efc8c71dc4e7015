"""The process reward model behind gRPC.

- ``service``: ``prlcoder.v1.PrmService``; ``settings``, ``metrics``;
- ``process``: the child process in which the model runs; ``live``: what runs there (the only module with torch);
- ``batching``: requests of many callers in one pass; ``pass_cost``: what a pass costs, learned from the passes;
- ``client``: the asynchronous client and the one for synchronous code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prlcoder.prm.serving.client import BlockingPrm, PrmClient

__all__ = ["BlockingPrm", "PrmClient"]


def __getattr__(name: str) -> Any:
    """Import a client on first use, because gRPC stands behind it."""
    if name in __all__:
        from prlcoder.prm.serving import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
