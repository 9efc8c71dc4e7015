"""Copies everything that a stage prints to a log file, and still shows it.

It works on the file descriptors, so that it also catches the output of libraries, C code and child processes. Both
streams of a stage count as log and go to standard error, because standard output is reserved for results. On a terminal
the stage sees a terminal, so that progress lines rewrite themselves; the file then holds only the last state of each
rewritten line.
"""

from __future__ import annotations

import fcntl
import os
import select
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_CHUNK_BYTES = 65536
_FINISH_S = 5.0  # how long a process that ends itself waits for the last lines


@dataclass(frozen=True)
class OpenTranscript:
    """A transcript that is being written. ``shown`` is the descriptor of the standard error that is still shown."""

    shown: int
    stop: int
    copier: threading.Thread

    def finish(self) -> None:
        """Copy what has been printed until now, for a process that is about to end without leaving the block."""
        os.write(self.stop, b".")
        self.copier.join(_FINISH_S)


@contextmanager
def transcript(path: Path, heading: str) -> Iterator[OpenTranscript]:
    """Append everything that is printed inside the block to ``path``, after a line with ``heading``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=0) as file:
        file.write(f"--- {heading}\n".encode())
        _flush()
        standard = os.dup(1), os.dup(2)
        reading, writing = _channel(standard[1])
        stop_reading, stop = os.pipe()
        copier = threading.Thread(target=_copy, args=(reading, stop_reading, standard[1], _Lines(file)))
        copier.start()
        try:
            os.dup2(writing, 1)
            os.dup2(writing, 2)
            yield OpenTranscript(standard[1], stop, copier)
        finally:
            _flush()
            os.dup2(standard[0], 1)
            os.dup2(standard[1], 2)
            os.write(stop, b".")
            copier.join()
            for descriptor in (*standard, reading, writing, stop_reading, stop):
                os.close(descriptor)


def _channel(shown: int) -> tuple[int, int]:
    """The reading and the writing end of a terminal if ``shown`` is one, otherwise of a pipe."""
    if not os.isatty(shown):
        return os.pipe()
    reading, writing = os.openpty()
    tty.setraw(writing)  # pass bytes on unchanged: the real terminal translates newlines
    with suppress(OSError):
        size = fcntl.ioctl(shown, termios.TIOCGWINSZ, b"\0" * 8)
        fcntl.ioctl(writing, termios.TIOCSWINSZ, size)
    return reading, writing


def _copy(reading: int, stop: int, shown: int, lines: _Lines) -> None:
    """Copy until the stop pipe is readable and no output is left.

    It does not wait for the end of the file, because a child process that holds the writing end may outlive this one.
    """
    while True:
        ready, _, _ = select.select([reading, stop], [], [])
        if reading in ready:
            data = os.read(reading, _CHUNK_BYTES)
            with suppress(OSError):  # the terminal or the reader of the output is gone
                _write_all(shown, data)
            lines.write(data)
        elif stop in ready:
            lines.end()
            return


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()


class _Lines:
    """Writes complete lines, each without the parts that a carriage return overwrote.

    A full disk ends the copy, not the stage.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file: BinaryIO | None = file
        self._partial = b""

    def write(self, data: bytes) -> None:
        *whole, self._partial = (self._partial + data).split(b"\n")
        self._put(b"".join(_visible(line) + b"\n" for line in whole))
        self._partial = self._partial[self._partial.rfind(b"\r", 0, -1) + 1 :]

    def end(self) -> None:
        if self._partial:
            self._put(_visible(self._partial) + b"\n")

    def _put(self, text: bytes) -> None:
        try:
            if self._file is not None:
                self._file.write(text)
        except OSError:
            self._file = None


def _visible(line: bytes) -> bytes:
    """The part of a line that a terminal shows in the end: the part after the last carriage return."""
    return line.rstrip(b"\r").rsplit(b"\r", 1)[-1].removesuffix(b"\x1b[K")
