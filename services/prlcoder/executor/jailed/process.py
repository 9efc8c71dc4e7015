"""Cloned processes as the zygote sees them: how one ended, and how to end it with everything that it has started."""

from __future__ import annotations

import contextlib
import os
import signal
import time

from prlcoder.executor.jailed.kernel import Kernel


class Process:
    """A cloned process that has not been reaped, so that its PID cannot belong to another process.

    ``wakeup_fd`` is the zygote's pipe that SIGCHLD fills, or -1 where the kernel has PID descriptors.
    """

    def __init__(self, pid: int, wakeup_fd: int) -> None:
        self.pid = pid
        self._wakeup_fd = wakeup_fd
        self.descriptor = os.pidfd_open(pid) if wakeup_fd < 0 else wakeup_fd  # readable once it has ended
        self.status = 0
        self.cpu_s = 0.0
        self.rss_kib = 0

    def cpu_so_far(self) -> float:
        """CPU seconds of the process itself, without its children."""
        try:
            return time.clock_gettime((~self.pid << 3) | 2)  # the kernel's id of another process's CPU clock
        except OSError:
            return 0.0

    def caused_wakeup(self) -> bool:
        """Whether ``descriptor`` became readable because of this process."""
        if self._wakeup_fd < 0:
            return True
        os.read(self._wakeup_fd, 512)
        return self.has_ended()

    def has_ended(self) -> bool:
        """Whether the process has ended. It is not reaped."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def reap(self, kernel: Kernel) -> None:
        """Wait for the end of a process that was killed, and read how it ended."""
        self.status, self.cpu_s, self.rss_kib = kernel.wait(self.pid)
        if self._wakeup_fd < 0:
            os.close(self.descriptor)


def kill_group(pid: int) -> None:
    """Kill the candidate's process group. Processes that have left the group survive this."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def kill_orphans() -> None:
    """Kill a run's daemons. Without a PID namespace they have become children of the zygote (a subreaper, or PID 1)."""
    while True:
        if os.getpid() == 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)  # every other process of the jail
        else:
            with open(f"/proc/self/task/{os.getpid()}/children") as file:
                children = [int(pid) for pid in file.read().split()]
            for pid in children:
                os.kill(pid, signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def leave_zygote(kernel: Kernel) -> None:
    """Detach a candidate that has no PID namespace: a new session, death with the zygote, no signals to its pipe."""
    os.setsid()
    kernel.die_with_parent()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
