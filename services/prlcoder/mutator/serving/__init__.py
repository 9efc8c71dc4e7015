"""The rule teacher behind gRPC.

- ``service``: ``prlcoder.v1.MutatorService``, with its worker processes; ``metrics``: what it counts;
- ``client``: the asynchronous client and the one for synchronous code; ``messages``: variants as protocol buffers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prlcoder.mutator.serving.client import BlockingMutator, MutatorClient

__all__ = ["BlockingMutator", "MutatorClient"]


def __getattr__(name: str) -> Any:
    """Import a client on first use, because gRPC stands behind it."""
    if name in __all__:
        from prlcoder.mutator.serving import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
