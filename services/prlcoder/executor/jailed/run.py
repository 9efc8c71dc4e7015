"""One run, from ``clone`` to report: the first, trusted steps of the cloned process, and the zygote's watch over it."""

from __future__ import annotations

import gc
import marshal
import os
import select
import signal
import socket
import struct
import time
from dataclasses import dataclass
from typing import Final, NoReturn

from prlcoder.executor.jailed import candidate, candidate_rpc, checking, line_trace, tester_rpc, wire
from prlcoder.executor.jailed.kernel import Kernel
from prlcoder.executor.jailed.process import Process, kill_group, kill_orphans, leave_zygote
from prlcoder.executor.jailed.rehearsal import Links

READ: Final = b"R"  # first on the status pipe: the body has been read; TIMES and the stage text follow
TIMES: Final = struct.Struct("<dd")
FIRST_PARTIAL_S: Final = 0.03
CHECKS_PER_CALL: Final = 8

Preamble = candidate.CodeType | str | None


@dataclass(frozen=True)
class ZygoteFds:
    """The zygote's open files.

    ``control`` and ``stop`` come from the supervisor. ``answers``, ``verdict``, ``stdin``, ``stdout`` and ``lines`` are
    memory files that one run after the other uses. ``status`` is a pipe whose write end is closed before any code of a
    candidate runs, so that only trusted code can write to it.
    """

    control: int
    stop: int
    answers: int
    verdict: int
    stdin: int
    stdout: int
    lines: int
    status: int
    status_end: int
    wakeup_fd: int  # readable after a child has ended, where the kernel lacks PID descriptors (gVisor); else -1


def read_exactly(control: int, count: int) -> bytes:
    """Read ``count`` bytes from the supervisor. Raises ``EOFError`` if it has ended."""
    data = os.read(control, count)
    while len(data) < count:
        more = os.read(control, count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def write_all(control: int, data: bytes) -> None:
    """Write all of ``data`` to the supervisor. Raises ``OSError`` if it has ended."""
    written = os.write(control, data)
    while written < len(data):
        written += os.write(control, memoryview(data)[written:])


# --- in the cloned process ------------------------------------------------------------------------------------------


def run_candidate_process(
    fds: ZygoteFds, kernel: Kernel, links: Links, request: wire.ZygoteRequest, preamble: Preamble, channel: int
) -> NoReturn:
    """Read the program, confine this process, compile, report on the status pipe, and run the program."""
    status = wire.TRUSTED_FAILURE
    try:
        body = marshal.loads(read_exactly(fds.control, request.body))
        os.write(fds.status_end, READ)
        started = time.perf_counter()
        if request.kind == wire.STDIO:
            _provide_stdin(fds, body[1])
        _confine(kernel, request)
        code = preamble if isinstance(preamble, str) else candidate.compile_program(body[0])
        stage = code.encode() if isinstance(code, str) else wire.COMPILED
        if request.trace and isinstance(code, str):
            line_trace.note_syntax_error(body[0], fds.lines)
        os.write(fds.status_end, TIMES.pack(started, time.perf_counter()) + stage)
        if not isinstance(code, str) and not isinstance(preamble, str):
            _keep_files(fds, channel, bool(request.trace))
            candidate.prepare_interpreter(body[0])
            if request.trace:
                line_trace.start(code)
            status = candidate.CRASH_EXIT
            status = _run_candidate(request.kind, links.candidate, body, preamble, code)
    finally:
        os._exit(status)


def _keep_files(fds: ZygoteFds, channel: int, trace: bool) -> None:
    """Close every file that the candidate does not use, and move the others to their places."""
    own = candidate.ANSWERS_FD + 1
    if channel >= 0:
        os.dup2(channel, candidate.CHANNEL_FD)
        own += 1
    if trace:
        os.dup2(fds.lines, line_trace.TRACE_FD)
        os.closerange(own, line_trace.TRACE_FD)
        own = line_trace.TRACE_FD + 1
    os.closerange(own, 1 << 16)


def _confine(kernel: Kernel, request: wire.ZygoteRequest) -> None:
    """Apply the limits of the request. The kernel's CPU limit is set to twice the requested one.

    The zygote ends programs by its own clock. The kernel counts whole ticks, which on a busy virtual machine were seen
    to run 30 % ahead of that clock, so its limit is only the last resort.
    """
    kernel.confine_candidate(int(2 * request.cpu_s) + 1, request.memory, request.output + 1, request.processes)


def _provide_stdin(fds: ZygoteFds, stdin: bytes) -> None:
    data = memoryview(stdin)
    os.lseek(fds.stdin, 0, os.SEEK_SET)
    while data:
        data = data[os.write(fds.stdin, data) :]
    os.lseek(fds.stdin, 0, os.SEEK_SET)
    os.dup2(fds.stdin, 0)
    os.dup2(fds.stdout, 1)


def _run_candidate(
    kind: int,
    link: candidate_rpc.CandidateLink,
    body: tuple[object, ...],
    preamble: candidate.CodeType | None,
    code: candidate.CodeType,
) -> int:
    if kind == wire.CALLS:
        return candidate.answer_calls(body, preamble, code)
    if kind == wire.STDIO:
        return candidate.run_stdio(preamble, code)
    if kind == wire.CHECK:
        return checking.run_checker(body)
    return candidate_rpc.serve(link, body, preamble, code)


def run_tester_process(
    fds: ZygoteFds, kernel: Kernel, links: Links, request: wire.ZygoteRequest, preamble: Preamble, channel: int
) -> NoReturn:
    """The trusted process that runs test code. It alone reads the tests, and writes to a file that no candidate has."""
    try:
        body = marshal.loads(read_exactly(fds.control, request.tester))
        os.write(fds.status_end, READ)
        os.dup2(fds.verdict, candidate.ANSWERS_FD)
        os.dup2(channel, candidate.CHANNEL_FD)
        os.closerange(candidate.CHANNEL_FD + 1, 1 << 16)
        gc.enable()
        _confine(kernel, request)
        if not isinstance(preamble, str):
            tester_rpc.run_tests(links.tester, body, preamble, candidate.record_writer())
    finally:
        os._exit(0)


# --- in the zygote --------------------------------------------------------------------------------------------------


class ZygoteRun:
    """The zygote's side of one request. Call ``wait``, then ``report``, once each."""

    def __init__(
        self,
        fds: ZygoteFds,
        kernel: Kernel,
        links: Links,
        namespaces: bool,
        request: wire.ZygoteRequest,
        preamble: Preamble,
    ) -> None:
        self._fds, self._kernel, self._links = fds, kernel, links
        self._request, self._namespaces = request, namespaces
        self._status_text = b""
        self._partial_sent = 0
        self._answers_size, self._call_began_cpu_s = 0, 0.0  # for the limit per call
        self.tester: Process | None = None
        self._began = time.perf_counter()
        if request.kind != wire.SERVE:
            self.candidate = self._clone(kernel, run_candidate_process, preamble, -1)
            return
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.tester = self._clone(kernel, run_tester_process, preamble, ours.fileno())
            self._await_tester()
            self.candidate = self._clone(kernel, run_candidate_process, preamble, theirs.fileno())

    def _clone(self, kernel: Kernel, process: object, preamble: Preamble, channel: int) -> Process:
        pid = kernel.clone()
        if pid == 0:
            if not self._namespaces:
                leave_zygote(kernel)
            process(self._fds, kernel, self._links, self._request, preamble, channel)  # type: ignore[operator]
        return Process(pid, self._fds.wakeup_fd)

    def _await_tester(self) -> None:
        """Wait until the tester has read the tests. A candidate that is cloned earlier could read them instead."""
        os.set_blocking(self._fds.status, True)
        os.read(self._fds.status, 1)
        os.set_blocking(self._fds.status, False)

    def wait(self, poll: select.poll) -> int:
        """Wait until the decisive process (the tester if there is one) has ended or must end, and return how."""
        decisive = self.tester or self.candidate
        poll.register(decisive.descriptor, select.POLLIN)
        try:
            return self._watch(poll, decisive)
        finally:
            poll.unregister(decisive.descriptor)

    def _watch(self, poll: select.poll, decisive: Process) -> int:
        partial_at = self._began + FIRST_PARTIAL_S
        cpu_check_at = self._began + (self._request.test_s or self._request.cpu_s)
        while True:
            now = time.perf_counter()
            wall_left = self._wall_left(now)
            if wall_left <= 0:
                return wire.WALL
            if now >= cpu_check_at:
                cpu_left = self._cpu_left()
                if cpu_left <= 0:
                    return wire.CPU
                cpu_check_at = now + max(cpu_left, 0.002)
            if now >= partial_at:
                self._send_partial()
                partial_at = now + 2 * (now - self._began)
            pause = min(now + wall_left, cpu_check_at, partial_at) - now
            for descriptor, _ in poll.poll(pause * 1000 + 1):
                if descriptor == decisive.descriptor:
                    if decisive.caused_wakeup():
                        return wire.EXITED
                    continue
                if descriptor == self._fds.control:
                    raise EOFError
                if struct.pack("<Q", self._request.number) in _messages(self._fds.stop):
                    return wire.STOPPED

    def _cpu_left(self) -> float:
        """CPU seconds until the limit of the program or of the present call, at most until the next check.

        A call is over when the file of answers has grown. That is only noticed at the next check, so checks are made
        eight times per call's limit: a call gets at most an eighth more than its limit.
        """
        used, limit = self.candidate.cpu_so_far(), self._request.test_s
        left = self._request.cpu_s - used
        if not limit:
            return left
        size = os.fstat(self._fds.answers).st_size
        if size != self._answers_size:
            self._answers_size, self._call_began_cpu_s = size, used
        call_left = limit - (used - self._call_began_cpu_s)
        return min(left, call_left, limit / CHECKS_PER_CALL)

    def _wall_left(self, now: float) -> float:
        """Seconds until the wall limit. Its clock starts when the program has arrived."""
        if now - self._began >= self._request.wall_s and not self._status_text:
            self._read_status()
            if not self._status_text:
                self._began = now
        return self._began + self._request.wall_s - now

    def _read_status(self) -> None:
        try:  # noqa: SIM105 (contextlib.suppress touches 10 more pages, and each is copied after every clone)
            self._status_text += os.read(self._fds.status, 256)
        except BlockingIOError:
            pass

    def _send_partial(self) -> None:
        """Send the answers so far, so that the supervisor can stop a program whose verdict is already certain.

        The file stays as it is until the run ends; ``_partial_sent`` remembers what has been sent from it.
        """
        if self._request.kind != wire.CALLS:
            return
        answers = os.pread(self._fds.answers, self._request.output + 1, self._partial_sent)
        if answers:
            self._partial_sent += len(answers)
            header = wire.REPORT.pack(self._request.number, wire.PARTIAL, 0, 0, 0, 0, 0, 0, 0, 0, len(answers), 0, 0)
            write_all(self._fds.control, header + answers)

    def end(self) -> None:
        """Kill and reap both processes."""
        processes = [self.candidate] if self.tester is None else [self.candidate, self.tester]
        ended = self.tester is None or self.candidate.has_ended()
        for process in processes:
            os.kill(process.pid, signal.SIGKILL)
            if not self._namespaces:
                kill_group(process.pid)
        for process in processes:
            process.reap(self._kernel)
        if not ended and self.candidate.status == signal.SIGKILL:
            self.candidate.status = 0  # the tester had finished, so this kill says nothing about the program
        if not self._namespaces:
            kill_orphans()

    def report(self, end: int) -> tuple[bytes, bool]:
        """The report's bytes, and whether the request was read in full. If not, the zygote must not continue."""
        self.end()
        wall = time.perf_counter() - self._began
        self._read_status()
        fork = compiling = 0.0
        stage = b""
        if len(self._status_text) > TIMES.size:
            started, compiled = TIMES.unpack_from(self._status_text, 1)
            fork, compiling = started - self._began, compiled - started
            stage = self._status_text[1 + TIMES.size :]
        answers, output, lines = self._contents()
        first, second = self.candidate, self.tester
        header = wire.REPORT.pack(
            self._request.number,
            end if self._status_text else wire.BROKEN,
            first.status,
            second.status if second else 0,
            first.cpu_s + (second.cpu_s if second else 0.0),
            wall,
            fork,
            compiling,
            max(first.rss_kib, second.rss_kib if second else 0),
            len(stage),
            len(answers),
            len(output),
            len(lines),
        )
        return b"".join((header, stage, answers, output, lines)), bool(self._status_text)

    def _contents(self) -> tuple[bytes, bytes, bytes]:
        """Read the memory files and empty them for the next run. One byte above the limit means too much output."""
        fds, limit = self._fds, self._request.output + 1
        answers = _read_and_empty(fds.answers, limit, self._partial_sent)
        lines = _read_and_empty(fds.lines, line_trace.RECORD_BYTES, 0) if self._request.trace else b""
        if self._request.kind == wire.STDIO:
            os.ftruncate(fds.stdin, 0)
            return answers, _read_and_empty(fds.stdout, limit, 0), lines
        return answers, _read_and_empty(fds.verdict, limit, 0) if self.tester else b"", lines


def _messages(stop: int) -> list[bytes]:
    data = os.read(stop, 1 << 12)
    return [data[at : at + 8] for at in range(0, len(data), 8)]


def _read_and_empty(file: int, limit: int, start: int) -> bytes:
    data = os.pread(file, 4096, start)
    if len(data) == 4096:
        data = os.pread(file, limit, start)
    os.ftruncate(file, 0)
    os.lseek(file, 0, os.SEEK_SET)
    return data
