"""Ends a stage that finishes no work for a long time, and leaves the stacks of its threads in the log.

It is used on a cluster, where the Job restarts the pod from the last checkpoint. A thread watches; it cannot run while
native code holds the interpreter's lock, so that ``faulthandler``'s own timer, which needs no lock, stands behind it.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prlcoder.runs.transcript import OpenTranscript
from prlcoder.telemetry.progress import idle_s, restart_clock

NO_PROGRESS_EXIT_CODE: Final = 79  # the first code behind those of sysexits.h
MAX_POLL_S: Final = 5.0
TIMER_GRACE_S: Final = 60.0  # how much later than the thread the timer acts; its exit code is 1


@contextmanager
def watched(stage: str, deadline_s: float, log: OpenTranscript) -> Iterator[None]:
    """Within the block, end the process with exit code 79 once ``deadline_s`` seconds bring no finished work.

    0 watches nothing. ``log`` is finished before the process ends. SIGUSR1 prints the stacks at any time and ends
    nothing.
    """
    faulthandler.register(signal.SIGUSR1, file=sys.stderr, all_threads=True)
    if deadline_s <= 0:
        yield
        return
    restart_clock()  # reading the problems is no part of the stage
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(stage, deadline_s, log, over), name="watchdog", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        faulthandler.cancel_dump_traceback_later()


def _watch(stage: str, deadline_s: float, log: OpenTranscript, over: threading.Event) -> None:
    poll_s = min(MAX_POLL_S, deadline_s / 4)
    while True:
        faulthandler.dump_traceback_later(deadline_s + TIMER_GRACE_S, exit=True, file=log.shown)
        if over.wait(poll_s):
            return
        if idle_s() >= deadline_s:
            _end(stage, deadline_s, log)


def _end(stage: str, deadline_s: float, log: OpenTranscript) -> None:
    print(f"stage {stage}: the stacks of all threads, the newest call first:", file=sys.stderr, flush=True)
    faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
    what = f"stage {stage}: no work was finished for {deadline_s:.0f} s (spec.progressDeadlineSeconds)"
    print(f"{what}; the process ends and its log holds the stacks of all threads", file=sys.stderr, flush=True)
    log.finish()
    os._exit(NO_PROGRESS_EXIT_CODE)
