"""The formats that problems are read from, one module per format.

A format is a function from a ``Record`` to a ``Problem`` and the sets of fields that tell it apart. To add one, write
a module with a ``FORMAT`` and add it to ``_MODULES``; ``FORMATS`` and ``NAMES`` follow. ``record`` reads and checks
single fields, and ``inputs_outputs`` reads the form of tests that several formats share.
"""

from prlcoder.problems.formats import (
    apps,
    appsplus,
    bigcodebench,
    codecontests,
    humaneval,
    humaneval_et,
    humanevalplus,
    kodcode,
    leetcode,
    livecodebench,
    mbpp,
    mbpp_sanitized,
    mbppplus,
    own,
    taco,
    verifiable,
    verl,
)
from prlcoder.problems.formats.record import FieldError, Record
from prlcoder.problems.formats.registry import Format

_MODULES = (
    humaneval,
    humanevalplus,
    humaneval_et,
    mbpp,
    mbpp_sanitized,
    mbppplus,
    livecodebench,
    bigcodebench,
    leetcode,
    apps,
    appsplus,
    taco,
    codecontests,
    kodcode,
    verifiable,
    verl,
    own,
)
FORMATS: dict[str, Format] = {module.FORMAT.name: module.FORMAT for module in _MODULES}
GENERATED = "nano"  # a source and a format name, but not a file
NAMES = (*FORMATS, GENERATED)

__all__ = ["FORMATS", "GENERATED", "NAMES", "FieldError", "Format", "Record"]
