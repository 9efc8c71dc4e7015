"""The process that candidates are cloned from: standard library loaded, one thread, no program in its memory.

For each request it reads the header only, clones the process that reads the body, watches it (with millisecond timers
of its own; ``RLIMIT_CPU`` counts whole seconds), kills what is left, and reports. It ends when the supervisor's socket
does, and whenever it cannot be sure that the next program would start clean.
"""

from __future__ import annotations

import fcntl
import gc
import os
import random
import resource
import select
import signal
import stat
import sys
from typing import Final

from prlcoder.executor.jailed import candidate, wire
from prlcoder.executor.jailed.kernel import Kernel
from prlcoder.executor.jailed.run import Preamble, ZygoteFds, ZygoteRun, read_exactly, write_all

FIRST_OWN_FD: Final = 64  # below: what a cloned process may keep
OPEN_FILES: Final = 256


def open_desk(control: int, stop: int) -> ZygoteFds:
    """Move the inherited ends out of the candidate's numbers and open the memory files and the status pipe."""

    def move(descriptor: int) -> int:
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_OWN_FD)
        os.close(descriptor)
        return moved

    def bell() -> int:
        """A pipe into which the interpreter writes at every ``SIGCHLD``."""
        heard, rung = (move(end) for end in os.pipe())
        os.set_blocking(rung, False)
        signal.set_wakeup_fd(rung, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        return heard

    own_control, own_stop = move(control), move(stop)
    answers, verdict, stdin, stdout = (move(os.memfd_create(f"file{number}")) for number in range(4))
    status, status_end = (move(end) for end in os.pipe())
    os.dup2(answers, candidate.ANSWERS_FD)
    os.set_blocking(status, False)
    os.set_blocking(own_stop, False)
    return ZygoteFds(
        own_control,
        own_stop,
        answers,
        verdict,
        stdin,
        stdout,
        status,
        status_end,
        -1 if has_pid_descriptors() else bell(),
    )


def has_pid_descriptors() -> bool:
    """Whether the kernel knows ``pidfd_open`` (gVisor does not)."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


def limit_jail() -> None:
    """What every process of the jail inherits; nsjail has set it already where it may."""
    for limit, value in ((resource.RLIMIT_NOFILE, OPEN_FILES), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(limit, (value, value))


def silence_standard_files() -> None:
    """Until a run says otherwise, 0, 1 and 2 are ``/dev/null``."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)


def serve(desk: ZygoteFds, kernel: Kernel, namespaces: bool, scratch: str) -> None:
    """Handle requests until the supervisor hangs up or something is left over that will not go."""
    preambles: dict[int, Preamble] = {wire.NO_PREAMBLE: None}
    mode = stat.S_IMODE(os.stat(scratch).st_mode)
    poll = select.poll()
    poll.register(desk.control, 0)  # hang-up only
    poll.register(desk.stop, select.POLLIN)
    write_all(desk.control, wire.READY)
    while True:
        request = wire.ZygoteRequest(*wire.REQUEST.unpack(read_exactly(desk.control, wire.REQUEST.size)))
        if request.kind == wire.PREAMBLE:
            text = read_exactly(desk.control, request.body).decode("utf-8", "surrogatepass")
            preambles[request.preamble] = candidate.compile_program(text)
            continue
        run = ZygoteRun(desk, kernel, namespaces, request, preambles[request.preamble])
        try:
            end = run.wait(poll)
        except EOFError:
            run.end()
            raise
        report, whole = run.report(end)
        clean = whole and wipe(scratch, mode)
        write_all(desk.control, report)
        if not clean:
            return


def wipe(scratch: str, mode: int) -> bool:
    """Leave the scratch folder as it was at start; False if it resists."""
    try:
        os.chmod(scratch, mode)
        left = os.listdir(scratch)
        if not left:
            return True
        pending = [os.path.join(scratch, name) for name in left]
        while pending:  # depth first without recursion; a folder is visited again once it is empty
            path = pending[-1]
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                os.unlink(pending.pop())
                continue
            os.chmod(path, 0o700)
            inside = os.listdir(path)
            if not inside:
                os.rmdir(pending.pop())
            pending += [os.path.join(path, name) for name in inside]
    except OSError:
        return False
    return True


def main(namespaces: bool, processes: bool, scratch: str, control: int, stop: int) -> None:
    """Run the zygote on the inherited descriptors; called by the text that ``executor.jail`` sends.

    ``namespaces``: candidates get a user and a PID namespace each. ``processes``: they may start others.
    """
    for name in [name for name in sys.modules if name.partition(".")[0] == "prlcoder"]:
        del sys.modules[name]
    sys.argv = ["program.py"]
    random.seed(0)
    kernel = Kernel(namespaces, processes)
    desk = open_desk(control, stop)
    silence_standard_files()
    limit_jail()
    os.chdir(scratch)
    kernel.confine_zygote()
    gc.collect()
    gc.disable()
    gc.freeze()
    try:
        serve(desk, kernel, namespaces, scratch)
    except (EOFError, OSError):  # the supervisor has gone
        pass
    finally:
        os._exit(0)
