"""Programs that try to reach files, processes or system calls outside their jail."""

from __future__ import annotations

import pytest
from tests.executor.sandbox.attacks.attack import (
    CALLS,
    HONEST,
    PASSED,
    RUNTIME,
    SECRET,
    SHORT_WALL,
    TIMEOUT,
    WRONG,
    Attack,
    check,
    names,
)

from prlcoder.executor import Executor

pytestmark = pytest.mark.needs_sandbox

ESCAPES = [
    Attack("opens a socket", "import socket\ndef f(n): socket.socket()", RUNTIME, "PermissionError"),
    Attack(
        "connects",
        "import socket\ndef f(n): socket.create_connection(('127.0.0.1', 80), 1)",
        RUNTIME,
        "PermissionError",
    ),
    Attack("resolves a name", "import socket\ndef f(n): socket.getaddrinfo('example.org', 80)", RUNTIME, "gaierror"),
    Attack("reads its memory", "def f(n): return open('/proc/self/mem')", RUNTIME, "FileNotFoundError"),
    Attack(
        "changes /proc and /etc",
        f"""
        import ctypes, os
        def f(n):
            attempts = (
                lambda: open("/proc/self/status", "w"),
                lambda: open("/proc/self/status", "r+"),
                lambda: open("/proc/self/oom_score_adj", "w"),
                lambda: open("/proc/left", "x"),
                lambda: os.mkdir("/proc/2"),
                lambda: os.chmod("/proc/self/status", 0o666),
                lambda: os.chmod("/proc", 0o777),
                lambda: os.unlink("/proc/self/exe"),
                lambda: os.rename("/proc/self/comm", "/proc/self/name"),
                lambda: os.symlink("/tmp", "/proc/out"),
                lambda: os.link("/proc/self/status", "/proc/left"),
                lambda: os.utime("/proc/uptime", (0, 0)),
                lambda: os.setxattr("/proc/self/status", "user.left", b"x"),
                lambda: open("/proc/self/root/left", "x"),
                lambda: open("/proc/self/exe", "r+"),
                lambda: open("/etc/passwd", "a"),
                lambda: open("/etc/left", "x"),
                lambda: os.chmod("/etc/hosts", 0o666),
                lambda: os.unlink("/etc/group"),
                lambda: os.rename("/etc/passwd", "/etc/group"),
            )
            refused = 0
            for attempt in attempts:
                try:
                    attempt()
                except OSError:
                    refused += 1
            remount = ctypes.CDLL(None).mount(b"none", b"/proc", b"tmpfs", 0, 0)
            return {SECRET} + n - 3 if refused == len(attempts) and remount == -1 else refused
        """,
        PASSED,
        "",
    ),
    Attack(
        "looks for others in /proc",
        f"""
        import os
        def f(n):
            found = {{name for name in os.listdir("/proc") if name.isdecimal()}}
            inner = set(os.listdir("/proc/self"))
            leaks = inner & {{"fd", "fdinfo", "maps", "mem", "environ", "mountinfo", "ns", "task", "map_files", "attr"}}
            leaks |= set(os.listdir("/proc")) & {{"sys", "sysrq-trigger", "kcore", "kallsyms", "keys"}}
            return {SECRET} + n - 3 if found == {{"1"}} and not leaks else (found, leaks)
        """,
        PASSED,
        "",
        gvisor=(RUNTIME, "FileNotFoundError"),  # no such folder or file there
    ),
    Attack(
        "lists other processes' files",
        "import glob\ndef f(n): return sum(map(len, map(glob.glob, ('/proc/*/fd', '/home/*', '/srv/*'))))",
        WRONG,
        "",
    ),
    Attack("reads passwords", "def f(n): return open('/etc/shadow').read()", RUNTIME, "FileNotFoundError"),
    Attack(
        "looks for the host's users and names",
        f"""
        import os, pwd
        def f(n):
            users = [user.pw_name for user in pwd.getpwall()]
            hosts = open("/etc/hosts").read().split()
            known = {{"passwd", "group", "hosts", "nsswitch.conf", "ld.so.cache"}}
            found = users, set(hosts) - {{"127.0.0.1", "::1", "localhost"}}, set(os.listdir("/etc")) - known
            return {SECRET} + n - 3 if found == (["root", "nobody"], set(), set()) else found
        """,
        PASSED,
        "",
        gvisor=(RUNTIME, "FileNotFoundError"),  # no such folder or file there
    ),
    Attack(
        "writes outside its scratch folder",
        "def f(n): open('/usr/x', 'w')",
        RUNTIME,
        "OSError",
        gvisor=(RUNTIME, "PermissionError"),  # which of the two reasons comes first: not its file, or a read-only mount
    ),
    Attack("creates a file in the root", "def f(n): open('/x', 'w')", RUNTIME, "OSError"),
    Attack(
        "follows a symbolic link out",
        "import os\ndef f(n):\n    os.symlink('/', 'out')\n    open('out/x', 'w')",
        RUNTIME,
        "OSError",
    ),
    *[
        Attack(
            f"system call {name}",
            "import ctypes\n"
            "def f(n):\n"
            f"    r = ctypes.CDLL(None, use_errno=True).syscall({call})\n"
            f"    return (r, ctypes.get_errno()) == (-1, {errno}) and {SECRET} + n - 3",
            PASSED,
            "",
        )
        for name, call, errno in (
            ("unshare(user)", "272, 0x10000000", 1),
            ("unshare(mount)", "272, 0x00020000", 1),
            ("clone(user, pid)", "56, 0x30000011, 0, 0, 0, 0", 1),
            ("clone3", "435, 0, 0", 38),
            ("ptrace", "101, 0, 1, 0, 0", 1),
            ("mount", "165, 0, 0, 0, 0, 0", 1),
            ("setns", "308, 0, 0", 1),
            ("bpf", "321, 0, 0, 0", 1),
            ("keyctl", "250, 0, 0", 1),
            ("io_uring_setup", "425, 1, 0", 1),
            ("memfd_create", "319, 0, 0", 1),
            ("process_vm_readv", "310, 1, 0, 0, 0, 0, 0", 1),
            ("an x32 number", "0x40000000 | 39", 38),
        )
    ],
    Attack(
        "kills everything it sees",
        "import os, signal\nos.kill(-1, signal.SIGKILL)\n" + HONEST,
        RUNTIME,
        "ProcessLookupError",
        gvisor=(RUNTIME, "PermissionError"),
    ),
    Attack(
        "kills its parent",
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n" + HONEST,
        PASSED,
        "",
        gvisor=(RUNTIME, "PermissionError"),
    ),
    *[
        Attack(
            f"{what} its parent",
            f"import fcntl, os, resource, tempfile\ndef f(n): {call.format(parent='os.getppid() or 2')}",
            RUNTIME,
            "ProcessLookupError",  # it is alone in its PID namespace
            gvisor=(RUNTIME, "PermissionError"),
        )
        for what, call in (
            ("lowers the limits of", "resource.prlimit({parent}, resource.RLIMIT_FSIZE, (0, 0))"),
            ("takes processors from", "os.sched_setaffinity({parent}, [0])"),
            ("lowers the priority of", "os.setpriority(os.PRIO_PROCESS, {parent}, 19)"),
            ("aims a file's signals at", "fcntl.fcntl(tempfile.TemporaryFile(), fcntl.F_SETOWN, {parent})"),
        )
    ],
    Attack(
        "raises its limits",
        "import resource\ndef f(n): resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
        RUNTIME,
        "ValueError",
    ),
    Attack(
        "signals process groups",
        "import os\nos.killpg(0, 0)\n" + HONEST,
        PASSED,
        "",
        gvisor=(RUNTIME, "PermissionError"),
    ),
    Attack(
        "sets a timer whose signal ends it",
        "import signal\ndef f(n):\n    signal.signal(signal.SIGALRM, signal.SIG_DFL)\n"
        "    signal.setitimer(signal.ITIMER_REAL, 0.01)\n    signal.pause()",
        TIMEOUT,  # PID 1 of a namespace does not die of its own signals
        "wall",
        SHORT_WALL,
        gvisor=(RUNTIME, "signal SIGALRM"),
    ),
    Attack(
        "inherits a descriptor",
        "import os\ndef f(n):\n    found = []\n    for fd in range(5, 4096):\n        try: found.append(os.fstat(fd))\n"
        "        except OSError: pass\n    return len(found) or 8_675_309_424_242 + n - 3",
        PASSED,
        "",
    ),
    Attack(
        "looks for the host's environment",
        "import os\nallowed = {'HOME', 'LANG', 'LC_CTYPE', 'PATH', 'PYTHONHASHSEED'}\n"
        f"def f(n): return {SECRET} + n - 3 if set(os.environ) <= allowed else dict(os.environ)",
        PASSED,
        "",
    ),
    Attack(
        "raises its priority",
        "import os\ndef f(n): os.nice(-5)",
        RUNTIME,
        "PermissionError",
    ),
    Attack(
        "mounts through a library",
        "import ctypes\ndef f(n): return ctypes.CDLL(None).mount(0, b'/tmp', b'tmpfs')",
        WRONG,
        "",
    ),
    Attack("becomes root", "import os\ndef f(n): os.setuid(0)", RUNTIME, "OSError"),
    Attack(
        "makes a device",
        "import os, stat\ndef f(n): os.mknod('m', 0o600 | stat.S_IFBLK, 0x800)",
        RUNTIME,
        "PermissionError",
    ),
    Attack("changes the root folder", "import os\ndef f(n): os.chroot('/tmp')", RUNTIME, "PermissionError"),
    Attack("starts a session", "import os\ndef f(n): os.setsid()", WRONG, "", gvisor=(RUNTIME, "PermissionError")),
]


@pytest.mark.parametrize("attack", ESCAPES, ids=names(ESCAPES))
def test_nothing_escapes(executor: Executor, attack: Attack) -> None:
    check(executor, attack, CALLS)
