"""``prlcoder problems``: inspects a problem set, converts it, or verifies its solutions."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prlcoder.cli.problem_arguments import add_selection, selection
from prlcoder.cli.sandbox_options import add_sandbox_options, check_sandbox_options, executor_from
from prlcoder.errors import InputError
from prlcoder.files import WriteObject, dump, writer

if TYPE_CHECKING:
    from prlcoder.problems.model import Problem


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the three actions. All of them read problems with the same options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    inspect = actions.add_parser("inspect", help="count problems, tests and solution lines, and show one problem")
    convert = actions.add_parser("convert", help="write the problems in prlcoder's own format")
    verify = actions.add_parser("verify", help="run every solution against its problem's tests in the sandbox")
    for action in (inspect, convert, verify):
        _add_reading(action)
    convert.add_argument("--out", metavar="FILE", required=True, help="a .jsonl, .jsonl.gz or .parquet file")
    verify.add_argument("--out", metavar="R.jsonl", help="verdicts (default: standard output)")
    add_sandbox_options(verify)


def _add_reading(parser: argparse.ArgumentParser) -> None:
    from prlcoder.problems.formats import NAMES

    parser.add_argument("path", metavar="PATH", help="a file, a folder, a URI, a Hugging Face data set id, or `nano`")
    parser.add_argument("--format", default="auto", help=f"{', '.join(NAMES)} (default: auto, by the fields)")
    parser.add_argument("--skip-invalid", action="store_true", help="set invalid records aside and continue")
    parser.add_argument(
        "--quarantine", metavar="Q.jsonl", help="file for invalid records (default: PATH's name with .quarantine.jsonl)"
    )
    parser.add_argument("--limit", type=_count, metavar="N", help="read only the first N problems")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON on standard output")
    add_selection(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs the action; returns 1 if ``verify`` finds a solution that does not pass, otherwise 0."""
    if arguments.quarantine is not None and not arguments.skip_invalid:
        raise InputError("--quarantine: has no effect without --skip-invalid; give both")
    return {"inspect": _inspect, "convert": _convert, "verify": _verify}[arguments.action](arguments)


def _inspect(arguments: argparse.Namespace) -> int:
    from prlcoder.problems.inspection import Inspection

    inspection = Inspection()
    with _source(arguments) as source:
        for problem in source:
            inspection.add(problem)
    if arguments.json:
        print(json.dumps(inspection.summary() | source.counts(), indent=2, ensure_ascii=False))
    else:
        print(inspection.table())
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    from prlcoder.problems.writing import problem_writer

    out = Path(arguments.out)
    with _source(arguments) as source, problem_writer(out) as write:
        for problem in source:
            write(problem)
    _report(arguments, {"out": str(out)} | source.counts(), f"{source.read:,} problems written to {out}")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from prlcoder.supervision.verification import VerdictTally, verify
    from prlcoder.telemetry.progress import Progress

    check_sandbox_options(arguments)
    tally = VerdictTally()
    with (
        _source(arguments) as source,
        _rows(arguments) as write,
        executor_from(arguments) as executor,
        Progress("verify", total=None, unit="solutions") as progress,
    ):
        for verified in verify(source, executor):
            write(verified.row())
            tally.add(verified)
            progress.advance()
    if not tally.total:
        raise InputError(f"{arguments.path}: solutions: no problem has a solution, so there is nothing to verify")
    for verified in tally.not_passed:
        reason = verified.result.test_error or verified.result.reason
        print(f"{verified.problem_id}: {verified.result.outcome}: {reason}", file=sys.stderr)
    if needed := tally.missing_packages():
        print(f"packages that solutions need and the sandbox lacks: {needed}; give --packages DIR", file=sys.stderr)
    summary = {"solutions": tally.total, "passed": tally.passed, "verdicts": dict(tally.verdicts)}
    _report(arguments, summary | source.counts(), f"{tally.passed:,}/{tally.total:,} passed")
    return 0 if tally.passed == tally.total else 1


class _Source:
    """Reads the problems that the options select, and counts read and quarantined records.

    The quarantine file is opened at its first row. If the user named it, it is written even if it stays empty.
    """

    def __init__(self, arguments: argparse.Namespace, files: ExitStack) -> None:
        self._arguments = arguments
        self._files = files
        self._path = Path(arguments.quarantine or _quarantine_name(arguments.path))
        self._write: WriteObject | None = None
        self.read = 0
        self.quarantined = 0
        if arguments.quarantine is not None:
            self._open()

    def __iter__(self) -> Iterator[Problem]:
        from prlcoder.problems.reading import read

        options = self._arguments
        select, hub = selection(options)
        for problem in read(
            options.path,
            format=options.format,
            normalize_indent=options.normalize_indent,
            skip_invalid=options.skip_invalid,
            quarantine=self._set_aside,
            limit=options.limit,
            select=select,
            overrides=options.overrides,
            hub=hub,
        ):
            self.read += 1
            yield problem

    def counts(self) -> dict[str, int]:
        """``read + quarantined = records``."""
        return {"read": self.read, "quarantined": self.quarantined, "records": self.read + self.quarantined}

    def report(self) -> None:
        """Print the number of quarantined records and their file to standard error."""
        if self.quarantined:
            records = self.read + self.quarantined
            print(f"{self.quarantined:,} of {records:,} records set aside in {self._path}", file=sys.stderr)

    def _set_aside(self, row: dict[str, Any]) -> None:
        self.quarantined += 1
        (self._write or self._open())(row)

    def _open(self) -> WriteObject:
        self._write = self._files.enter_context(writer(self._path, sys.stdout))
        return self._write


@contextmanager
def _source(arguments: argparse.Namespace) -> Iterator[_Source]:
    with ExitStack() as files:
        source = _Source(arguments, files)
        yield source
    source.report()


@contextmanager
def _rows(arguments: argparse.Namespace) -> Iterator[WriteObject]:
    """Yields the writer of verdicts: to the named file, or to standard output unless the JSON summary goes there."""
    if arguments.out is None and arguments.json:
        yield lambda row: None
        return
    with writer(Path(arguments.out) if arguments.out else None, sys.stdout) as write:
        yield write


def _report(arguments: argparse.Namespace, summary: dict[str, Any], sentence: str) -> None:
    if arguments.json:
        print(dump(summary))
    else:
        print(sentence, file=sys.stderr)


def _quarantine_name(path: str) -> str:
    """``problems.jsonl.gz`` becomes ``problems.quarantine.jsonl`` in the current folder; PATH's may be read-only."""
    name = Path(path.rstrip("/")).name or "problems"
    for ending in (".gz", ".jsonl", ".json", ".parquet"):
        name = name.removesuffix(ending)
    return f"{name}.quarantine.jsonl"


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a count of at least 1")
    return value
