"""Which answers of a program's own objects may decide an assertion of a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from prlcoder.executor.jailed.class_contents import builtin_base, plain_value
from prlcoder.executor.jailed.link import Channel, Link
from prlcoder.executor.jailed.operations import ARITHMETIC, COMPARISONS, OPERATIONS
from prlcoder.executor.jailed.proxies import RemoteObject, RemoteType

_MISSING: Final = object()


class OwnObjectError(BaseException):
    """An assertion depends on an object whose class the program wrote. Tests cannot pass after this."""


class OwnObjectRules(Link):
    """The tester's side of the connection, as far as it accepts or rejects what the program's objects answer.

    Data may: what a method returns, an attribute, an item, a length. They are values that the test compares. The result
    of a comparison, of ``in`` or of ``bool`` may not, and neither may the result of arithmetic with a value of the
    test, because an object could answer whatever the test wants to hear. Such a result counts only where the tester
    comes to the same one from the object's state, which it has read before the object saw the test's value.
    """

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel, sign=1, trusted=False)
        self.used = False  # whether the test has called the program, or looked at a value of it
        self.undecided = False  # whether an assertion could not be decided
        self._exposed: set[int] = set()  # numbers of objects that arithmetic with a value of the test has made

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
        if builtin_base(type(target)) is None and defines(type(target), "__len__"):
            return len(target) != 0
        sole = self._sole_value(target)
        return sole if sole is _MISSING else bool(sole)

    def _membership(self, target: Any, item: Any) -> Any:
        if builtin_base(type(target)) is None and defines(type(target), "__iter__"):
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


def defines(kind: type, name: str) -> bool:
    return any(name in one.__dict__ for one in kind.__mro__)


def _attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception:  # the value may be an object of the test, whose methods may raise anything
        return _MISSING
