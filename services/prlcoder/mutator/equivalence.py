"""Equivalence by bytecode: two programs that compile to the same bytecode do the same.

A variant that compiles to the bytecode of the original, or of another variant, teaches nothing and is dropped without
running it (trivial compiler equivalence, Papadakis et al., ICSE 2015).
"""

from __future__ import annotations

import warnings
from types import CodeType

Fingerprint = tuple[object, ...]
"""Everything in a code object that affects behaviour, nested code objects included; line numbers are left out."""


def fingerprint(program: str) -> Fingerprint:
    """The fingerprint of a whole program. Raises ``SyntaxError`` or ``ValueError`` if it does not compile."""
    return _of_code(compile(program, "<variant>", "exec", dont_inherit=True, optimize=0))


def _of_code(code: CodeType) -> Fingerprint:
    # `repr` together with the type tells apart constants that compare equal: 1, 1.0 and True; 0.0 and -0.0.
    constants = tuple(
        _of_code(constant) if isinstance(constant, CodeType) else (type(constant), repr(constant))
        for constant in code.co_consts
    )
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return (code.co_code, constants, names, code.co_exceptiontable, code.co_flags, code.co_argcount)


class DistinctPrograms:
    """The programs seen so far, compared by text and, if they compile, by bytecode. It starts with one program."""

    def __init__(self, program: str) -> None:
        self._texts: set[str] = set()
        self._codes: set[Fingerprint] = set()
        self.add(program)

    def add(self, program: str) -> bool:
        """Remember the program; return whether it differs from all programs before it."""
        if program in self._texts:
            return False
        self._texts.add(program)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a SyntaxWarning says nothing about equivalence
                code = fingerprint(program)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return True  # a program that does not compile is compared by its text alone
        is_new = code not in self._codes
        self._codes.add(code)
        return is_new
