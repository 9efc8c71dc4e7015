"""A run's spec as the operator understands it: its stages, and the resolved manifest that its pods are given.

The manifest is frozen at the first look. What a later operator would resolve otherwise does not reach the run.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from prlcoder.errors import InputError
from prlcoder.operator.constants import API_VERSION, KIND, STORAGE_FOLDER
from prlcoder.operator.observed import ObservedRun
from prlcoder.spec import TrainingRun, manifest


@dataclass(frozen=True)
class Resolved:
    """The stages in order, those that are ``given`` by the spec's ``from``, and the manifest; or why there are none."""

    stages: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()
    manifest: str = ""
    error: str | None = None


def resolve(run: ObservedRun, frozen: str | None) -> Resolved:
    """The run's spec, or its frozen manifest where there is one, checked as ``prlcoder validate`` checks it."""
    text = frozen if frozen is not None else yaml.safe_dump(_document(run), sort_keys=False, allow_unicode=True)
    try:
        parsed = _parsed(text)
    except InputError as error:
        return Resolved(error=str(error))
    stages = tuple(parsed.stages())
    given = frozenset(stage for stage in stages if parsed.given(stage) is not None)
    return Resolved(stages, given, frozen if frozen is not None else manifest.dump(parsed))


def _parsed(text: str) -> TrainingRun:
    """The manifest, with messages that name fields; lines of a file that no user has seen are left out of them."""
    with tempfile.TemporaryDirectory(prefix="prlcoder-") as folder:
        path = Path(folder) / "run.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            return manifest.load(path)
        except InputError as error:
            lines = (re.sub(rf"^{re.escape(str(path))}(:\d+)?: ", "", line) for line in str(error).splitlines())
            raise InputError("\n".join(lines)) from None


def _document(run: ObservedRun) -> dict[str, Any]:
    """The manifest that the user applied, with the chart's claim as its storage where it names none."""
    spec = dict(run.spec)
    storage = dict(spec.get("storage") or {})
    if storage.get("uri") is None:
        spec["storage"] = {**storage, "uri": STORAGE_FOLDER}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": run.name}, "spec": spec}
