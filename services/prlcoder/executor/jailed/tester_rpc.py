"""Tests that are code: a trusted tester process calls into an untrusted candidate process, values only.

Both run the problem's preamble, so that objects of its classes (``ListNode``, ``TreeNode``) can cross as class name and
attributes. Everything else that has no value of its own stays with the candidate and is named by a handle.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from typing import Any, Final

from prlcoder.executor.jailed import candidate, wire
from prlcoder.executor.jailed.candidate_rpc import Channel, Exchange, SendRequest
from prlcoder.executor.jailed.values import Opaque

READY: Final = b"ready"
PASSED: Final = b"passed"
WRONG: Final = b"wrong"
GONE: Final = b"gone"


class CandidateError(Exception):
    """The candidate raised something that is no builtin exception."""


class CandidateGone(BaseException):
    """The candidate's process ended or spoke nonsense; nothing in a test may catch this."""


def own_classes(namespace: dict[str, Any]) -> dict[str, type]:
    """The classes that code run in ``namespace`` has defined."""
    return {
        name: value
        for name, value in namespace.items()
        if isinstance(value, type) and value.__module__ == candidate.MODULE_NAME and value.__name__ == name
    }


# --- the candidate's side -------------------------------------------------------------------------------------------


def serve(body: tuple[Any, ...], preamble: candidate.CodeType | None, code: candidate.CodeType) -> int:
    """Load the program, then answer the tester's calls until it hangs up."""
    _, entry_point = body
    write_record, namespace = candidate.record_writer(), candidate.fresh_main()
    classes: dict[str, type] = {}
    if preamble is not None:
        if not candidate.load(None, preamble, namespace, write_record):
            return candidate.CRASH_EXIT
        classes = own_classes(namespace)
    if not candidate.load(None, code, namespace, write_record):
        return candidate.CRASH_EXIT
    classes = {name: namespace.get(name, own) for name, own in classes.items()}
    exchange = Exchange({name: own for name, own in classes.items() if isinstance(own, type)}, None)
    try:
        target = candidate.look_up(entry_point, namespace)
    except BaseException as error:
        write_record(wire.LOADED, wire.RAISED, candidate.class_name(error))
        return candidate.CRASH_EXIT
    channel = Channel(candidate.CHANNEL_FD)
    channel.send(READY)
    while (message := channel.receive()) is not None:
        try:
            reply = b"+" + exchange.pack(_handle_request(exchange.unpack(message), target, namespace))
        except BaseException as error:
            reply = b"-" + candidate.class_name(error)
        channel.send(reply)
    return candidate.CLEAN_EXIT


def _handle_request(message: Any, target: Any, namespace: dict[str, Any]) -> Any:
    """Do what the tester asks: call a name, a kept object or (None) the entry point; get or set an attribute."""
    match message:
        case ("call", function, arguments, keywords):
            if function is None:
                function = target
            return (namespace[function] if isinstance(function, str) else function)(*arguments, **keywords)
        case ("get", item, name):
            return getattr(item, name)
        case ("set", item, name, value):
            return setattr(item, name, value)
    raise ValueError("not a request")


# --- the tester's side ----------------------------------------------------------------------------------------------


def open_requests(channel: Channel, classes: dict[str, type]) -> SendRequest:
    """A function that sends one request and returns, or raises, what the candidate answers."""

    def ask(*request: Any) -> Any:
        try:
            channel.send(exchange.pack(request))
            reply = channel.receive()
        except OSError:
            reply = None
        if not reply:
            raise CandidateGone
        if reply[:1] == b"-":
            raise _exception(reply[1:].decode("utf-8", "replace"))
        try:
            return exchange.unpack(reply[1:])
        except Exception:  # whatever nonsense was sent, it is no answer
            return Opaque("undecodable", False)

    exchange = Exchange(classes, ask)
    return ask


class Stub:
    """What the tests see in place of the candidate's function ``name`` (None: the entry point)."""

    def __init__(self, name: str | None, ask: SendRequest) -> None:
        self._name, self._ask = name, ask

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self._ask("call", self._name, arguments, keywords)


def _exception(name: str) -> Exception:
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        try:
            error = kind("raised by the candidate")
        except TypeError:  # UnicodeDecodeError and the like want more arguments
            error = CandidateError(name)
    else:
        error = CandidateError(name)
    error.candidate_class = name  # type: ignore[attr-defined]
    return error


def run_tests(body: tuple[Any, ...], preamble: candidate.CodeType | None, write_record: candidate.WriteRecord) -> None:
    """Execute the published test code against stubs and write_record how it ended."""
    names, setup, source, check = body
    channel = Channel(candidate.CHANNEL_FD)
    if channel.receive() != READY:
        write_record(0, wire.ANSWER, GONE)
        return
    namespace = candidate.fresh_main()
    try:
        if preamble is not None:
            exec(preamble, namespace)
        ask = open_requests(channel, own_classes(namespace))
        for name in names:
            if name in namespace:
                continue
            standard = name in sys.stdlib_module_names
            namespace[name] = importlib.import_module(name) if standard else Stub(name, ask)
        exec(setup, namespace)
        exec(source, namespace)
        if check:
            namespace["check"](Stub(None, ask))
    except CandidateGone:
        write_record(0, wire.ANSWER, GONE)
    except BaseException as error:
        raised = getattr(error, "candidate_class", None)
        if raised is not None:
            write_record(0, wire.RAISED, str(raised).encode("utf-8", "backslashreplace"))
        else:
            write_record(0, wire.ANSWER, WRONG)
    else:
        write_record(0, wire.ANSWER, PASSED)
