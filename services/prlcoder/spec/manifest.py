"""From a manifest file to a ``TrainingRun``, or to every mistake in it at once.

Each mistake is one line ``FILE:LINE: field: what; what to do``. A mistake in what ``--set`` gave names the
option in place of the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from prlcoder.errors import InputError, located
from prlcoder.spec import overrides
from prlcoder.spec.checks import SpecFinding, findings
from prlcoder.spec.document import Document, FieldPath, dotted, read_document
from prlcoder.spec.schema import field_names, nearest, without_tags
from prlcoder.spec.trainingrun import TrainingRun

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
    """The manifest at ``path`` with the ``--set`` overrides ``sets``; ``InputError`` with every mistake."""
    document = read_document(path)
    data, origins = overrides.apply(document.data, sets or [])
    try:
        run = TrainingRun.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as error:
        problems = [_finding(detail, data) for detail in error.errors(include_url=False)]
        raise _refuse(document, origins, problems) from None
    semantic = findings(run)
    if semantic:
        raise _refuse(document, origins, semantic)
    return run


def dump(run: TrainingRun) -> str:
    """The manifest as YAML, every default written out; ``load`` gives the same ``TrainingRun`` back."""
    data = run.model_dump(mode="json", by_alias=True)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)


def _refuse(document: Document, origins: dict[FieldPath, str], problems: list[SpecFinding]) -> InputError:
    in_order = sorted(problems, key=lambda problem: document.line(problem.location))
    messages = dict.fromkeys(str(_message(document, origins, problem)) for problem in in_order)
    return InputError("\n".join(messages))


def _message(document: Document, origins: dict[FieldPath, str], problem: SpecFinding) -> InputError:
    field = dotted(problem.location) or None
    for depth in range(len(problem.location), 0, -1):
        if problem.location[:depth] in origins:
            where = Path(f"--set {origins[problem.location[:depth]]}")
            return located(where, None, field, problem.what, problem.remedy)
    return located(document.path, document.line(problem.location), field, problem.what, problem.remedy)


def _finding(detail: ErrorDetails, data: dict[str, Any]) -> SpecFinding:
    """What pydantic found, in this project's words."""
    location = without_tags(TrainingRun, detail["loc"])
    context = detail.get("ctx", {})
    given = _shown(detail["input"])
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
            return SpecFinding(location, "has no `kind`", "add `kind: rules` or `kind: policy`")
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
    near = nearest(str(name), known)
    remedy = f"did you mean `{near}`?" if near else f"known here: {', '.join(known)}"
    return SpecFinding(location, "unknown field", remedy)


def _suggest(given: str, expected: str) -> str:
    near = nearest(given.strip("'"), [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")])
    return f"did you mean `{near}`?" if near else ""


def _shown(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
