"""Streams Hugging Face data sets through ``datasets``, by hub id or from a local copy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from prlcoder.errors import InputError, first_line
from prlcoder.problems.rows import SourceRow, dated_as_text
from prlcoder.spec import Hub

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
SPLITS = {"train": "train", "validation": "validation", "valid": "validation", "dev": "validation", "test": "test"}


class LoadingScriptError(Exception):
    """The data set is a Python program, which ``datasets`` no longer runs. Its data files can still be read."""


def is_hub_id(source: str) -> bool:
    """Whether ``source`` has the form ``organisation/name``."""
    return re.fullmatch(_ID, source) is not None


def hub_rows(source: str, settings: Hub) -> Iterator[SourceRow]:
    """The rows of all splits, or of one, in the order of the data set. Rows are loaded as they are consumed.

    ``InputError`` if the data set, configuration or split does not exist, if the hub cannot be reached, or if
    ``datasets`` is not installed. ``LoadingScriptError`` if the data set is a Python program.
    """
    for split, rows in _load(source, settings).items():
        name = f"{source} ({split})"
        try:
            for number, row in enumerate(rows, start=1):
                yield SourceRow(name, number, dated_as_text(row), SPLITS.get(split))
        except Exception as error:  # a damaged file or a lost connection: each format's reader has its own exceptions
            raise InputError(f"{name}: cannot be read ({first_line(error)})") from None


def _load(source: str, settings: Hub) -> dict[str, Any]:
    try:
        from datasets import load_dataset
    except ImportError as error:
        remedy = "pip install 'prlcoder[train]'"
        raise InputError(f"{source}: reading data sets from the hub needs `datasets` ({error}); {remedy}") from None
    try:
        loaded = load_dataset(
            source, name=settings.config, split=settings.split, revision=settings.revision, streaming=True
        )
    except ConnectionError as error:
        remedy = "check the network, or name a local file"
        raise InputError(f"{source}: not a local file, and the hub cannot be reached ({error}); {remedy}") from None
    except FileNotFoundError as error:  # the base class of DatasetNotFoundError and DataFilesNotFoundError
        remedy = "check the name; private data sets need HF_TOKEN"
        raise InputError(
            f"{source}: neither a local file nor a data set on the hub ({first_line(error)}); {remedy}"
        ) from None
    except Exception as error:
        if "scripts are no longer supported" in str(error):
            raise LoadingScriptError(str(error)) from None
        remedy = "see problems.hub.config, split and revision"  # the message of `datasets` lists the valid names
        raise InputError(f"{source}: {first_line(error)}; {remedy}") from None
    return loaded if settings.split is None else {settings.split: loaded}
