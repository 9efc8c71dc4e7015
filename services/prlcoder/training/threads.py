"""How many CPU threads torch may use: decided here, for training, scoring and sampling alike."""

from __future__ import annotations

import os

import torch

MOST = 4  # small matrices gain nothing from more


def settle_threads() -> None:
    """One thread a core, up to four, unless ``OMP_NUM_THREADS`` says otherwise or the machine has a GPU.

    The command line bounds first how long a thread spins while it waits. Endless spinning takes the core from whoever
    could use it (training was measured 5 to 10 times slower so beside other work), none at all leaves two cores idle
    for a third of the time: 4.3 to 5.6 steps a second of the quickstart's pre-training, against 7.1 to 8.8.
    """
    if "OMP_NUM_THREADS" not in os.environ and not torch.cuda.is_available():
        torch.set_num_threads(min(MOST, len(os.sched_getaffinity(0))))
