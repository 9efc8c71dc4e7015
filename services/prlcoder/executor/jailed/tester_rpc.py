"""Tests that are code: a trusted tester process runs them and calls into an untrusted candidate process.

Test code sees what it would see in one process with the program, with one exception: an object whose class the program
wrote never decides an assertion. ``TesterLink`` holds the rules. Where they cannot decide, the tests cannot pass, and
the reason is ``own_object``.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import io
import os
import random
import sys
from collections.abc import Callable
from typing import Any, Final

from prlcoder.executor.jailed import candidate, wire
from prlcoder.executor.jailed.candidate_rpc import Channel, DisconnectedError, Link
from prlcoder.executor.jailed.remote_objects import (
    ARITHMETIC,
    COMPARISONS,
    OPERATIONS,
    RemoteObject,
    RemoteType,
    builtin_base,
    plain_value,
)
from prlcoder.executor.jailed.values import Opaque

READY: Final = b"ready"
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
_MISSING: Final = object()


class OwnObjectError(BaseException):
    """An assertion depends on an object whose class the program wrote. Tests cannot pass after this."""


def own_classes(namespace: dict[str, Any]) -> dict[str, type]:
    """The classes that code run in ``namespace`` has defined."""
    return {
        name: value
        for name, value in namespace.items()
        if isinstance(value, type) and value.__module__ == candidate.MODULE_NAME and value.__name__ == name
    }


# --- the candidate's side -------------------------------------------------------------------------------------------


# What a test may replace of its own process, so that the program's process uses the test's: one bit of a flag each.
STDOUT, STDERR, STDIN, INPUT, PRINT = 1, 2, 4, 8, 16


class _CapturedOutput(io.RawIOBase):
    """Standard output or error of a candidate. It collects what is written while a test captures it."""

    def __init__(self) -> None:
        self.capturing = False
        self.written = bytearray()

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

    def __init__(self, link: CandidateLink) -> None:
        self._link = link

    def readable(self) -> bool:
        return True

    def readline(self, size: int = -1) -> str:  # type: ignore[override]
        return self._link.read("readline", size)

    def read(self, size: int | None = -1) -> str:
        return self._link.read("read", -1 if size is None else size)


class CandidateLink(Link):
    """The candidate's side. It trusts the tester and does whatever the tester asks for."""

    def __init__(self, channel: Channel, namespace: dict[str, Any]) -> None:
        super().__init__(channel, sign=-1, trusted=True)
        self._namespace = namespace
        self._replaced = 0
        self.target: Any = None  # the entry point
        self._stdout, self._stderr = _CapturedOutput(), _CapturedOutput()
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(output, "utf-8", "surrogateescape", write_through=True)  # type: ignore[type-var]
            for output in (self._stdout, self._stderr)
        )
        sys.stdin = _TestInput(self)
        builtins.input = self._replaceable(INPUT, builtins.input)
        builtins.print = self._replaceable(PRINT, builtins.print)

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
        return self._stdout.take(), self._stderr.take()

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
        """Also look up a name of the program's module (None is the entry point), and seed the random numbers."""
        if operation == "name":
            return self.target if target is None else self._namespace[target]
        if operation == "seed":
            return random.seed(target, *arguments)
        return super().perform(operation, target, arguments, keywords)


def serve(body: tuple[Any, ...], preamble: candidate.CodeType | None, code: candidate.CodeType) -> int:
    """Load the program, then answer the tester's requests until it hangs up."""
    _, entry_point = body
    write_record, namespace = candidate.record_writer(), candidate.fresh_main()
    classes: dict[str, type] = {}
    if preamble is not None:
        if not candidate.load(None, preamble, namespace, write_record):
            return candidate.CRASH_EXIT
        classes = own_classes(namespace)
    link = CandidateLink(Channel(candidate.CHANNEL_FD), namespace)
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
    while (message := link.channel.receive()) is not None:
        link.serve(*link.unpack(message))
    return candidate.CLEAN_EXIT


# --- the tester's side ----------------------------------------------------------------------------------------------


class TesterLink(Link):
    """The tester's side, with the rules about which answers of the candidate may decide an assertion.

    Data may: what a method returns, an attribute, an item, a length. They are values that the test compares. The result
    of a comparison, of ``in`` or of ``bool`` may not, and neither may the result of arithmetic with a value of the
    test, because an object could answer whatever the test wants to hear. Such a result counts only where the tester
    comes to the same one from the object's state, which it has read before the object saw the test's value.
    """

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel, sign=1, trusted=False)
        self.undecided = False  # whether an assertion could not be decided
        self.used = False  # whether the test has called the program, or looked at a value of it
        self.raised: dict[int, str] = {}  # exceptions of the candidate: the name of the class by ``id``
        self._kept: list[BaseException] = []  # they stay alive, so that no other object gets their id
        self._exposed: set[int] = set()  # numbers of objects that arithmetic with a value of the test has made
        self._originals = (sys.stdout, sys.stderr, sys.stdin, builtins.input, builtins.print)
        self._environment = dict(os.environ)

    # --- messages -----------------------------------------------------------------------------------------------------

    def _is_replaced(self, flag: int) -> bool:
        return bool(self._replaced() & flag)

    def _replaced(self) -> int:
        present = (sys.stdout, sys.stderr, sys.stdin, builtins.input, builtins.print)
        return sum(
            1 << place
            for place, (now, before) in enumerate(zip(present, self._originals, strict=True))
            if now is not before
        )

    def note(self) -> tuple[Any, ...]:
        """What the test has replaced, and its environment if it has changed."""
        environment = dict(os.environ)
        changed = environment != self._environment
        self._environment = environment
        return self._replaced(), environment if changed else None

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
        if operation in ("stdin", "builtin"):
            return self._use_replaced(operation, target, arguments, keywords)
        kind = type(target)
        allowed = operation in _ALLOWED_ON_ALL or (_is_of_test(kind) and operation not in _NEVER_ALLOWED)
        if operation in ("get", "set", "delete"):
            name = arguments[0]
            allowed = type(name) is str and (name in _PUBLIC_SPECIAL or (allowed and not name.startswith("_")))
            allowed = allowed and (
                operation == "get" or not _defines(kind, name)
            )  # a test's methods stay what they are
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

    # --- rules --------------------------------------------------------------------------------------------------------

    def undecidable(self) -> OwnObjectError:
        """The error to raise where only the program's own object could decide."""
        self.undecided = True
        return OwnObjectError()

    def call(self, target: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Call an object of the program."""
        self.used = True
        return super().call(target, arguments, keywords)

    def operate(self, operation: str, target: Any, *arguments: Any) -> Any:
        """Ask the candidate, and accept its answer where the rules allow it."""
        self.used = True
        if isinstance(target, RemoteType):
            return self.request(operation, (target, *arguments))
        try:
            return self._judge(operation, target, arguments)
        except RecursionError:  # objects that lead to each other have no state that could be compared
            raise self.undecidable() from None

    def _judge(self, operation: str, target: Any, arguments: tuple[Any, ...]) -> Any:
        if operation in COMPARISONS:
            return self._compare(operation, target, arguments[0])
        if operation == "bool":
            return self._agree(operation, target, (), self._truth(target))
        if operation == "contains":
            return self._agree(operation, target, arguments, self._membership(target, arguments[0]))
        if operation in ARITHMETIC:
            return self._calculate(operation, target, arguments)
        return self.request(operation, (target, *arguments))

    def _agree(self, operation: str, target: Any, arguments: tuple[Any, ...], expected: Any) -> Any:
        """The candidate's answer if it is the one that follows from the data."""
        if expected is not _MISSING:
            answer = self.request(operation, (target, *arguments))
            if type(answer) is type(expected) and answer == expected:
                return answer
        raise self.undecidable()

    def _is_remote(self, value: Any) -> bool:
        return isinstance(value, RemoteObject) and self.numbers.get(id(value), 0) < 0

    def _state(self, target: Any) -> dict[str, Any]:
        found = self.request("state", (target,))
        if not isinstance(found, tuple):
            raise self.undecidable()
        return dict(found)

    def _sole_value(self, target: Any) -> Any:
        """The one value that an object holds: of its builtin base, or of its only attribute.

        An object with several values could make any of several answers follow from its state, so it has none.
        """
        if builtin_base(type(target)) is not None:
            return plain_value(target)
        values = list(self._state(target).values())
        return values[0] if len(values) == 1 else _MISSING

    def _compare(self, operation: str, target: Any, other: Any) -> Any:
        if builtin_base(type(target)) is not None:
            right = plain_value(other) if self._is_remote(other) else other
            expected = _attempt(OPERATIONS[operation], plain_value(target), right)
        elif self._is_remote(other):
            expected = self._compare_states(operation, target, other)
        elif operation in ("eq", "ne") and (other is None or type(target).__prlcoder_native__):
            return operation == "ne"  # no class of the standard library without a value here equals a value of a test
        else:
            sole = self._sole_value(target)
            expected = _MISSING if sole is _MISSING else _attempt(OPERATIONS[operation], sole, other)
        return self._agree(operation, target, (other,), expected)

    def _compare_states(self, operation: str, target: Any, other: Any) -> Any:
        if target is other:
            return operation in ("eq", "le", "ge")
        mine, theirs = self._state(target), self._state(other)
        if type(target) is not type(other):
            return _MISSING
        if operation in ("eq", "ne"):
            return (mine == theirs) is (operation == "eq")
        return _attempt(OPERATIONS[operation], tuple(mine.values()), tuple(theirs.values()))

    def _truth(self, target: Any) -> Any:
        if builtin_base(type(target)) is None and _defines(type(target), "__len__"):
            return len(target) != 0
        sole = self._sole_value(target)
        return sole if sole is _MISSING else bool(sole)

    def _membership(self, target: Any, item: Any) -> Any:
        if builtin_base(type(target)) is None and _defines(type(target), "__iter__"):
            return any(member is item or member == item for member in target)
        sole = self._sole_value(target)
        return _MISSING if sole is _MISSING else _attempt(lambda: item in sole)

    def _calculate(self, operation: str, target: Any, arguments: tuple[Any, ...]) -> Any:
        seen = [value for value in (target, *arguments) if not self._is_remote(value) or self._is_exposed(value)]
        if not seen or (operation == "round" and not self._is_exposed(target)):
            return self.request(operation, (target, *arguments))
        sole = self._sole_value(target)
        result = self.request(operation, (target, *arguments))
        if self._is_remote(result):
            self._exposed.add(self.numbers[id(result)])
            return result
        expected = _MISSING if sole is _MISSING else _attempt(OPERATIONS[operation], sole, *arguments)
        if type(expected) is type(result) and (expected == result or (expected != expected and result != result)):
            return result
        raise self.undecidable()

    def _is_exposed(self, value: Any) -> bool:
        return self.numbers.get(id(value), 0) in self._exposed


def _defines(kind: type, name: str) -> bool:
    return any(name in one.__dict__ for one in kind.__mro__)


def _is_of_test(kind: type) -> bool:
    """Whether test code defines the class, or made the object to be used by the program (a mock)."""
    unittest = sys.modules.get("unittest")
    return kind.__module__ in _TEST_MODULES and not (unittest and issubclass(kind, unittest.TestCase))


def _attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception:
        return _MISSING


class TestBuiltins(dict[str, Any]):
    """The test's builtins. A name that Python's builtins lack is one of the program's."""

    def __init__(self, link: TesterLink, module: dict[str, Any], asked: frozenset[str]) -> None:
        super().__init__({name: value for name, value in vars(builtins).items() if name.startswith("__")})
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


def run_tests(body: tuple[Any, ...], preamble: candidate.CodeType | None, write_record: candidate.WriteRecord) -> None:
    """Execute the published test code against the candidate and record how it ended."""
    names, setup, source, check = body
    channel = Channel(candidate.CHANNEL_FD)
    if channel.receive() != READY:
        write_record(0, wire.ANSWER, GONE)
        return
    link = TesterLink(channel)
    try:
        _execute(link, names, (preamble, setup, source), check)
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


def _execute(link: TesterLink, names: list[str], codes: tuple[candidate.CodeType | None, ...], check: bool) -> None:
    namespace = candidate.fresh_main()
    preamble, *sources = codes
    if preamble is not None:
        exec(preamble, namespace)
    link.classes = own_classes(namespace)
    standard = [name for name in names if name in sys.stdlib_module_names and name not in namespace]
    namespace |= {name: importlib.import_module(name) for name in standard}
    namespace["__builtins__"] = own = TestBuiltins(link, namespace, frozenset(names))
    namespace["__getattr__"] = own.of_module  # `from solution import f`
    random.seed = _seeding_both(link, random.seed)
    for code in sources:
        if code is not None:
            exec(code, namespace)
    if check:
        if "check" not in namespace:
            raise NameError("check is not defined")
        namespace["check"](link.request("name", (None,)))
