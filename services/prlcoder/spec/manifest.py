"""Reads a manifest into a ``TrainingRun``, or reports every mistake in it at once.

Each mistake is one line ``FILE:LINE: field: what is wrong; what to do``. A mistake in a value that ``--set`` gave names
the option in place of the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from prlcoder.errors import InputError, located
from prlcoder.spec import overrides
from prlcoder.spec.check_registry import SpecFinding
from prlcoder.spec.checks import findings
from prlcoder.spec.document import Document, FieldPath, dotted, read_document
from prlcoder.spec.schema import field_names, nearest, union_tags, without_tags
from prlcoder.spec.trainingrun import Metadata, TrainingRun

_MUST_BE = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
}


def load(path: Path, sets: list[str] | None = None) -> TrainingRun:
    """The manifest at ``path`` with the ``--set`` overrides ``sets``.

    Raises ``InputError`` with every mistake.
    """
    document = read_document(path)
    data, origins = overrides.apply(document.data, sets or [])
    run, found = _validated(data)
    if run is None or found:
        raise _refusal(document, origins, found)
    return run


def load_object(path: Path, sets: list[str] | None = None) -> dict[str, Any]:
    """The manifest at ``path`` with the overrides ``sets`` as a Kubernetes object, for a cluster.

    It holds what the user has written, and no defaults: the API server fills them in. Raises ``InputError`` with every
    mistake.
    """
    document = read_document(path)
    data, origins = overrides.apply(document.data, sets or [])
    run, found = _validated(data)
    if run is None or found:
        raise _refusal(document, origins, found)
    return data


def from_object(data: Mapping[str, Any]) -> TrainingRun:
    """The TrainingRun of a Kubernetes object, without its status and the metadata that the API server adds.

    Raises ``InputError`` with the lines that ``prlcoder validate`` prints, without file and line.
    """
    metadata = {name: data["metadata"][name] for name in Metadata.model_fields if name in data.get("metadata", {})}
    kept = {name: data[name] for name in ("apiVersion", "kind", "spec") if name in data}
    run, found = _validated({**kept, "metadata": metadata})
    if run is None or found:
        messages = dict.fromkeys(_finding_text(finding) for finding in found)
        raise InputError("\n".join(messages))
    return run


def _validated(data: dict[str, Any]) -> tuple[TrainingRun | None, list[SpecFinding]]:
    """The run, unless a field is invalid, and the mistakes in it."""
    try:
        run = TrainingRun.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as error:
        return None, [_finding_of(detail) for detail in error.errors(include_url=False)]
    return run, findings(run)


def dump(run: TrainingRun) -> str:
    """The manifest as YAML with every default written out; ``load`` reads it into an equal ``TrainingRun``."""
    data = run.model_dump(mode="json", by_alias=True)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)


def _refusal(document: Document, origins: dict[FieldPath, str], found: list[SpecFinding]) -> InputError:
    in_order = sorted(found, key=lambda finding: document.line(finding.location))
    messages = dict.fromkeys(str(_located(document, origins, finding)) for finding in in_order)
    return InputError("\n".join(messages))


def _located(document: Document, origins: dict[FieldPath, str], finding: SpecFinding) -> InputError:
    field = dotted(finding.location) or None
    for depth in range(len(finding.location), 0, -1):
        if finding.location[:depth] in origins:
            where = Path(f"--set {origins[finding.location[:depth]]}")
            return located(where, None, field, finding.what, finding.remedy)
    return located(document.path, document.line(finding.location), field, finding.what, finding.remedy)


def _finding_text(finding: SpecFinding) -> str:
    what = f"{dotted(finding.location)}: {finding.what}" if finding.location else finding.what
    return f"{what}; {finding.remedy}" if finding.remedy else what


def _finding_of(detail: ErrorDetails) -> SpecFinding:
    """An error of pydantic in this project's words."""
    location = without_tags(TrainingRun, detail["loc"])
    context = detail.get("ctx", {})
    given = _value_text(detail["input"])
    match detail["type"]:
        case "extra_forbidden":
            return _unknown_field(location)
        case "missing":
            return SpecFinding(location, "is required", "add it")
        case "literal_error":
            return SpecFinding(
                location, f"must be {context['expected']}, not {given}", _suggest(given, context["expected"])
            )
        case "union_tag_invalid":
            expected = context["expected_tags"]
            return SpecFinding((*location, "kind"), f"must be one of {expected}, not {context['tag']!r}")
        case "union_tag_not_found":
            kinds = [f"`kind: {tag}`" for tag in union_tags(TrainingRun, location)]
            return SpecFinding(location, "has no `kind`", f"add {', '.join(kinds[:-1])} or {kinds[-1]}")
        case "string_pattern_mismatch" if location == ("metadata", "name"):
            what = f"{given} cannot name a run"
            return SpecFinding(location, what, "use at most 63 small letters, digits and `-`, as in `my-run-1`")
        case "value_error":
            return SpecFinding(location, str(context["error"]))
        case "model_type" | "dict_type":
            return SpecFinding(location, f"must hold fields, not {given}", "write them below it, indented")
        case kind if kind in _MUST_BE:
            return SpecFinding(location, f"must be {_MUST_BE[kind].format(**context)}, not {given}")
        case _:
            return SpecFinding(location, f"{detail['msg']}, not {given}")


def _unknown_field(location: FieldPath) -> SpecFinding:
    *outer, name = location
    known = field_names(TrainingRun, tuple(outer))
    if name in known:  # of another member of a tagged union
        return SpecFinding(location, "is not a field of this `kind`", "remove it, or change `kind`")
    near = nearest(str(name), known)
    remedy = f"did you mean `{near}`?" if near else f"known here: {', '.join(known)}"
    return SpecFinding(location, "unknown field", remedy)


def _suggest(given: str, expected: str) -> str:
    near = nearest(given.strip("'"), [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")])
    return f"did you mean `{near}`?" if near else ""


def _value_text(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
