"""The process that candidates are cloned from. It has one thread, the standard library loaded, and no program.

For each request it reads the header only, clones the process that reads the body, watches it (with millisecond timers,
because ``RLIMIT_CPU`` counts whole seconds), kills the processes that are left, and reports. It ends when the
supervisor closes the socket, and whenever it cannot be sure that the next program would start clean.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import gc
import importlib
import os
import random
import resource
import select
import signal
import stat
import sys
import threading
import warnings
from typing import Final

from prlcoder.executor.jailed import candidate, rehearsal, site_builtins, wire
from prlcoder.executor.jailed.kernel import Kernel
from prlcoder.executor.jailed.run import Preamble, ZygoteFds, ZygoteRun, read_exactly, write_all

FIRST_OWN_FD: Final = 64  # lower descriptors may be kept by cloned processes
OPEN_FILES: Final = 256
THREAD_STACK_MIB: Final = 16  # else a thread's stack is as large as the main thread's, and three fill the memory limit
M_ARENA_MAX: Final = -8  # glibc's number of the option
PRELOAD_FAILED: Final = "the zygote cannot import "


def open_fds(control: int, stop: int) -> ZygoteFds:
    """Move the inherited descriptors out of the candidate's range, and open the memory files and the status pipe."""

    def move(descriptor: int) -> int:
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_OWN_FD)
        os.close(descriptor)
        return moved

    def open_wakeup_pipe() -> int:
        """The read end of a pipe to which the interpreter writes at every ``SIGCHLD``."""
        read_end, write_end = (move(end) for end in os.pipe())
        os.set_blocking(write_end, False)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        return read_end

    own_control, own_stop = move(control), move(stop)
    answers, verdict, stdin, stdout, lines = (move(os.memfd_create(f"file{number}")) for number in range(5))
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
        lines,
        status,
        status_end,
        -1 if has_pid_descriptors() else open_wakeup_pipe(),
    )


def has_pid_descriptors() -> bool:
    """Whether the kernel has ``pidfd_open``. gVisor lacks it."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


def limit_jail() -> None:
    """Set the limits that every process of the jail inherits. nsjail has set them too, where it may."""
    for limit, value in ((resource.RLIMIT_NOFILE, OPEN_FILES), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(limit, (value, value))


def silence_standard_files() -> None:
    """Connect 0, 1 and 2 to ``/dev/null``. A run with standard input and output replaces 0 and 1."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)


def serve(fds: ZygoteFds, kernel: Kernel, links: rehearsal.Links, namespaces: bool, scratch: tuple[str, ...]) -> None:
    """Handle requests until the supervisor hangs up or a run leaves something that cannot be removed."""
    preambles: dict[int, Preamble] = {wire.NO_PREAMBLE: None}
    modes = [(folder, stat.S_IMODE(os.stat(folder).st_mode)) for folder in scratch]
    poll = select.poll()
    poll.register(fds.control, 0)  # hang-up only
    poll.register(fds.stop, select.POLLIN)
    write_all(fds.control, wire.READY)
    while True:
        request = wire.ZygoteRequest(*wire.REQUEST.unpack(read_exactly(fds.control, wire.REQUEST.size)))
        if request.kind == wire.PREAMBLE:
            text = read_exactly(fds.control, request.body).decode("utf-8", "surrogatepass")
            preambles[request.preamble] = candidate.compile_program(text)
            continue
        run = ZygoteRun(fds, kernel, links, namespaces, request, preambles[request.preamble])
        try:
            end = run.wait(poll)
        except EOFError:
            run.end()
            raise
        report, whole = run.report(end)
        clean = whole and all(wipe(folder, mode) for folder, mode in modes)
        write_all(fds.control, report)
        if not clean:
            return


def wipe(scratch: str, mode: int) -> bool:
    """Restore an empty scratch folder. Returns False if that fails."""
    try:
        os.chmod(scratch, mode)
        left = os.listdir(scratch)
        if not left:
            return True
        pending = [os.path.join(scratch, name) for name in left]
        while pending:  # depth first without recursion, because a program may nest folders without end
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


def share_one_arena() -> None:
    """Let all threads allocate from one arena.

    glibc would reserve 64 MiB of address space per thread, and ten threads would fill the memory limit.
    """
    with contextlib.suppress(AttributeError):  # another C library has no arenas
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def restore_warnings() -> None:
    """Python's own filters, in place of those that keep the zygote silent."""
    sys.warnoptions.clear()
    warnings.resetwarnings()
    warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")
    for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", category, append=True)


def import_packages(folder: str, names: tuple[str, ...]) -> None:
    """Put the folder on the path and import the modules that programs shall find loaded."""
    sys.path.append(folder)
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException as error:
            print(f"{PRELOAD_FAILED}{name} ({type(error).__name__}: {error})", file=sys.stderr, flush=True)
            os._exit(1)


def main(
    namespaces: bool,
    processes: bool,
    scratch: tuple[str, ...],
    control: int,
    stop: int,
    packages: str = "",
    preload: tuple[str, ...] = (),
) -> None:
    """Run the zygote on the inherited descriptors. The script that ``executor.jail`` sends calls this.

    ``namespaces``: each candidate gets a user and a PID namespace. ``processes``: candidates may start processes.
    ``scratch``: the folders that a program may write to; the first is its current folder. ``packages`` is the folder
    of packages, "" without one, and ``preload`` names modules in it.
    """
    if packages:
        import_packages(packages, preload)
    for name in [name for name in sys.modules if name.partition(".")[0] == "prlcoder"]:
        del sys.modules[name]
    sys.argv = ["program.py"]
    random.seed(0)
    kernel = Kernel(namespaces, processes)
    fds = open_fds(control, stop)
    silence_standard_files()
    limit_jail()
    os.chdir(scratch[0])
    site_builtins.install()
    restore_warnings()
    threading.stack_size(THREAD_STACK_MIB << 20)
    share_one_arena()
    kernel.confine_zygote()
    candidate.program_path()
    links = rehearsal.rehearse()
    # A collection writes to the header of every object, and each page that is written after a clone must be copied.
    gc.collect()
    gc.disable()
    gc.freeze()
    try:
        serve(fds, kernel, links, namespaces, scratch)
    except (EOFError, OSError):  # the supervisor has ended
        pass
    finally:
        os._exit(0)
