"""Lets one process at a time work in a run folder.

It takes POSIX record locks (``lockf``) rather than ``flock``: they end with the process that took them, even if a child
that it forked lives on, so that a killed run never leaves its folder locked. They do not tell two users inside one
process apart, which is enough, because a process runs one run.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prlcoder.errors import WorkError
from prlcoder.runs.state import now


@contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock file at ``path``; ``WorkError`` naming the process that holds it already, or ``wait`` for it."""
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            file.seek(0)
            holder = file.read().strip() or "another process"
            what = f"another run is working in this folder ({holder})"
            raise WorkError(f"{path.parent}: {what}; wait for it, or choose another metadata.name") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()} since {now()}\n")
        file.flush()
        yield
