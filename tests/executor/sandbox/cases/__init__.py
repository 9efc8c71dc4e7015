"""Programs and tests by what the tests look at. ``PLAIN``: the verdict is that of program and tests executed in one
namespace. ``OWN_OBJECT``: only an object of the program's own class could decide, whatever plain Python says.
"""

from __future__ import annotations

from tests.executor.sandbox.cases import (
    arguments,
    callbacks,
    collection_types,
    data_classes,
    exceptions,
    functions,
    iterables,
    logs_and_warnings,
    modules_and_streams,
    own_classes,
    own_object,
    patched,
    protocols,
    standard_types,
)

PLAIN = [
    *iterables.CASES,
    *collection_types.CASES,
    *standard_types.CASES,
    *data_classes.CASES,
    *own_classes.CASES,
    *protocols.CASES,
    *functions.CASES,
    *exceptions.CASES,
    *arguments.CASES,
    *callbacks.CASES,
    *modules_and_streams.CASES,
    *patched.CASES,
    *logs_and_warnings.CASES,
]
OWN_OBJECT = own_object.CASES
