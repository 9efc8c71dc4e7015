"""The executor behind gRPC and HTTP.

- ``service``: ``prlcoder.v1.ExecutorService``; ``batch_stream``: one stream of it; ``http``: SandboxFusion's interface;
- ``async_executor``: the thread on which the core runs; ``result_cache``, ``metrics``, ``settings``: its surroundings;
- ``client``: the asynchronous client; ``blocking``: the client for synchronous code; ``execution_stream``: what both
  use to run many programs over one stream; ``requests`` and ``messages``: conversion to protocol buffers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prlcoder.executor.serving.blocking import BlockingExecutor
    from prlcoder.executor.serving.client import ExecutorClient

__all__ = ["BlockingExecutor", "ExecutorClient"]


def __getattr__(name: str) -> Any:
    """Import a client on first use, because gRPC stands behind it."""
    if name == "BlockingExecutor":
        from prlcoder.executor.serving.blocking import BlockingExecutor

        return BlockingExecutor
    if name == "ExecutorClient":
        from prlcoder.executor.serving.client import ExecutorClient

        return ExecutorClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
