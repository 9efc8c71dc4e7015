"""One run, from ``clone`` to report: the cloned process's trusted first steps, the zygote's watch over it."""

from __future__ import annotations

import marshal
import os
import select
import signal
import socket
import struct
import time
from dataclasses import dataclass
from typing import Final, NoReturn

from prlcoder.executor.jailed import candidate, tester_rpc, wire
from prlcoder.executor.jailed.kernel import Kernel
from prlcoder.executor.jailed.process import Process, kill_group, kill_orphans, leave_zygote

READ: Final = b"R"  # on the status pipe: the body has been read; then TIMES, then the stage text
TIMES: Final = struct.Struct("<dd")
FIRST_PARTIAL_S: Final = 0.03

Preamble = candidate.CodeType | str | None


@dataclass(frozen=True)
class ZygoteFds:
    """The zygote's open files. ``status`` is a pipe that only trusted code can write to."""

    control: int
    stop: int
    answers: int
    verdict: int
    stdin: int
    stdout: int
    status: int
    status_end: int
    bell: int  # readable when a child has ended, where there are no PID descriptors (gVisor); else -1


def read_exactly(control: int, count: int) -> bytes:
    """``count`` bytes from the supervisor; ``EOFError`` if it has gone."""
    data = os.read(control, count)
    while len(data) < count:
        more = os.read(control, count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def write_all(control: int, data: bytes) -> None:
    """All of ``data`` to the supervisor; ``OSError`` if it has gone."""
    written = os.write(control, data)
    while written < len(data):
        written += os.write(control, memoryview(data)[written:])


# --- in the cloned process ------------------------------------------------------------------------------------------


def candidate_process(
    desk: ZygoteFds, kernel: Kernel, request: wire.ZygoteRequest, preamble: Preamble, channel: int
) -> NoReturn:
    """Read the program, confine this process, compile, say so on the status pipe, run."""
    status = wire.TRUSTED_FAILURE
    try:
        body = marshal.loads(read_exactly(desk.control, request.body))
        os.write(desk.status_end, READ)
        started = time.perf_counter()
        if request.kind == wire.STDIO:
            _feed(desk, body[1])
        _confine(kernel, request)
        code = preamble if isinstance(preamble, str) else candidate.compile_program(body[0])
        stage = code.encode() if isinstance(code, str) else wire.COMPILED
        os.write(desk.status_end, TIMES.pack(started, time.perf_counter()) + stage)
        if not isinstance(code, str) and not isinstance(preamble, str):
            if channel >= 0:
                os.dup2(channel, candidate.CHANNEL_FD)
            os.closerange(candidate.ANSWERS_FD + 1 + (channel >= 0), 1 << 16)
            candidate.prepare_interpreter()
            status = candidate.CRASH_EXIT
            status = _hand_over(request.kind, body, preamble, code)
    finally:
        os._exit(status)


def _confine(kernel: Kernel, request: wire.ZygoteRequest) -> None:
    """The kernel's CPU limit counts whole ticks, and on a busy virtual machine these were seen to run 30 % ahead of
    the clock by which the zygote ends a program: it is the last resort, at twice the limit."""
    kernel.confine_candidate(int(2 * request.cpu_s) + 1, request.memory, request.output + 1, request.processes)


def _feed(desk: ZygoteFds, stdin: bytes) -> None:
    data = memoryview(stdin)
    os.lseek(desk.stdin, 0, os.SEEK_SET)
    while data:
        data = data[os.write(desk.stdin, data) :]
    os.lseek(desk.stdin, 0, os.SEEK_SET)
    os.dup2(desk.stdin, 0)
    os.dup2(desk.stdout, 1)


def _hand_over(
    kind: int, body: tuple[object, ...], preamble: candidate.CodeType | None, code: candidate.CodeType
) -> int:
    if kind == wire.CALLS:
        return candidate.answer_calls(body, preamble, code)
    if kind == wire.STDIO:
        return candidate.run_stdio(preamble, code)
    return tester_rpc.serve(body, preamble, code)


def tester_process(
    desk: ZygoteFds, kernel: Kernel, request: wire.ZygoteRequest, preamble: Preamble, channel: int
) -> NoReturn:
    """The trusted side of a dialogue. It alone reads the tests; it speaks through a file that no candidate has."""
    try:
        body = marshal.loads(read_exactly(desk.control, request.tester))
        os.write(desk.status_end, READ)
        os.dup2(desk.verdict, candidate.ANSWERS_FD)
        os.dup2(channel, candidate.CHANNEL_FD)
        os.closerange(candidate.CHANNEL_FD + 1, 1 << 16)
        candidate.prepare_interpreter()
        _confine(kernel, request)
        if not isinstance(preamble, str):
            tester_rpc.run_tests(body, preamble, candidate.speaker())
    finally:
        os._exit(0)


# --- in the zygote --------------------------------------------------------------------------------------------------


class ZygoteRun:
    """The zygote's side of one request. ``wait`` then ``report``, once each."""

    def __init__(
        self, desk: ZygoteFds, kernel: Kernel, namespaces: bool, request: wire.ZygoteRequest, preamble: Preamble
    ) -> None:
        self._desk, self._kernel, self._request, self._namespaces = desk, kernel, request, namespaces
        self._said = b""
        self._partial_sent = 0
        self.tester: Process | None = None
        self._began = time.perf_counter()
        if request.kind != wire.SERVE:
            self.candidate = self._clone(kernel, candidate_process, preamble, -1)
            return
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.tester = self._clone(kernel, tester_process, preamble, ours.fileno())
            self._await_tester()
            self.candidate = self._clone(kernel, candidate_process, preamble, theirs.fileno())

    def _clone(self, kernel: Kernel, process: object, preamble: Preamble, channel: int) -> Process:
        pid = kernel.clone()
        if pid == 0:
            if not self._namespaces:
                leave_zygote(kernel)
            process(self._desk, kernel, self._request, preamble, channel)  # type: ignore[operator]
        return Process(pid, self._desk.bell)

    def _await_tester(self) -> None:
        """The candidate must not be cloned before the tester has taken the tests out of the control socket."""
        os.set_blocking(self._desk.status, True)
        os.read(self._desk.status, 1)
        os.set_blocking(self._desk.status, False)

    def wait(self, poll: select.poll) -> int:
        """Until the process that decides (the tester, where there is one) ends or must end; says how."""
        decisive = self.tester or self.candidate
        poll.register(decisive.descriptor, select.POLLIN)
        try:
            return self._watch(poll, decisive)
        finally:
            poll.unregister(decisive.descriptor)

    def _watch(self, poll: select.poll, decisive: Process) -> int:
        partial_at, cpu_check_at = self._began + FIRST_PARTIAL_S, self._began + self._request.cpu_s
        while True:
            now = time.perf_counter()
            wall_left = self._wall_left(now)
            if wall_left <= 0:
                return wire.WALL
            if now >= cpu_check_at:
                cpu_left = self._request.cpu_s - self.candidate.cpu_so_far()
                if cpu_left <= 0:
                    return wire.CPU
                cpu_check_at = now + max(cpu_left, 0.002)
            if now >= partial_at:
                self._send_partial()
                partial_at = now + 2 * (now - self._began)
            pause = min(now + wall_left, cpu_check_at, partial_at) - now
            for descriptor, _ in poll.poll(pause * 1000 + 1):
                if descriptor == decisive.descriptor:
                    if decisive.rang():
                        return wire.EXITED
                    continue
                if descriptor == self._desk.control:
                    raise EOFError
                if struct.pack("<Q", self._request.number) in _messages(self._desk.stop):
                    return wire.STOPPED

    def _wall_left(self, now: float) -> float:
        """Seconds until the wall limit; its clock starts when the program has arrived."""
        if now - self._began >= self._request.wall_s and not self._said:
            self._listen()
            if not self._said:
                self._began = now
        return self._began + self._request.wall_s - now

    def _listen(self) -> None:
        try:  # noqa: SIM105 (contextlib.suppress touches 10 more pages, each to be copied after every clone)
            self._said += os.read(self._desk.status, 256)
        except BlockingIOError:
            pass

    def _send_partial(self) -> None:
        """Answers so far, so that the supervisor can stop a program whose verdict is already certain."""
        if self._request.kind != wire.CALLS:
            return
        answers = os.pread(self._desk.answers, self._request.output + 1, self._partial_sent)
        if answers:
            self._partial_sent += len(answers)
            header = wire.REPORT.pack(self._request.number, wire.PARTIAL, 0, 0, 0, 0, 0, 0, 0, 0, len(answers), 0)
            write_all(self._desk.control, header + answers)

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
            self.candidate.status = 0  # the tester was done with it: our kill says nothing about the program
        if not self._namespaces:
            kill_orphans()

    def report(self, end: int) -> tuple[bytes, bool]:
        """The report's bytes, and whether the request was read whole (else the zygote must not go on)."""
        self.end()
        wall = time.perf_counter() - self._began
        self._listen()
        fork = compiling = 0.0
        stage = b""
        if len(self._said) > TIMES.size:
            started, compiled = TIMES.unpack_from(self._said, 1)
            fork, compiling = started - self._began, compiled - started
            stage = self._said[1 + TIMES.size :]
        answers, output = self._contents()
        first, second = self.candidate, self.tester
        header = wire.REPORT.pack(
            self._request.number,
            end if self._said else wire.BROKEN,
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
        )
        return b"".join((header, stage, answers, output)), bool(self._said)

    def _contents(self) -> tuple[bytes, bytes]:
        """What was written, emptied for the next run. One byte more than allowed means too much."""
        desk, limit = self._desk, self._request.output + 1
        answers = _take(desk.answers, limit, self._partial_sent)
        if self._request.kind == wire.STDIO:
            os.ftruncate(desk.stdin, 0)
            return answers, _take(desk.stdout, limit, 0)
        return answers, _take(desk.verdict, limit, 0) if self.tester else b""


def _messages(stop: int) -> list[bytes]:
    data = os.read(stop, 1 << 12)
    return [data[at : at + 8] for at in range(0, len(data), 8)]


def _take(file: int, limit: int, start: int) -> bytes:
    data = os.pread(file, 4096, start)
    if len(data) == 4096:
        data = os.pread(file, limit, start)
    os.ftruncate(file, 0)
    os.lseek(file, 0, os.SEEK_SET)
    return data
