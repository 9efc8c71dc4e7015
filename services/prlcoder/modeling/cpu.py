"""What torch may use of this machine's CPU, decided here for training, scoring and sampling alike: how many threads,
and the memory that it has freed."""

from __future__ import annotations

import ctypes
import os
from typing import Final

import torch

MOST: Final = 4  # threads; small matrices gain nothing from more
# Parameters of glibc's mallopt, and bytes. The second may not be more than 32 MiB.
_M_TRIM_THRESHOLD: Final = (-1, 256 << 20)
_M_MMAP_THRESHOLD: Final = (-3, 32 << 20)


def settle_cpu() -> None:
    """To be called before a model is loaded; may be called again."""
    _settle_threads()
    _keep_freed_memory()


def _settle_threads() -> None:
    """One thread a core, up to four, unless ``OMP_NUM_THREADS`` says otherwise or the machine has a GPU.

    The command line bounds first how long a thread spins while it waits. Endless spinning takes the core from whoever
    could use it (training was measured 5 to 10 times slower so beside other work), none at all leaves two cores idle
    for a third of the time: 4.3 to 5.6 steps a second of the quickstart's pre-training, against 7.1 to 8.8.
    """
    if "OMP_NUM_THREADS" not in os.environ and not torch.cuda.is_available():
        torch.set_num_threads(min(MOST, len(os.sched_getaffinity(0))))


def _keep_freed_memory() -> None:
    """Let glibc keep what a pass has freed for the next one, at most 256 MiB.

    It learns to by itself, but not for threads other than the first: a server's model runs in one, got all its
    activations from the kernel anew in every pass (1,000 page faults a program), and took up to half more CPU time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # another C library has other ways
        for parameter, value in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD):
            mallopt(parameter, value)
