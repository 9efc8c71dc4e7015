"""Tests that are code: a trusted tester process runs them and calls into an untrusted candidate process.

Test code sees what it would see in one process with the program, with one exception: an object whose class the program
wrote never decides an assertion. ``own_objects`` holds the rules. Where they cannot decide, the tests cannot pass,
and the reason is ``own_object``.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import operator
import os
import random
import sys
from collections.abc import Callable
from typing import Any, Final

from prlcoder.executor.jailed import candidate, logs, patches, program_warnings, wire
from prlcoder.executor.jailed.candidate_rpc import INPUT, PRINT, STDERR, STDIN, STDOUT, own_classes
from prlcoder.executor.jailed.link import READY, Channel, DisconnectedError
from prlcoder.executor.jailed.own_objects import OwnObjectRules, defines
from prlcoder.executor.jailed.proxies import RemoteType
from prlcoder.executor.jailed.values import Opaque

PASSED: Final = b"passed"
WRONG: Final = b"wrong"
OWN_OBJECT: Final = b"own_object"
GONE: Final = b"gone"
TEST_ERROR: Final = b"test_error"
NOTE: Final = 1  # the call number of the record that describes an exception of the test code

_TEST_MODULES: Final = frozenset({candidate.MODULE_NAME, "__main__", "unittest.mock"})
_PUBLIC_SPECIAL: Final = frozenset({"__name__", "__qualname__", "__doc__", "__module__"})
_ALLOWED_ON_ALL: Final = frozenset({"call", "iter", "next", "anext", "await"})
_NEVER_ALLOWED: Final = frozenset({"state", "dir", "copy", "deepcopy"})


class TesterLink(OwnObjectRules):
    """The tester's side: what goes with its messages, and what a program may do with objects of the test."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel)
        self.raised: dict[int, str] = {}  # exceptions of the candidate: the name of the class by ``id``
        self._kept: list[BaseException] = []  # they stay alive, so that no other object gets their id
        self._originals = (sys.stdout, sys.stderr, sys.stdin, builtins.input, builtins.print)
        self._environment, self._noted = _environment(), 0  # what the candidate knows
        self.logs = logs.TestLogs(self.request)
        self.warnings = program_warnings.TestWarnings(self.request)

    # --- messages -----------------------------------------------------------------------------------------------------

    def _is_replaced(self, flag: int) -> bool:
        return bool(self._replaced() & flag)

    def _replaced(self) -> int:
        present = (sys.stdout, sys.stderr, sys.stdin, builtins.input, builtins.print)
        if all(map(operator.is_, present, self._originals)):
            return 0
        return sum(
            1 << place
            for place, (now, before) in enumerate(zip(present, self._originals, strict=True))
            if now is not before
        )

    def note(self) -> tuple[Any, ...]:
        """What the test has replaced, and its environment if it has changed. Empty if all is as it was."""
        replaced, environment = self._replaced(), _environment()
        changed = environment != self._environment
        if not changed and replaced == self._noted:
            return ()
        self._noted, self._environment = replaced, environment
        return replaced, dict(os.environ) if changed else None

    def take_note(self, note: tuple[Any, ...]) -> None:
        """Write what the program has printed to the test's standard output and error."""
        if len(note) == 2 and all(type(text) is str for text in note):
            for text, flag, stream in zip(note, (STDOUT, STDERR), (sys.stdout, sys.stderr), strict=True):
                if text and self._is_replaced(flag):
                    stream.write(text)

    def undecodable(self) -> Any:
        """A value that is equal to nothing. What follows from it is not the fault of the tests."""
        self.used = True
        return Opaque("undecodable", False)

    def note_error(self, error: BaseException, name: str) -> None:
        """Remember that it was not the test that raised ``error``."""
        if self.numbers.get(id(error), -1) < 0:
            self.raised[id(error)] = name[:200]
            self._kept.append(error)

    # --- what the candidate may ask for -------------------------------------------------------------------------------

    def perform(self, operation: str, target: Any, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        """Call what the test has passed, and use objects of the test's own classes by their public names.

        Functions, frames and modules lead to everything that the test knows, so nothing but calling is allowed there.
        """
        if operation == "log" and self.logs.are_awaited:
            return self.logs.take(target, *arguments)
        if operation == "warn" and self.warnings.are_caught:
            return self.warnings.take(target, *arguments)
        if operation in ("stdin", "builtin"):
            return self._use_replaced(operation, target, arguments, keywords)
        kind = type(target)
        allowed = operation in _ALLOWED_ON_ALL or (_is_of_test(kind) and operation not in _NEVER_ALLOWED)
        if operation in ("get", "set", "delete"):
            name = arguments[0]
            allowed = type(name) is str and (name in _PUBLIC_SPECIAL or (allowed and not name.startswith("_")))
            allowed = allowed and (operation == "get" or not defines(kind, name))  # a test's methods stay what they are
        if self.numbers.get(id(target), 0) <= 0 or not allowed:
            error: Exception = PermissionError(f"a program may not {operation} a {kind.__name__} of the test")
            if operation == "get":  # as if the object lacked it, which programs are prepared for
                error = AttributeError(f"{kind.__name__} has no attribute {str(arguments[0])[:100]!r}")
            self.note_error(error, type(error).__name__)
            raise error
        return super().perform(operation, target, arguments, keywords)

    def _use_replaced(self, operation: str, name: Any, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        """Read from what the test has put in place of standard input, or call its ``input`` or ``print``."""
        if operation == "stdin" and name in ("read", "readline") and self._is_replaced(STDIN):
            return getattr(sys.stdin, name)(*arguments)
        if operation == "builtin" and self._is_replaced({"input": INPUT, "print": PRINT}[name]):
            return getattr(builtins, name)(*arguments, **keywords)
        raise PermissionError("the test has not replaced it")


def _environment() -> dict[Any, Any]:
    """A copy of the environment. ``os.environ`` decodes each variable, so its table of bytes is copied instead."""
    return dict(getattr(os.environ, "_data", os.environ))


def _is_of_test(kind: type) -> bool:
    """Whether test code defines the class, or made the object to be used by the program (a mock)."""
    unittest = sys.modules.get("unittest")
    return kind.__module__ in _TEST_MODULES and not (unittest and issubclass(kind, unittest.TestCase))


_SPECIAL_BUILTINS: Final = {name: value for name, value in vars(builtins).items() if name.startswith("__")}


class TestBuiltins(dict[str, Any]):
    """The test's builtins. A name that Python's builtins lack is one of the program's."""

    def __init__(self, link: TesterLink, module: dict[str, Any], asked: frozenset[str]) -> None:
        super().__init__(_SPECIAL_BUILTINS)
        self._link, self._module, self._asked = link, module, asked

    def __missing__(self, name: str) -> Any:
        if name in vars(builtins):
            return vars(builtins)[name]
        if name not in self._asked:
            raise KeyError(name)
        return self.of_program(name)

    def of_program(self, name: str) -> Any:
        """A global name of the program. ``NameError`` if it has none."""
        try:
            value = self._link.request("name", (name,))
        except KeyError:
            error = NameError(f"name {name!r} is not defined")
            self._link.note_error(error, "NameError")
            raise error from None
        if isinstance(value, RemoteType) or callable(value):
            self._module[name] = value  # functions and classes are looked up once; other global names may change
        else:
            self._link.used = True
        return value

    def of_module(self, name: str) -> Any:
        """A name of the module that holds both the program and the test, as an attribute of it."""
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self.of_program(name)
        except NameError as error:
            raise AttributeError(str(error)) from None


def _seeding_both(link: TesterLink, seed: Callable[..., None]) -> Callable[..., None]:
    """``random.seed`` for both processes: a test that seeds expects the program's numbers to follow."""

    @functools.wraps(seed)
    def seed_both(a: Any = None, version: int = 2) -> None:
        seed(a, version)
        link.request("seed", (a, version))

    return seed_both


def run_tests(
    link: TesterLink,
    body: tuple[Any, ...],
    preamble: candidate.CodeType | None,
    write_record: candidate.WriteRecord,
) -> None:
    """Execute the published test code against the candidate and record how it ended.

    Every record begins with the token of the plan. A test that opens files for the program could be made to write into
    the file of records, but the program does not know the token.
    """
    *rest, token = body
    write_record = _signing(write_record, token)
    if link.channel.receive() != READY:
        write_record(0, wire.ANSWER, GONE)
        return
    try:
        _execute(link, tuple(rest), preamble)
    except DisconnectedError:
        write_record(0, wire.ANSWER, GONE)
    except BaseException as error:
        _write_ending(error, link, write_record)
    else:
        if link.closed:
            write_record(0, wire.ANSWER, GONE)
        elif link.undecided:
            write_record(0, wire.ANSWER, OWN_OBJECT)
        elif link.used:
            write_record(0, wire.ANSWER, PASSED)
        else:
            write_record(0, wire.ANSWER, TEST_ERROR)
            write_record(NOTE, wire.ANSWER, b"they never call the candidate")


def _signing(write_record: candidate.WriteRecord, token: bytes) -> candidate.WriteRecord:
    def write(call: int, kind: int, payload: bytes) -> None:
        write_record(call, kind, token + payload)

    return write


def _write_ending(error: BaseException, link: TesterLink, write_record: candidate.WriteRecord) -> None:
    """Record how an exception ended the tests.

    Before the test has used the program, the program cannot be the cause, and a package that the tests lack never is.
    Later, an exception of the test code may be the consequence of a wrong answer, so it counts as one; the note lets
    the supervisor see whether the canonical solution meets the same exception.
    """
    raised = link.raised.get(id(error))
    faulty = raised is None and (not link.used or isinstance(error, ModuleNotFoundError))
    if link.closed or link.undecided:
        write_record(0, wire.ANSWER, GONE if link.closed else OWN_OBJECT)
        return
    if raised is not None:
        write_record(0, wire.RAISED, raised.encode("utf-8", "backslashreplace"))
    else:
        write_record(0, wire.ANSWER, TEST_ERROR if faulty else WRONG)
    missing_name = raised == "NameError"
    if faulty or missing_name or (raised is None and not isinstance(error, AssertionError)):
        write_record(NOTE, wire.ANSWER, _describe(error, missing_name).encode("utf-8", "backslashreplace")[:1000])


def _describe(error: BaseException, missing_name: bool) -> str:
    """The line of the tests (or of their setup) that raised the exception, its class and its message."""
    place = ""
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name in ("<tests>", "<setup>"):
            place = f"{'setup ' if name == '<setup>' else ''}line {trace.tb_lineno}: "
        trace = trace.tb_next
    if missing_name:
        return f"{place}NameError: a name that the program does not define"
    try:
        message = str(error)
    except Exception:  # a class of the tests may have any __str__
        message = ""
    return f"{place}{type(error).__name__}{': ' if message else ''}{message}"


def _execute(link: TesterLink, body: tuple[Any, ...], preamble: candidate.CodeType | None) -> None:
    names, setup, source, check, with_patches, with_logs, with_warnings = body
    namespace = candidate.fresh_main()
    if preamble is not None:
        exec(preamble, namespace)
    link.classes = own_classes(namespace)
    standard = [name for name in names if name in sys.stdlib_module_names and name not in namespace]
    namespace |= {name: importlib.import_module(name) for name in standard}
    namespace["__builtins__"] = own = TestBuiltins(link, namespace, frozenset(names))
    namespace["__getattr__"] = own.of_module  # `from solution import f`
    random.seed = _seeding_both(link, random.seed)
    if with_patches:
        patches.forward_patches(link.request)
    if with_logs:
        link.logs.install()
    if with_warnings:
        link.warnings.install()
    exec(setup, namespace)
    exec(source, namespace)
    if check:
        if "check" not in namespace:
            raise NameError("check is not defined")
        namespace["check"](link.request("name", (None,)))
