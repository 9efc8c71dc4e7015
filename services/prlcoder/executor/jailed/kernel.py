"""The system calls that isolate a run: one ``clone`` with namespaces, no capabilities, a system call filter.

Everything that takes time to prepare (structures, filter programs) is prepared once, in the zygote.

Two seccomp filters apply to a candidate. The zygote installs the first on itself, so that every clone inherits it; each
candidate installs the second. The kernel runs both for every system call, and the more restrictive result counts. A
filter is a program of the classic Berkeley Packet Filter (BPF): it has one accumulator, reads a ``struct seccomp_data``
(the call's number at offset 0, the architecture at 4, six 64-bit arguments from 16 on), and can only jump forwards.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
from typing import Final

MACHINE: Final = os.uname().machine
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEW_ANY: Final = 0x7E020080  # all CLONE_NEW* flags together
CLONE_THREAD: Final = 0x00010000
SIGCHLD: Final = 17

_AUDIT_ARCH: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT: Final = 0x40000000

# name: (number on x86_64, number on aarch64); None where the architecture lacks the call
NUMBERS: Final[dict[str, tuple[int | None, int | None]]] = {
    "clone": (56, 220),
    "clone3": (435, 435),
    "unshare": (272, 97),
    "capset": (126, 91),
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bind": (49, 200),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "connect": (42, 203),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "listen": (50, 201),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "semget": (64, 190),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "shmat": (30, 196),
    "shmget": (29, 194),
    "socket": (41, 198),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "userfaultfd": (323, 282),
    "ioperm": (173, None),
    "iopl": (172, None),
    "fork": (57, None),
    "vfork": (58, None),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "wait4": (61, 260),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
    "ioprio_set": (251, 30),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "setpriority": (141, 140),
}
# The zygote's filter permits the following calls, because the zygote or honest candidates need them. The candidate's
# own filter restricts some of them further.
_FORKS: Final = ("fork", "vfork")
_SIGNALS: Final = ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal")
_PRIORITIES: Final = ("ioprio_set", "setpriority")
_CALLS_NAMING_A_PROCESS: Final = (
    "prlimit64",
    "sched_setaffinity",
    "sched_setattr",
    "sched_setparam",
    "sched_setscheduler",
)
# F_SETOWN, F_SETOWN_EX; FIOSETOWN, SIOCSPGRP: they name the process that gets a file's signals
_SIGNAL_OWNER_COMMANDS: Final = {"fcntl": (8, 15), "ioctl": (0x8901, 0x8902)}
_CALLS_REACHING_OTHERS: Final = (*_SIGNALS, *_PRIORITIES, *_CALLS_NAMING_A_PROCESS, *_SIGNAL_OWNER_COMMANDS)
_ZYGOTE_CALLS: Final = {"clone", "unshare", "capset", "prctl", "wait4", *_FORKS, *_CALLS_REACHING_OTHERS}
_LIMITED: Final = (resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC)
OTHER_TASKS: Final = 1024  # of the same user, which RLIMIT_NPROC counts too where no user namespace is a program's own
_LIMITS: Final = struct.Struct("=8Q")  # the soft and the hard limit of each
_USAGE: Final = struct.Struct("=qqqqq")  # the start of ``struct rusage``: user and system seconds and microseconds, KiB
_USAGE_BYTES: Final = 144

# BPF instructions are (operation, jump if true, jump if false, operand); jumps count the instructions to skip.
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _EAGAIN, _ENOSYS = 1, 11, 38
_RETURN_ALLOW, _RETURN_EPERM = (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ERRNO | _EPERM)
_FIRST_ARGUMENT, _SECOND_ARGUMENT = (
    16,
    24,
)  # offsets of their low 32 bits: BPF loads 32 bits, both machines are little-endian

Instruction = tuple[int, int, int, int]


def number(name: str) -> int | None:
    """The system call's number on this machine, or None if the machine lacks the call."""
    return NUMBERS[name][0 if MACHINE == "x86_64" else 1]


_CLONE: Final = number("clone") or 0
_CLONE3: Final = number("clone3") or 0
_UNSHARE: Final = number("unshare") or 0
_CAPSET: Final = number("capset") or 0
_PRCTL: Final = number("prctl") or 0
_PRLIMIT: Final = number("prlimit64") or 0
_WAIT4: Final = number("wait4") or 0


def zygote_filter() -> list[Instruction]:
    """Denies what neither the zygote nor a candidate needs: sockets, mounts, the memory of other processes, and kernel
    interfaces with a record of vulnerabilities.

    ``clone3`` passes its flags behind a pointer, which a filter cannot follow. It fails with ENOSYS, as on an old
    kernel, so that the C library falls back to ``clone``, whose flags the candidate's filter reads.
    """
    numbers = (number(name) for name in NUMBERS if name not in _ZYGOTE_CALLS)
    denied = {call: _EPERM for call in numbers if call is not None} | {_CLONE3: _ENOSYS}
    return [*_prologue(), *_search(sorted(denied.items()))]


def candidate_filter(processes: bool, others: bool) -> list[Instruction]:
    """The second filter, which each candidate installs on itself: it denies new namespaces.

    Without ``processes`` it permits threads but no process, for a kernel on which ``RLIMIT_NPROC`` counts the processes
    of other programs too (gVisor). Without ``others`` it also denies signals to other processes and changes to their
    limits, priority or processors: a candidate without a PID namespace could otherwise reach its zygote and perhaps
    the supervisor.
    """
    no_process = (_RETURN, 0, 0, _ERRNO | _EAGAIN)
    denied = {"unshare": _RETURN_EPERM}
    denied |= {} if processes else dict.fromkeys(_FORKS, no_process)
    denied |= {} if others else dict.fromkeys((*_SIGNALS, *_PRIORITIES), _RETURN_EPERM)
    numbers = [(number(name), answer) for name, answer in denied.items()]
    # The flags decide ``clone``: namespaces are refused, and without ``processes`` CLONE_THREAD is required.
    flags = [
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_ANY_BIT, 0, 1, CLONE_NEW_ANY),
        _RETURN_EPERM,
        *([] if processes else [(_JUMP_ANY_BIT, 1, 0, CLONE_THREAD), no_process]),
        _RETURN_ALLOW,
    ]
    # The prologue leaves the call's number in the accumulator. Each test compares it and either returns or skips one
    # instruction. The block for ``clone`` comes last, because it overwrites the accumulator with an argument.
    return [
        *_prologue(),
        *(step for call, answer in numbers if call is not None for step in ((_JUMP_EQUAL, 0, 1, call), answer)),
        *([] if others else _only_itself()),
        (_JUMP_EQUAL, 0, len(flags), _CLONE),
        *flags,
        _RETURN_ALLOW,
    ]


def _only_itself() -> list[Instruction]:
    """Permits calls that name a process only for the process 0, which is the caller. Denies naming the process that
    gets a file's signals, which would be a way to signal others.

    Every block overwrites the accumulator, so each of its paths must end in a return; a call that does not match jumps
    over the whole block with the accumulator intact.
    """
    steps: list[Instruction] = []
    for name in _CALLS_NAMING_A_PROCESS:
        test = [(_LOAD, 0, 0, _FIRST_ARGUMENT), (_JUMP_EQUAL, 0, 1, 0), _RETURN_ALLOW, _RETURN_EPERM]
        steps += [(_JUMP_EQUAL, 0, len(test), number(name) or 0), *test]
    for name, (one, other) in _SIGNAL_OWNER_COMMANDS.items():
        test = [
            (_LOAD, 0, 0, _SECOND_ARGUMENT),
            (_JUMP_EQUAL, 1, 0, one),
            (_JUMP_EQUAL, 0, 1, other),
            _RETURN_EPERM,
            _RETURN_ALLOW,
        ]
        steps += [(_JUMP_EQUAL, 0, len(test), number(name) or 0), *test]
    return steps


def _prologue() -> list[Instruction]:
    """Kill calls of another architecture, refuse x32 calls, and leave the call's number in the accumulator.

    The same number means another call on another architecture: without this check a 32-bit call would pass the tests
    that are written for 64-bit numbers. x32 calls share the architecture and differ only in one bit of the number.
    """
    start = [(_LOAD, 0, 0, 4), (_JUMP_EQUAL, 1, 0, _AUDIT_ARCH[MACHINE]), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    if MACHINE == "x86_64":
        start += [(_JUMP_AT_LEAST, 0, 1, _X32_BIT), (_RETURN, 0, 0, _ERRNO | _ENOSYS)]
    return start


def _search(denied: list[tuple[int, int]]) -> list[Instruction]:
    """A binary search over call numbers.

    When a filter is installed, the kernel evaluates it once for every call number, to learn which calls are always
    permitted. A linear list would make that quadratic, and it happens in every candidate.
    """
    if len(denied) <= 3:
        tests = [
            instruction
            for call, errno in denied
            for instruction in ((_JUMP_EQUAL, 0, 1, call), (_RETURN, 0, 0, _ERRNO | errno))
        ]
        return [*tests, (_RETURN, 0, 0, _ALLOW)]
    middle = len(denied) // 2
    low, high = _search(denied[:middle]), _search(denied[middle:])
    return [(_JUMP_AT_LEAST, len(low), 0, denied[middle][0]), *low, *high]


class Kernel:
    """The raw system calls, with every argument prepared.

    It uses ``PyDLL``, which keeps the GIL, because the process has one thread. All calls go through one function
    object, because every page that is touched between ``clone`` and the program is one more page to copy.
    """

    def __init__(self, namespaces: bool, processes: bool) -> None:
        library = ctypes.PyDLL(None, use_errno=True)
        self._syscall = library.syscall
        self._syscall.argtypes = [ctypes.c_long] * 6
        self._syscall.restype = ctypes.c_long
        self._flags = SIGCHLD | (CLONE_NEWUSER | CLONE_NEWPID if namespaces else 0)
        self._header = ctypes.create_string_buffer(struct.pack("<Ii", 0x20080522, 0))
        self._no_capabilities = ctypes.create_string_buffer(24)
        self._drop = (_CAPSET, ctypes.addressof(self._header), ctypes.addressof(self._no_capabilities), 0, 0, 0)
        # Older versions of gVisor do not enforce the limit at all.
        self._other_tasks = 0 if processes else OTHER_TASKS
        filter_address, self._kept = self._assemble(candidate_filter(processes, others=namespaces))
        self._filter = (_PRCTL, 22, 2, filter_address, 0, 0)
        self._limits = ctypes.create_string_buffer(_LIMITS.size)
        address = ctypes.addressof(self._limits)
        self._limit = [(_PRLIMIT, 0, which, address + 16 * place, 0, 0) for place, which in enumerate(_LIMITED)]
        self._ended = ctypes.create_string_buffer(8 + _USAGE_BYTES)  # a wait status, padding, and a ``struct rusage``
        self._ended_at = ctypes.addressof(self._ended)

    @staticmethod
    def _assemble(program: list[Instruction]) -> tuple[int, list[object]]:
        """The address of a ``struct sock_fprog``, and the objects that must stay alive for it to be valid."""
        code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *item) for item in program))
        header = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(program), ctypes.addressof(code)))
        return ctypes.addressof(header), [code, header]

    def _call(self, *arguments: int) -> int:
        """Make a system call and return its result. Raises ``OSError`` if the kernel refuses."""
        result: int = self._syscall(*arguments)
        if result < 0:
            raise OSError(ctypes.get_errno(), f"system call {arguments[0]}")
        return result

    def confine_zygote(self) -> None:
        """Renounce new privileges, adopt orphans, and install the zygote's filter.

        The process also becomes undumpable, which closes ``/proc/PID/mem`` to other processes of the same user. Clones
        inherit all of this. Raises ``OSError`` if the kernel refuses.
        """
        address, self._kept_zygote = self._assemble(zygote_filter())
        adopt = [] if os.getpid() == 1 else [(36, 1, 0)]  # PR_SET_CHILD_SUBREAPER; PID 1 adopts orphans anyway
        # PR_SET_NO_NEW_PRIVS must come before PR_SET_SECCOMP: an unprivileged process may not filter without it.
        for option, argument, extra in ((38, 1, 0), *adopt, (4, 0, 0), (22, 2, address)):
            self._call(_PRCTL, option, argument, extra, 0, 0)

    def clone(self) -> int:
        """Clone this process: 0 in the child, the child's PID here. Raises ``OSError`` if the kernel refuses."""
        return self._call(_CLONE, self._flags, 0, 0, 0, 0)

    def wait(self, pid: int) -> tuple[int, float, int]:
        """Reap the child and return its wait status, CPU seconds and peak resident KiB.

        ``os.wait4`` is not used, because it imports a module each time to build its result.
        """
        self._call(_WAIT4, pid, self._ended_at, 0, self._ended_at + 8, 0)
        (status,) = struct.unpack_from("=i", self._ended)
        user, user_micro, system, system_micro, peak = _USAGE.unpack_from(self._ended, 8)
        return status, user + system + (user_micro + system_micro) / 1e6, peak

    def die_with_parent(self) -> None:
        """Ask the kernel to kill this process when the zygote dies. Only needed without a PID namespace."""
        self._call(_PRCTL, 1, 9, 0, 0, 0)

    def confine_candidate(self, cpu: int, memory: int, file_size: int, processes: int) -> None:
        """Set the limits, drop every capability, and install the candidate's filter.

        ``cpu`` is whole seconds, ``memory`` and ``file_size`` are bytes. The filter comes last: after it, limits
        of other processes and new namespaces are out of reach.
        """
        processes += self._other_tasks
        _LIMITS.pack_into(self._limits, 0, cpu, cpu, memory, memory, file_size, file_size, processes, processes)
        syscall = self._syscall
        for call in self._limit:
            if syscall(*call) != 0:
                raise OSError(ctypes.get_errno(), "prlimit")
        if syscall(*self._drop) != 0 or syscall(*self._filter) != 0:
            raise OSError(ctypes.get_errno(), "confinement")
