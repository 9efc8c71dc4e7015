"""Values and objects that two processes share, as messages of bytes.

Both sides hold a table of numbered objects. Mutable builtins exist on both sides, and every message brings the contents
that have changed since the last one, so that each side sees what the other has done and identity is preserved. An
object of any other class stays where it was made; the other side holds a proxy for it (``remote_objects``).

A message is a tree of tuples in the format of ``marshal``. The side that does not trust the other reads it with the
strict decoder of ``values``. Atoms (None, numbers, text, bytes) stand for themselves. Everything else is a tuple that
starts with one of the codes below, so that no value of a program can be mistaken for a code.
"""

from __future__ import annotations

import marshal
import operator
import sys
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any, Final

from prlcoder.executor.jailed import values as plain_values
from prlcoder.executor.jailed.value_types import FROM_ARGUMENTS, global_name, resolve_global, to_arguments
from prlcoder.executor.jailed.values import VERSION, UndecodableError

ATOMS: Final = frozenset({int, str, float, bool, bytes, complex, type(None), type(...)})
REFERENCE, TUPLE, FROZENSET, VALUE, GLOBAL = range(5)  # the codes of values
MAX_DEPTH: Final = 100  # of tuples in tuples; mutable containers are numbered and may nest without end
SWEEP_AFTER: Final = 8  # new numbered objects before the next search for objects that nobody uses any more, at least

EncodedValue = Any
ContentMethods = tuple[Callable[[Any], list[Any]], Callable[[Any, list[Any]], None]]


def _pairs(value: Any) -> list[Any]:
    return [part for pair in dict.items(value) for part in pair]


def _attributes(value: Any) -> list[Any]:
    return [part for pair in object.__getattribute__(value, "__dict__").items() for part in pair]


def _fill_list(value: Any, items: list[Any]) -> None:
    list.__setitem__(value, slice(None), items)


def _fill_dict(value: Any, items: list[Any]) -> None:
    dict.clear(value)
    for key, item in zip(items[::2], items[1::2], strict=True):
        dict.__setitem__(value, key, item)


def _fill_ordered(value: Any, items: list[Any]) -> None:
    OrderedDict.clear(value)
    for key, item in zip(items[::2], items[1::2], strict=True):
        OrderedDict.__setitem__(value, key, item)


def _fill_set(value: Any, items: list[Any]) -> None:
    """In the order of iteration that the other side's set has, which depends on how a set has grown."""
    for source in (items, frozenset(items)):
        set.clear(value)
        set.update(value, source)
        if all(map(operator.is_, set.__iter__(value), items)):
            return


def _fill_deque(value: Any, items: list[Any]) -> None:
    deque.clear(value)
    deque.extend(value, items)


def _fill_bytes(value: Any, items: list[Any]) -> None:
    bytearray.__setitem__(value, slice(None), items[0])


def _fill_attributes(value: Any, items: list[Any]) -> None:
    attributes = object.__getattribute__(value, "__dict__")
    attributes.clear()
    attributes.update(zip(items[::2], items[1::2], strict=True))


# Mutable types that exist on both sides: how to read the items with the type's own methods, and how to replace them.
CONTAINERS: Final[dict[type, ContentMethods]] = {
    list: (lambda value: list(list.__iter__(value)), _fill_list),
    dict: (_pairs, _fill_dict),
    set: (lambda value: list(set.__iter__(value)), _fill_set),
    deque: (lambda value: list(deque.__iter__(value)), _fill_deque),
    bytearray: (lambda value: [bytes(memoryview(value))], _fill_bytes),
    OrderedDict: (lambda value: [part for pair in OrderedDict.items(value) for part in pair], _fill_ordered),
    defaultdict: (_pairs, _fill_dict),
    Counter: (_pairs, _fill_dict),
    types.SimpleNamespace: (_attributes, _fill_attributes),
}
CONTAINER_NAMES: Final = {kind.__name__: kind for kind in CONTAINERS}


class SharedObjects:
    """One side's table of numbered objects, and the conversion of values to messages and back.

    ``sign`` is 1 or -1: each side gives numbers of its own sign, so that both can number objects at any time.
    ``trusted`` says whether ``marshal`` itself may read the other side's bytes.
    """

    def __init__(self, sign: int, trusted: bool) -> None:
        self.sign, self._trusted = sign, trusted
        self.objects: dict[int, Any] = {}
        self.numbers: dict[int, int] = {}  # from ``id``; the table keeps the objects alive
        self.classes: dict[str, type] = {}  # of the preamble, which both sides have run
        self._last = 0
        self._fills: dict[int, ContentMethods] = {}  # mutable objects of both sides
        self._newly_shared: list[int] = []
        self._synced: dict[int, bytes] = {}
        self._definitions: list[Any] = []
        self._released: list[int] = []
        self._proxied: set[int] = set()
        self._sweep_at = SWEEP_AFTER

    # --- for remote_objects, which knows classes and proxies ----------------------------------------------------------

    def define_foreign(self, value: Any) -> EncodedValue:
        """Encode an object that no table of this module knows. Overridden."""
        raise ValueError(f"no encoding for {type(value).__name__}")

    def build_foreign(self, number: int, form: str, argument: EncodedValue) -> Any:
        """Build what the other side's ``define_foreign`` has defined. Overridden."""
        raise UndecodableError(f"an unknown form {form}")

    # --- numbering ----------------------------------------------------------------------------------------------------

    def add(self, value: Any) -> int:
        """Number an object of this side."""
        self._last += self.sign
        self._register(self._last, value)
        return self._last

    def _register(self, number: int, value: Any) -> None:
        self.objects[number] = value
        self.numbers[id(value)] = number

    def define_proxied(self, value: Any, form: str, argument: EncodedValue) -> EncodedValue:
        """Define an object for which the other side gets a proxy. Only the other side knows when it is done with it."""
        reference = self.define(value, form, argument)
        self._proxied.add(reference[1])
        return reference

    def define(self, value: Any, form: str, argument: EncodedValue) -> EncodedValue:
        """Number ``value`` and tell the other side how to build its counterpart."""
        number = self.add(value)
        self._definitions.append((number, form, argument))
        return (REFERENCE, number)

    def share(self, number: int, kind: type) -> None:
        """Synchronise the contents of a mutable object from now on, by the methods of the builtin ``kind``."""
        self._synchronise(number, CONTAINERS[kind])

    def _synchronise(self, number: int, methods: ContentMethods) -> None:
        self._fills[number] = methods
        self._newly_shared.append(number)

    def _sweep(self) -> None:
        """Forget objects of either side that only this table still refers to; the other side forgets them too."""
        if len(self.objects) < self._sweep_at:
            return
        for number in list(self.objects):
            value = self.objects[number]
            if number not in self._proxied and sys.getrefcount(value) == 3:  # the table, ``value``, and the argument
                self._forget(number)
                self._released.append(number)
            del value
        self._sweep_at = len(self.objects) + max(SWEEP_AFTER, len(self.objects))

    def _forget(self, number: int) -> None:
        value = self.objects.pop(number, None)
        if value is not None and self.numbers.get(id(value)) == number:
            del self.numbers[id(value)]
        self._fills.pop(number, None)
        self._synced.pop(number, None)
        self._proxied.discard(number)

    # --- writing ------------------------------------------------------------------------------------------------------

    def pack(self, head: tuple[Any, ...], values: tuple[Any, ...], sweep: bool) -> bytes:
        """A message: ``head`` holds atoms only; ``values`` may be anything.

        Definitions, changed contents and released numbers are left out where there are none of all three.
        """
        if sweep:
            self._sweep()
        before = self._last
        try:
            encoded = [self.encode(value) for value in values]
            contents = self._contents() if self._fills else {}
        except BaseException:  # nothing of this message is sent, so the other side knows none of its numbers
            for number in range(before + self.sign, self._last + self.sign, self.sign):
                self._forget(number)
            self._definitions = []
            raise
        changed = [(number, data) for number, data in contents.items() if self._synced.get(number) != data]
        if not (changed or self._definitions or self._released):
            return marshal.dumps((head, encoded), VERSION)
        self._synced.update(changed)
        message = (head, encoded, self._definitions, changed, self._released)
        self._definitions, self._released = [], []
        return marshal.dumps(message, VERSION)

    def _contents(self) -> dict[int, bytes]:
        contents: dict[int, bytes] = {}
        pending = list(self._fills)
        while pending:  # encoding contents may number further objects, whose contents follow
            self._newly_shared = []
            for number in pending:
                contents[number] = marshal.dumps(self._content(number), VERSION)
            pending = self._newly_shared
        return contents

    def _content(self, number: int) -> list[Any]:
        items = self._fills[number][0](self.objects[number])
        kinds = set(map(type, items))
        if kinds <= ATOMS and not (float in kinds and any(item != item for item in items)):
            return items
        return [self.encode(item) for item in items]

    def encode(self, value: Any, depth: int = 0) -> EncodedValue:
        """The encoding of one value. Objects that it leads to are numbered and defined."""
        kind = type(value)
        if kind in ATOMS and not (kind is float and value != value):
            return value
        number = self.numbers.get(id(value))
        if number is not None:
            return (REFERENCE, number)
        if depth > MAX_DEPTH:
            raise ValueError("nested too deep")
        if kind in (tuple, frozenset):
            items = [self.encode(item, depth + 1) for item in value]
            return (TUPLE if kind is tuple else FROZENSET, self.add(value), items)
        if kind in CONTAINERS:
            return self._define_container(value, kind)
        typed = to_arguments(value)
        if typed is not None:
            encoded = [self.encode(item, depth + 1) for item in typed[1]]
            return (VALUE, self.add(value), typed[0], encoded)
        name = global_name(value, functions=self.sign > 0)
        if name is not None:
            return (GLOBAL, *name)
        if self.classes.get(kind.__name__) is kind and hasattr(value, "__dict__"):
            reference = self.define(value, "object of the preamble", kind.__name__)
            self._synchronise(reference[1], (_attributes, _fill_attributes))
            return reference
        return self.define_foreign(value)

    def _define_container(self, value: Any, kind: type) -> EncodedValue:
        extra: EncodedValue = None
        if kind is deque:
            extra = value.maxlen
        elif kind is defaultdict:
            extra = self.encode(value.default_factory)
        reference = self.define(value, "container", (kind.__name__, extra))
        self.share(reference[1], kind)
        return reference

    # --- reading ------------------------------------------------------------------------------------------------------

    def unpack(self, data: bytes) -> tuple[tuple[Any, ...], list[Any]]:
        """The head and the values of a message. Raises an exception of any kind if it is malformed."""
        head, values, *tables = self._load(data)
        if not tables:
            return head, [self.decode(value) for value in values]
        definitions, contents, released = tables
        for number, form, argument in definitions:
            if type(number) is not int or number * self.sign >= 0 or number in self.objects:
                raise UndecodableError("a number that the other side may not give")
            built = self._build(number, form, argument)
            if number not in self.objects:
                self._register(number, built)
        for number, content in contents:
            self._fills[number][1](self.objects[number], [self.decode(item) for item in self._load(content)])
        for number, _ in contents:  # in this side's own form, so that an unchanged object is not sent back
            self._synced[number] = marshal.dumps(self._content(number), VERSION)
        result = [self.decode(value) for value in values]
        for number in released:
            self._forget(number)
        return head, result

    def _load(self, data: bytes) -> Any:
        return marshal.loads(data) if self._trusted else plain_values.decode(data)

    def _build(self, number: int, form: str, argument: EncodedValue) -> Any:
        if form == "container":
            name, extra = argument
            kind = CONTAINER_NAMES[name]
            built: Any = kind([], extra) if kind is deque else kind()
            if kind is defaultdict:
                built.default_factory = self.decode(extra)
            self.share(number, kind)
            return built
        if form == "object of the preamble":
            built = object.__new__(self.classes[argument])
            self._synchronise(number, (_attributes, _fill_attributes))
            return built
        return self.build_foreign(number, form, argument)

    def decode(self, value: EncodedValue) -> Any:
        if type(value) is not tuple:
            return value
        code = value[0]
        if code == REFERENCE:
            return self.objects[value[1]]
        if code == GLOBAL:
            return resolve_global(value[1], value[2], functions=self.sign < 0)
        number, *rest = value[1:]
        if code == TUPLE:
            built: Any = tuple([self.decode(item) for item in rest[0]])
        elif code == FROZENSET:
            built = frozenset([self.decode(item) for item in rest[0]])
        elif code == VALUE:
            built = FROM_ARGUMENTS[rest[0]](*[self.decode(item) for item in rest[1]])
        else:
            raise UndecodableError("an unknown code")
        if number:
            if type(number) is not int or number * self.sign >= 0 or number in self.objects:
                raise UndecodableError("a number that the other side may not give")
            self._register(number, built)
        return built
