"""Reads one YAML mapping, with the line of every value.

It refuses aliases that expand without end, keys that are given twice, and tags that build Python objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from prlcoder.errors import InputError, located

FieldPath = tuple[str | int, ...]
"""Location of a value in a document: mapping keys and list indices from the root."""

MAX_VALUES, MAX_DEPTH = 100_000, 32  # a document above these has aliases of aliases, or an alias inside itself


@dataclass(frozen=True)
class Document:
    """A parsed file. ``lines`` holds the 1-based line of every key (or list item), by location."""

    path: Path
    data: dict[str, Any]
    lines: dict[FieldPath, int]

    def line(self, location: FieldPath) -> int:
        """Line of ``location``, or of the nearest enclosing location that the file has."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)


def read_document(path: Path) -> Document:
    """The one mapping in the file at ``path``; ``InputError`` with file and line for any other content."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise located(path, None, None, "no such file", "check the path") from None
    except IsADirectoryError:
        raise located(path, None, None, "is a folder, not a file", "name a manifest in it") from None
    except UnicodeDecodeError:
        raise located(path, None, None, "is not UTF-8 text", "is it the right file?") from None
    except OSError as error:
        raise located(path, None, None, f"cannot be read ({error.strerror or error})", "check the path") from None
    return parse_document(path, text)


def parse_document(path: Path, text: str) -> Document:
    """As ``read_document``, from a text; ``path`` only appears in messages."""
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            raise located(path, None, None, "is empty", "it must hold a TrainingRun")
        if not isinstance(root, yaml.MappingNode):
            kind = "a list" if isinstance(root, yaml.SequenceNode) else "a single value"
            raise located(
                path,
                root.start_mark.line + 1,
                None,
                f"holds {kind}, not a mapping",
                "it must hold a TrainingRun",
            )
        lines = dict(_lines(path, root))
        data = loader.construct_document(root)
    except yaml.reader.ReaderError as error:
        raise located(path, None, None, f"is not text ({error.reason})", "is it the right file?") from None
    except yaml.MarkedYAMLError as error:
        raise _broken(path, error) from None
    except (ValueError, RecursionError) as error:  # such as a timestamp of month 13
        raise located(path, None, None, f"not YAML ({str(error).splitlines()[0]})", "correct it") from None
    return Document(path, data, lines)


def _broken(path: Path, error: yaml.MarkedYAMLError) -> InputError:
    """The parser's error. For a bracket or quote that is never closed it names the line where it was opened."""
    unclosed = "<stream end>" in (error.problem or "") and error.context_mark is not None
    mark = error.context_mark if unclosed else error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    if error.context == "expected a single document in the stream":
        return located(path, line, None, "holds more than one document", "keep one TrainingRun per file")
    if unclosed:
        return located(path, line, None, "not YAML (a bracket or quote opened here is never closed)", "close it")
    what = error.problem or error.context or "broken"
    column = f" at column {mark.column + 1}" if mark else ""
    return located(path, line, None, f"not YAML ({what}{column})", "correct this line or the one before")


def _lines(path: Path, root: yaml.MappingNode) -> Iterator[tuple[FieldPath, int]]:
    """Every location with its line, depth first; refuses repeated keys, keys that are not text, and loops."""
    pending: list[tuple[FieldPath, yaml.Node]] = [((), root)]
    for _ in range(MAX_VALUES):
        if not pending:
            return
        location, node = pending.pop()
        seen: dict[str | int, int] = {}
        for name, key_node, value in _children(path, location, node):
            line = key_node.start_mark.line + 1
            if name in seen and name != "<<":
                where = dotted((*location, name))
                problem = f"given twice (first in line {seen[name]})"
                raise located(path, line, where, problem, "remove one of them")
            seen[name] = line
            yield (*location, name), line
            if len(location) == MAX_DEPTH:
                raise located(path, line, None, "is nested too deeply, or an alias refers to itself", "write it out")
            pending.append(((*location, name), value))
    raise located(path, None, None, "holds too many values, or too many aliases", "write them out")


def _children(path: Path, location: FieldPath, node: yaml.Node) -> Iterator[tuple[str | int, yaml.Node, yaml.Node]]:
    """For each entry or item of ``node``: its name, the node that gives its line, and its value."""
    if isinstance(node, yaml.SequenceNode):
        yield from ((index, item, item) for index, item in enumerate(node.value))
    elif isinstance(node, yaml.MappingNode):
        yield from ((_key(path, location, key), key, value) for key, value in node.value)


def _key(path: Path, location: FieldPath, key: yaml.Node) -> str:
    if not isinstance(key, yaml.ScalarNode):
        raise located(path, key.start_mark.line + 1, dotted(location) or None, "a key must be plain text")
    return str(key.value)


def dotted(location: FieldPath) -> str:
    """``("spec", "policy", "controls", 0, "kind")`` as ``spec.policy.controls[0].kind``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
