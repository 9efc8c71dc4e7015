"""Progress lines: what they say, and that they do not wait for the first finished unit."""

from __future__ import annotations

import io
import threading

import pytest

from prlcoder.telemetry.progress import Progress, outermost, pieces_of_work


class Lines(io.StringIO):
    """A log that tells when it has received a line."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def write(self, text: str) -> int:
        count = super().write(text)
        self.written.set()
        return count


class Terminal(Lines):
    """The same, as a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_line_appears_before_anything_is_finished() -> None:
    log = Lines()
    with Progress("generate", total=164, unit="samples", stream=log, period_s=0.05):
        assert log.written.wait(30)
    assert log.getvalue().startswith("generate: 0/164 samples, 0:00\n")


def test_samples_and_tokens_with_their_rates() -> None:
    log = Lines()
    with Progress("generate", total=4, unit="samples", stream=log) as progress:
        progress.advance(0, tokens=1000)
        progress.advance(3, note="loss 0.5", tokens=234)
    (line,) = log.getvalue().splitlines()
    assert line.startswith("generate: 3/4 samples, ")
    assert "/s, 1,234 tokens, " in line
    assert " tokens/s, 0:00, 0:00 left" in line


def test_an_earlier_run_s_units_do_not_count_for_the_rate() -> None:
    log = Lines()
    with Progress("sft", total=100, unit="steps", done=40, stream=log):
        pass
    assert log.getvalue() == "sft: 40/100 steps, 0:00\n"


def test_short_work_may_leave_no_line() -> None:
    log = Lines()
    with Progress("tokenise", total=None, unit="programs", final=False, stream=log) as progress:
        progress.advance(5)
    assert log.getvalue() == ""


def failing(log: Lines, finished: int) -> None:
    with Progress("execute", total=2, unit="programs", stream=log) as progress:
        progress.advance(finished)
        raise KeyError


def test_an_error_leaves_a_last_line_if_there_was_progress() -> None:
    log, silent = Lines(), Lines()
    with pytest.raises(KeyError):
        failing(log, 1)
    assert log.getvalue().endswith(", stopped\n")
    with pytest.raises(KeyError):
        failing(silent, 0)
    assert silent.getvalue() == ""


def test_only_the_innermost_work_shows_the_clock() -> None:
    outer, inner = Lines(), Lines()
    with Progress("supervise", total=9, unit="problems", stream=outer, period_s=0.02):
        assert outer.written.wait(30)
        with Progress("generate", total=9, unit="samples", stream=inner, period_s=0.02):
            assert inner.written.wait(30)
            outer.written.clear()
            inner.written.clear()
            assert inner.written.wait(30)
            assert not outer.written.is_set()


def test_a_terminal_s_line_rewrites_itself() -> None:
    terminal = Terminal()
    with Progress("sft", total=None, unit="steps", stream=terminal, period_s=0.05):
        assert terminal.written.wait(30)
    assert terminal.getvalue().startswith("sft: 0 steps, 0:00\x1b[K\r")
    assert terminal.getvalue().endswith("sft: 0 steps, 0:00\x1b[K\n")


def test_the_counts_of_the_outermost_work_can_be_asked_for() -> None:
    assert outermost() is None
    with Progress("sft", total=100, unit="steps", done=40, stream=io.StringIO()) as progress:
        before = pieces_of_work()
        progress.advance(2, note="loss 1.0", tokens=10)
        with Progress("score", total=9, unit="programs", stream=io.StringIO()):
            seen = outermost()
        assert seen is not None
        assert (seen.label, seen.unit, seen.done, seen.total) == ("sft", "steps", 42, 100)
        assert (seen.finished, seen.tokens, seen.note) == (2, 10, "loss 1.0")
        assert pieces_of_work() == before + 1
    assert outermost() is None
