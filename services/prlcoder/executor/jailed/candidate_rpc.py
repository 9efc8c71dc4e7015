"""The candidate's side of the connection: it does what the tester asks for, in the process of the program."""

from __future__ import annotations

import builtins
import functools
import io
import os
import random
import sys
from collections.abc import Callable
from typing import Any

from prlcoder.executor.jailed import candidate, line_trace, wire
from prlcoder.executor.jailed.link import READY, Channel, DisconnectedError, Link
from prlcoder.executor.jailed.logs import ProgramLogs
from prlcoder.executor.jailed.patches import Patches
from prlcoder.executor.jailed.program_warnings import ProgramWarnings
from prlcoder.executor.jailed.proxies import derive


def own_classes(namespace: dict[str, Any]) -> dict[str, type]:
    """The classes that code run in ``namespace`` has defined."""
    return {
        name: value
        for name, value in namespace.items()
        if isinstance(value, type) and value.__module__ == candidate.MODULE_NAME and value.__name__ == name
    }


# What a test may replace of its own process, so that the program's process uses the test's: one bit of a flag each.
STDOUT, STDERR, STDIN, INPUT, PRINT = 1, 2, 4, 8, 16


class _CapturedOutput(io.RawIOBase):
    """Standard output or error of a candidate. It collects what is written while a test captures it.

    Its descriptor leads to ``/dev/null``.
    """

    def __init__(self, name: str, descriptor: int) -> None:
        self.name, self._descriptor = name, descriptor
        self.capturing = False
        self.written = bytearray()

    def fileno(self) -> int:
        return self._descriptor

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.capturing:
            self.written += data
        return len(data)

    def take(self) -> str:
        """The text that was written since the last call."""
        text = self.written.decode("utf-8", "replace")
        self.written.clear()
        return text


class _TestInput(io.TextIOBase):
    """Standard input of a candidate: what the test has put in place of its own, otherwise empty."""

    name, encoding, errors = "<stdin>", "utf-8", "surrogateescape"

    def __init__(self, link: CandidateLink) -> None:
        self._link = link
        self._bytes: io.BytesIO | None = None

    def fileno(self) -> int:
        return 0

    @property
    def buffer(self) -> io.BytesIO:
        """The rest of the input as bytes."""
        self._bytes = self._bytes or io.BytesIO(self.read().encode("utf-8", "surrogateescape"))
        return self._bytes

    def readable(self) -> bool:
        return True

    def readline(self, size: int = -1) -> str:  # type: ignore[override]
        return self._link.read("readline", size)

    def read(self, size: int | None = -1) -> str:
        return self._link.read("read", -1 if size is None else size)


class CandidateLink(Link):
    """The candidate's side. It trusts the tester and does whatever the tester asks for.

    The zygote makes it, so that each clone finds it ready, and a clone enters it.
    """

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel, sign=-1, trusted=True)
        self.namespace: dict[str, Any] = {}  # whose names the tester may ask for
        self._replaced = 0
        self._patches, self._logs, self._warnings = Patches(), ProgramLogs(self.request), ProgramWarnings(self.request)
        self.target: Any = None  # the entry point
        self._stdout, self._stderr = _CapturedOutput("<stdout>", 1), _CapturedOutput("<stderr>", 2)
        self._streams = [
            io.TextIOWrapper(output, "utf-8", "surrogateescape", write_through=True)
            for output in (self._stdout, self._stderr)
        ]
        self._stdin = _TestInput(self)
        self._input = self._replaceable(INPUT, builtins.input)
        self._print = self._replaceable(PRINT, builtins.print)

    def enter(self, namespace: dict[str, Any]) -> None:
        """Take the place of the program's standard files, ``input`` and ``print``, and serve names of ``namespace``."""
        self.namespace = namespace
        sys.stdin, (sys.stdout, sys.stderr) = self._stdin, self._streams
        builtins.input, builtins.print = self._input, self._print

    def _replaceable(self, flag: int, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function``, or the test's function of that name while the test has replaced it."""

        @functools.wraps(function)
        def replaceable(*arguments: Any, **keywords: Any) -> Any:
            if self._replaced & flag:
                return self.request("builtin", (function.__name__, *arguments, *keywords.values()), tuple(keywords))
            return function(*arguments, **keywords)

        return replaceable

    def read(self, method: str, size: int) -> str:
        """Text of the test's standard input; empty if the test has not replaced it."""
        return str(self.request("stdin", (method, size))) if self._replaced & STDIN else ""

    def note(self) -> tuple[Any, ...]:
        """What the program has printed since the last message, if the test captures it."""
        if self._stdout.written or self._stderr.written:
            return self._stdout.take(), self._stderr.take()
        return ()

    def take_note(self, note: tuple[Any, ...]) -> None:
        """What the test has replaced, and its environment if it has changed."""
        if note:
            self._replaced, environment = note
            self._stdout.capturing = bool(self._replaced & STDOUT)
            self._stderr.capturing = bool(self._replaced & STDERR)
            if environment is not None:
                os.environ.clear()
                os.environ.update(environment)

    def perform(self, operation: str, target: Any, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        """Also look up names of the program's module (None is the entry point), seed, patch, log and derive classes."""
        if operation == "name":
            return self.target if target is None else self.namespace[target]
        if operation == "seed":
            return random.seed(target, *arguments)
        if operation == "derive":
            return derive(target, *arguments)
        if operation == "patch":
            return self._patches.make(target, *arguments)
        if operation == "unpatch":
            return self._patches.undo(target)
        if operation == "logs":
            return self._logs.send(target, *arguments)
        if operation == "no logs":
            return self._logs.keep(target)
        if operation == "warnings":
            return self._warnings.send(target)
        try:
            return super().perform(operation, target, arguments, keywords)
        except BaseException as error:
            line_trace.note_error(error)
            raise


def serve(
    link: CandidateLink, body: tuple[Any, ...], preamble: candidate.CodeType | None, code: candidate.CodeType
) -> int:
    """Load the program, then answer the tester's requests until it hangs up, even if it does so during an answer."""
    _, entry_point = body
    write_record, namespace = candidate.record_writer(), candidate.fresh_main()
    classes: dict[str, type] = {}
    if preamble is not None:
        if not candidate.load(None, preamble, namespace, write_record):
            return candidate.CRASH_EXIT
        classes = own_classes(namespace)
    link.enter(namespace)
    if not candidate.load(None, code, namespace, write_record):
        return candidate.CRASH_EXIT
    found = {name: namespace.get(name, own) for name, own in classes.items()}
    link.classes = {name: own for name, own in found.items() if isinstance(own, type)}
    try:
        link.target = candidate.look_up(entry_point, namespace)
    except BaseException as error:
        write_record(wire.LOADED, wire.RAISED, candidate.class_name(error))
        return candidate.CRASH_EXIT
    link.channel.send(READY)
    try:
        while (message := link.channel.receive()) is not None:
            link.serve(*link.unpack(message))
    except DisconnectedError:  # its verdict must not depend on which of both processes ends first
        pass
    return candidate.CLEAN_EXIT
