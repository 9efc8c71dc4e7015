"""How torch uses the CPU of this machine, the same for training, scoring and sampling: threads and freed memory."""

from __future__ import annotations

import ctypes
import os
from typing import Final

import torch

MAX_THREADS: Final = 4  # small matrices gain nothing from more
# (parameter number of glibc's mallopt, bytes). glibc accepts at most 32 MiB for the second.
_M_TRIM_THRESHOLD: Final = (-1, 256 << 20)
_M_MMAP_THRESHOLD: Final = (-3, 32 << 20)


def settle_cpu() -> None:
    """Set the number of threads and keep freed memory. Call it before a model is loaded; calling it again is safe."""
    _limit_threads()
    _keep_freed_memory()


def _limit_threads() -> None:
    """One thread per core, at most four, unless ``OMP_NUM_THREADS`` is set or the machine has a GPU.

    The command line has already limited how long a waiting thread spins. A thread that spins without limit takes the
    core from other processes: training beside other work was measured to be 5 to 10 times slower. A thread that never
    spins leaves two cores idle for a third of the time: pre-training of the quickstart then made 4.3 to 5.6 steps per
    second instead of 7.1 to 8.8.
    """
    if "OMP_NUM_THREADS" not in os.environ and not torch.cuda.is_available():
        torch.set_num_threads(min(MAX_THREADS, len(os.sched_getaffinity(0))))


def _keep_freed_memory() -> None:
    """Let glibc keep up to 256 MiB that one pass has freed for the next pass.

    glibc adapts its thresholds by itself, but only for the main thread. A server runs its model in another thread, so
    the kernel provided the memory of all activations anew in every pass. That cost 1,000 page faults per program and
    up to half more CPU time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # musl and macOS have no mallopt
        for parameter, value in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD):
            mallopt(parameter, value)
