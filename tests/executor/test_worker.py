"""A worker's side of the jail's wall: what a zygote has reported is never lost."""

from __future__ import annotations

import socket
import subprocess
import tempfile

from prlcoder.executor.jail import Jail
from prlcoder.executor.jailed import wire
from prlcoder.executor.judging.orders import Order
from prlcoder.executor.verdicts import ResourceLimits
from prlcoder.executor.worker import JailTask, Worker


def report(number: int, end: int) -> bytes:
    return wire.REPORT.pack(number, end, 0, 0, 0.1, 0.1, 0.001, 0.001, 10, len(wire.COMPILED), 0, 0, 0) + wire.COMPILED


def test_an_outcome_before_a_failure_in_the_same_bytes_is_finished() -> None:
    """Both reports of a zygote that breaks may come in one read; the first task would wait for ever."""
    ours, theirs = socket.socketpair()
    folder = tempfile.TemporaryDirectory()
    with ours, theirs, folder, subprocess.Popen(["true"]) as process:
        worker = Worker(Jail(process, ours, -1, folder))
        tasks = [JailTask(n, Order(wire.CALLS, "", b"", b"", ResourceLimits()), lambda _: None) for n in (1, 2)]
        for task in tasks:
            worker.accept(task)
        theirs.send(report(1, wire.EXITED) + report(2, wire.BROKEN))
        assert [task.number for task, _ in worker.receive()] == [1]
        assert worker.broken
        assert list(worker.tasks) == tasks[1:]
