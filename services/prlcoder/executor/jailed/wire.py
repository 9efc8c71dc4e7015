"""The bytes that cross the boundary of the jail: fixed little-endian headers, then bodies of the lengths they name.

Supervisor to zygote: ``REQUEST`` and its bodies. The zygote reads only headers. A body is read by the process that
needs it, so the zygote never holds a program, and a candidate never finds another program in its memory.
Zygote to supervisor: ``READY`` once, then for each run ``REPORT``, the stage text, the candidate's records, the
``output`` (standard output of a standard input/output program, or the tester's records) and the record of its lines.
Candidate to zygote: ``RECORD`` frames in a memory file. Bytes that are not a well-formed frame in order are ignored.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

PREAMBLE: Final = 0  # body: source text to compile once and keep under the number ``preamble``
CALLS: Final = 1  # body: marshal of (program, entry point, fresh, marshalled calls, keep going)
STDIO: Final = 2  # body: marshal of (program, standard input)
SERVE: Final = 3  # body: marshal of (program, entry point); the tester's: (unbound names, setup, source, check, token)
CHECK: Final = 4  # body: marshal of ("", marshalled checker, its cases); a trusted checker judges answers

NO_PREAMBLE: Final = 0xFFFF

EXITED: Final = 0  # the process ended by itself, or by a signal that the zygote did not send
WALL: Final = 1
CPU: Final = 2
STOPPED: Final = 3  # at the supervisor's request
PARTIAL: Final = 4  # the run continues; the report holds the answers since the last one
BROKEN: Final = 5  # the request never reached the process; the zygote exits after this report

TRUSTED_FAILURE: Final = 70  # exit status of a process that failed before its stage text: the sandbox's fault

LOADED: Final = -1  # the call number of the record about loading the program
ANSWER: Final = 0
RAISED: Final = 1

READY: Final = b"zygote ready"
COMPILED: Final = b"ok"  # the stage text of a program that compiled; else the exception's class name, or nothing


class ZygoteRequest(NamedTuple):
    """One order to the zygote. ``memory`` and ``output`` are bytes, times are seconds, bodies are lengths in bytes."""

    number: int
    kind: int
    preamble: int
    cpu_s: float
    wall_s: float
    test_s: float  # CPU seconds for one call, 0 without such a limit
    memory: int
    output: int
    processes: int
    body: int
    tester: int
    trace: int  # 1: record the lines that the program executes


class Report(NamedTuple):
    """How one run went. ``status`` values are wait statuses. The lengths of the parts that follow come last."""

    number: int
    end: int
    status: int
    tester_status: int
    cpu_s: float
    wall_s: float
    fork_s: float
    compile_s: float
    rss_kib: int
    stage: int
    answers: int
    output: int
    lines: int


REQUEST: Final = struct.Struct("<QBHdddQQIIIB")
REPORT: Final = struct.Struct("<QBiiddddQIIII")
RECORD: Final = struct.Struct("<IiB")


class CandidateRecord(NamedTuple):
    """What a candidate records about the call with the number ``call``."""

    call: int
    kind: int
    payload: bytes


def frame(call: int, kind: int, payload: bytes) -> bytes:
    """The bytes of one record."""
    return RECORD.pack(len(payload), call, kind) + payload


def records(data: bytes) -> Iterator[CandidateRecord]:
    """Whole records at the start of ``data``, up to the first one that is truncated."""
    position = 0
    while position + RECORD.size <= len(data):
        length, call, kind = RECORD.unpack_from(data, position)
        position += RECORD.size
        if position + length > len(data):
            return
        yield CandidateRecord(call, kind, data[position : position + length])
        position += length
