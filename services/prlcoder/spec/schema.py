"""Looks up the fields of the TrainingRun's models at a location, and the known name nearest to a misspelt one."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from prlcoder.spec.document import FieldPath


def field_names(model: type[BaseModel], location: FieldPath) -> list[str]:
    """Names of the fields at ``location`` below ``model``, as files write them."""
    return sorted({_file_name(m, name) for m in _models_at(model, location) for name in m.model_fields})


def union_tags(model: type[BaseModel], location: FieldPath) -> list[str]:
    """The values of ``kind`` that the tagged union at ``location`` below ``model`` knows."""
    return [tag for member in _models_at(model, location) if (tag := _kind_of(member)) is not None]


def without_tags(model: type[BaseModel], location: FieldPath) -> FieldPath:
    """Pydantic's ``location`` without the tags of unions: ``teachers, 0, rules, x`` becomes ``teachers, 0, x``."""
    kept: list[str | int] = []
    candidates: list[Any] = [model]
    for part in location:
        if isinstance(part, str) and any(_kind_of(candidate) == part for candidate in candidates):
            candidates = [candidate for candidate in candidates if _kind_of(candidate) == part]
            continue
        kept.append(part)
        candidates = [kind for candidate in candidates for kind in _types_at(candidate, part)]
    return tuple(kept)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most similar to ``name``, ignoring case and underscores; None if none is similar."""
    plain = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(name.replace("_", "").lower(), plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def _models_at(model: type[BaseModel], location: FieldPath) -> list[type[BaseModel]]:
    candidates: list[Any] = [model]
    for part in location:
        candidates = [kind for candidate in candidates for kind in _types_at(candidate, part)]
    return [kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel)]


def _types_at(kind: Any, part: str | int) -> list[Any]:
    """Types of the value at ``part`` (a field or an index) of a value of type ``kind``, with unions unfolded."""
    if isinstance(part, int):
        return _plain_types(get_args(kind)[0]) if get_origin(kind) in (tuple, list) else []
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return []
    return [
        t
        for name, field in kind.model_fields.items()
        if _file_name(kind, name) == part
        for t in _plain_types(field.annotation)
    ]


def _plain_types(annotation: Any) -> list[Any]:
    """The plain types in ``annotation``: the members of a union, the type inside ``Annotated``."""
    if get_origin(annotation) is Annotated:
        return _plain_types(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [kind for member in get_args(annotation) for kind in _plain_types(member)]
    return [annotation]


def _file_name(model: type[BaseModel], name: str) -> str:
    return model.model_fields[name].alias or name


def _kind_of(kind: Any) -> str | None:
    """The value of ``kind`` that selects this member of a tagged union; None if it is not a member of one."""
    if isinstance(kind, type) and issubclass(kind, BaseModel) and "kind" in kind.model_fields:
        annotation = kind.model_fields["kind"].annotation
        if get_origin(annotation) is Literal and len(get_args(annotation)) == 1:
            return str(get_args(annotation)[0])
    return None
