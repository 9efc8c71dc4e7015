"""One operation of the family: its clause in a statement, its canonical code and its habitual bugs."""

from __future__ import annotations

from dataclasses import dataclass

TextReplacement = tuple[str, str]  # (text that occurs once in the canonical code, what the bug writes instead)

OFTEN, SOMETIMES, SELDOM = 0.60, 0.25, 0.08  # probabilities that a stream program contains a bug in an operation
FAVOURITE_BUG_SHARE = 0.7  # share of an operation's first bug among all its bugs

# Values of an operation's constant c
SUMMANDS = range(1, 10)  # also thresholds
SLICE_LENGTHS = range(1, 4)
FACTORS = range(2, 6)  # also divisors
NO_CONSTANT = range(0)


@dataclass(frozen=True)
class Operation:
    """An entry of the tables ``transforms`` and ``reducers``.

    In ``clause``, ``code`` and ``bugs``, ``{c}`` is the constant and ``{d}`` is the constant plus one. In the code,
    ``{v}`` is the variable that is read and ``{w}`` the variable that is written. Lines are separated by newlines and
    indented relative to the function's body. ``habit`` is the probability that a stream program contains a bug here.
    ``ValueError`` if the text that a bug replaces does not occur exactly once.
    """

    name: str
    clause: str
    code: str
    bugs: tuple[TextReplacement, ...]
    habit: float
    constants: range = NO_CONSTANT

    def __post_init__(self) -> None:
        for old, new in self.bugs:
            if self.code.count(old) != 1 or old == new:
                raise ValueError(f"operation {self.name}: {old!r} must occur once in its code and be changed")


@dataclass(frozen=True)
class OperationStep:
    """One operation in a program, with its constant (0 where the operation has none)."""

    operation: Operation
    constant: int

    def clause(self) -> str:
        """The step's line in the statement, without its number."""
        return self.operation.clause.format(c=self.constant)

    def code(self, position: int, bug: TextReplacement | None = None) -> str:
        """The lines of this step as step ``position`` (from 0) of a function, canonical or with one bug."""
        template = self.operation.code if bug is None else self.operation.code.replace(*bug)
        text = template.format(v=f"v{position}", w=f"v{position + 1}", c=self.constant, d=self.constant + 1)
        return "".join(f"    {line}\n" for line in text.split("\n"))
