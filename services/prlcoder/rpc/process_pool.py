"""Runs pure Python work in worker processes.

All cores are used and the event loop stays free. Source text that crashes the interpreter, as deep nesting can, ends a
worker and not the server.
"""

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

MAX_ATTEMPTS: Final = 2  # a crash ends all workers of the pool, so items that ran beside the culprit are run again
MAX_SUBMITTED_PER_WORKER: Final = 2  # the rest stay in our queue, where they can still be cancelled


class Compute:
    """A pool of worker processes that is replaced when one of them dies."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or len(os.sched_getaffinity(0))
        self._places = asyncio.Semaphore(MAX_SUBMITTED_PER_WORKER * self.workers)
        self._pool: ProcessPoolExecutor | None = None

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of ``function(*args)`` in a worker. ``BrokenProcessPool`` if a worker died of it twice."""
        async with self._places:
            for attempt in range(1, MAX_ATTEMPTS + 1):
                pool = self._open()
                try:
                    return await asyncio.wrap_future(pool.submit(function, *args, **kwargs))
                except BrokenProcessPool:
                    if self._pool is pool:  # another item may have replaced the broken pool already
                        self._pool = None
                    if attempt == MAX_ATTEMPTS:
                        raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        """End the workers. Work that has not started is cancelled."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _open(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")  # forking a process that runs gRPC is not safe
            self._pool = ProcessPoolExecutor(self.workers, context, initializer=settle_worker)
        return self._pool


def settle_worker() -> None:
    """Prepare a worker process: it ends when its server ends, however that happens. It ignores the terminal's Ctrl-C,
    because the server finishes accepted work before it stops its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(signal.SIGKILL)
