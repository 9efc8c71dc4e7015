"""Clients for synchronous code: the asynchronous clients, driven on a thread that runs an event loop.

Each service's blocking client stands beside its asynchronous one. Several threads may share a blocking client. Do not
use one on an event loop of your own: it would stop that loop while it waits.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from prlcoder.rpc.client import Client

T = TypeVar("T")
C = TypeVar("C", bound=Client)


class LoopThread:
    """An event loop on a thread of its own, until ``stop``."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="prlcoder-rpc", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``. An exception in the waiting thread, such as Ctrl-C, cancels ``work``."""
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        """Cancel the tasks that still run, then end the loop and its thread."""
        self.run(_end_others())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


async def _end_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class Blocking(Generic[C]):
    """A client on an event loop of its own. Usable as a context manager."""

    def __init__(self, make: Callable[[], C]) -> None:
        self._thread = LoopThread()

        async def made() -> C:
            return make()

        self._client = self._thread.run(made())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the channel and end the thread."""
        self._thread.run(self._client.close())
        self._thread.stop()
