"""The policy behind gRPC.

- ``service``: ``prlcoder.v1.PolicyService``; ``settings``, ``metrics``;
- ``live``: the protocol of an engine that serves; ``live_transformers`` and ``vllm_engine``: the two engines;
- ``client``: the asynchronous client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prlcoder.policy.serving.client import PolicyClient

__all__ = ["PolicyClient"]


def __getattr__(name: str) -> Any:
    """Import a client on first use, because gRPC stands behind it."""
    if name in __all__:
        from prlcoder.policy.serving import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
