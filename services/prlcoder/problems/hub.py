"""Hugging Face data sets, by hub id or from a local copy, streamed through ``datasets``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from prlcoder.errors import InputError
from prlcoder.problems.rows import SourceRow, dated_as_text
from prlcoder.spec import Hub

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
SPLITS = {"train": "train", "validation": "validation", "valid": "validation", "dev": "validation", "test": "test"}


class LoadingScriptError(Exception):
    """The data set is a program, which ``datasets`` no longer runs; its files can still be read by themselves."""


def is_hub_id(source: str) -> bool:
    """Whether ``source`` has the form ``organisation/name``."""
    return re.fullmatch(_ID, source) is not None


def hub_rows(source: str, settings: Hub) -> Iterator[SourceRow]:
    """The rows of all splits, or of one, in the data set's order. Nothing is loaded before it is asked for.

    ``InputError``: no such data set, configuration or split, the hub cannot be reached, `datasets` is not installed.
    ``LoadingScriptError``: see there.
    """
    for split, rows in _load(source, settings).items():
        name = f"{source} ({split})"
        try:
            for number, row in enumerate(rows, start=1):
                yield SourceRow(name, number, dated_as_text(row), SPLITS.get(split))
        except Exception as error:  # a broken file, a cut connection: whatever the format's reader raises
            raise InputError(f"{name}: cannot be read ({_first_line(error)})") from None


def _load(source: str, settings: Hub) -> dict[str, Any]:
    try:
        from datasets import load_dataset
    except ImportError as error:
        remedy = "pip install 'prlcoder[train]'"
        raise InputError(f"{source}: reading data sets of the hub needs `datasets` ({error}); {remedy}") from None
    try:
        loaded = load_dataset(
            source, name=settings.config, split=settings.split, revision=settings.revision, streaming=True
        )
    except ConnectionError as error:
        remedy = "check the network, or name a file that you have"
        raise InputError(f"{source}: not a file here, and the hub cannot be reached ({error}); {remedy}") from None
    except FileNotFoundError as error:  # DatasetNotFoundError and DataFilesNotFoundError are both one
        remedy = "check the name; private data sets need HF_TOKEN"
        raise InputError(
            f"{source}: neither a file here nor a data set of the hub ({_first_line(error)}); {remedy}"
        ) from None
    except Exception as error:
        if "scripts are no longer supported" in str(error):
            raise LoadingScriptError(str(error)) from None
        remedy = "see problems.hub.config, split and revision"  # a ValueError that names what there is
        raise InputError(f"{source}: {_first_line(error)}; {remedy}") from None
    return loaded if settings.split is None else {settings.split: loaded}


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
