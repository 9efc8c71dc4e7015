"""Pure Python work on processes of its own: every core is used, the event loop stays free, and text that crashes the
interpreter (deep nesting can) takes a worker with it and not the server."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Final, ParamSpec, TypeVar

from prlcoder.signals import end_with_parent

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS: Final = 2  # an innocent item that ran beside a crash gets a second one
MAX_SUBMITTED_PER_WORKER: Final = 2  # the rest stay in our queue, where they can still be cancelled


class Compute:
    """A pool of worker processes that replaces itself when one of them dies."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or len(os.sched_getaffinity(0))
        self._places = asyncio.Semaphore(MAX_SUBMITTED_PER_WORKER * self.workers)
        self._pool: ProcessPoolExecutor | None = None

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``function(*args)`` on a worker. ``BrokenProcessPool`` if it ended its worker twice."""
        async with self._places:
            for attempt in range(1, ATTEMPTS + 1):
                pool = self._open()
                try:
                    return await asyncio.wrap_future(pool.submit(function, *args, **kwargs))
                except BrokenProcessPool:
                    if self._pool is pool:
                        self._pool = None
                    if attempt == ATTEMPTS:
                        raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        """End the workers; what still waits for them is cancelled."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _open(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")  # forking a process that runs gRPC is not safe
            self._pool = ProcessPoolExecutor(self.workers, context, initializer=settle_worker)
        return self._pool


def settle_worker() -> None:
    """A worker ends with its server, however that ends, and not with the terminal's Ctrl-C: accepted work is finished
    first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(signal.SIGKILL)
