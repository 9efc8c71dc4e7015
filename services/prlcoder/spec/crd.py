"""Generates the CustomResourceDefinition of the TrainingRun: ``python -m prlcoder.spec.crd``.

The JSON schema of the models becomes a structural schema, as Kubernetes wants it:

- References are inlined, titles are dropped, and `const` becomes an enum of one value.
- `null` is not a type of its own. The API server removes a null from a field that is not nullable, so a manifest that
  writes nulls out means the same on both engines, and ``has()`` in a rule means that the field has a value.
- Exclusive bounds are a bound and a boolean.
- The members of a tagged union are merged into one object. It has no defaults, and one rule per kind says which fields
  the kind needs and may have.
- Sections that are left out become empty objects, so that the defaults of their fields apply.
- Texts, lists and maps without a bound get one: without bounds the API server cannot estimate the cost of rules.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import yaml

from prlcoder.spec.checks import CHECKS
from prlcoder.spec.status import RunStatus
from prlcoder.spec.trainingrun import Metadata, Spec, TrainingRun

Schema = dict[str, Any]
GROUP, VERSION, KIND, PLURAL = "prlcoder.dev", "v1alpha1", "TrainingRun", "trainingruns"
MAX_NAME_LENGTH: Final = 38  # with `-policy-trainer-0-0-abcde` the name of a JobSet's pod has 63 characters
MAX_TEXT_LENGTH: Final = 1024
MAX_LIST_ITEMS: Final = 32
MAX_MAP_ENTRIES: Final = 32

MUTABLE: Final = (
    "suspend",
    "backoffLimit",
    "activeDeadlineSeconds",
    "startDeadlineSeconds",
    "progressDeadlineSeconds",
    "ttlSecondsAfterFinished",
)
"""Fields of the spec that may change while a run exists."""

COLUMNS: Final = (
    ("Phase", "string", ".status.phase", 0, "Summary of the run's conditions."),
    ("Stage", "string", ".status.stage", 0, "Stage that runs or waits."),
    ("Step", "string", ".status.step", 0, "Step and number of steps of the stage."),
    ("Restarts", "integer", ".status.restarts", 0, "Number of restarts of all stages."),
    ("Age", "date", ".metadata.creationTimestamp", 0, "Time since the run was created."),
    ("ETA", "string", ".status.eta", 1, "Estimated time left."),
    ("Reason", "string", ".status.reason", 1, "Why the run waits or has failed."),
    ("Queue", "string", ".spec.queueName", 1, "Local queue of Kueue."),
    ("Algorithm", "string", ".spec.policy.algorithm", 1, "Algorithm that trains the policy."),
)
"""Name, type, JSON path, priority (1 with ``-o wide`` only) and description of each printer column."""

_COPIED = (
    "type",
    "description",
    "format",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
)


def definition() -> dict[str, Any]:
    """The CustomResourceDefinition."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["trun"],
                "categories": ["prlcoder"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": object_schema()},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_column(*column) for column in COLUMNS],
                }
            ],
        },
    }


def _column(name: str, type: str, path: str, priority: int, description: str) -> dict[str, Any]:
    column = {"name": name, "type": type, "jsonPath": path, "description": description}
    return {**column, "priority": priority} if priority else column


def object_schema() -> Schema:
    """The schema of the whole object: its spec with all rules, and its status."""
    spec = structural(Spec.model_json_schema(by_alias=True))
    for check in CHECKS:
        rules = [{"rule": rule.rule, "message": rule.message} for rule in check.rules]
        _add_rules(_at(spec, check.at), rules)
    _add_rules(spec, _immutable(spec["properties"]))
    name = Metadata.model_json_schema()["properties"]["name"]["pattern"]
    return {
        "type": "object",
        "description": "A training run: what to train, on which problems, with which teachers, reward and algorithm.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": "Version of this API: prlcoder.dev/v1alpha1."},
            "kind": {"type": "string", "description": "Kind of the object: TrainingRun."},
            "metadata": {"type": "object"},
            "spec": {**spec, "description": _text(TrainingRun.model_fields["spec"].description)},
            # without defaults: a status that the API server completes would differ from the one that was written
            "status": structural(RunStatus.model_json_schema(by_alias=True), defaults=False),
        },
        "x-kubernetes-validations": [
            {
                "rule": f"self.metadata.name.size() <= {MAX_NAME_LENGTH} && self.metadata.name.matches('{name}')",
                "message": f"metadata.name: cannot name a run; use at most {MAX_NAME_LENGTH} small letters, digits and"
                " `-`, as in `my-run-1`",
            }
        ],
    }


def _immutable(fields: Iterable[str]) -> Iterator[dict[str, str]]:
    """One rule per field that must not change, so that the message names the field."""
    for name in fields:
        if name not in MUTABLE:
            rule = f"has(self.{name}) == has(oldSelf.{name}) && (!has(self.{name}) || self.{name} == oldSelf.{name})"
            yield {"rule": rule, "message": f"{name}: cannot change once the run exists; create another run"}


def _at(schema: Schema, path: Iterable[str]) -> Schema:
    for name in path:
        schema = schema["properties"][name]
    return schema


def _add_rules(schema: Schema, rules: Iterable[dict[str, str]]) -> None:
    added = list(rules)
    if added:
        schema["x-kubernetes-validations"] = [*schema.get("x-kubernetes-validations", []), *added]


def structural(document: Schema, *, defaults: bool = True) -> Schema:
    """The structural schema of a JSON schema that pydantic made."""
    return _translated(document, document.get("$defs", {}), defaults=defaults)


def _translated(node: Schema, definitions: Mapping[str, Schema], *, defaults: bool) -> Schema:
    node = _plain(node, definitions)
    if "oneOf" in node:
        return _merged(node, definitions)
    if {part.get("type") for part in node.get("anyOf", ())} == {"integer", "string"}:
        return {**_kept(node), "x-kubernetes-int-or-string": True}
    if len(node.get("anyOf", ())) > 1:  # a value of one of several plain types, such as an argument of a template
        return {**_kept(node), "x-kubernetes-preserve-unknown-fields": True}
    made = _kept(node)
    _set_bounds(made, node)
    if "properties" in node:
        made["properties"] = {
            name: _translated(field, definitions, defaults=defaults) for name, field in node["properties"].items()
        }
        if node.get("required"):
            made["required"] = list(node["required"])
    elif isinstance(node.get("additionalProperties"), dict):
        made["additionalProperties"] = _translated(node["additionalProperties"], definitions, defaults=defaults)
        made["maxProperties"] = MAX_MAP_ENTRIES
    if "items" in node:
        made["items"] = _translated(node["items"], definitions, defaults=defaults)
    if defaults and node.get("default") is not None and "x-prlcoder-no-default" not in node:
        made["default"] = {} if "properties" in node else _without_nulls(node["default"])
    return made


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _plain(node: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """``node`` with its reference inlined and its null dropped. What the field says itself comes before its type."""
    while True:
        if "$ref" in node:
            target = definitions[node["$ref"].rpartition("/")[2]]
            node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
        elif len(members := [part for part in node.get("anyOf", ()) if part != {"type": "null"}]) == 1:
            node = {**members[0], **{key: value for key, value in node.items() if key != "anyOf"}}
        else:
            return node


def _kept(node: Schema) -> Schema:
    made = {key: node[key] for key in _COPIED if key in node}
    if "const" in node:
        made["enum"] = [node["const"]]
    if "description" in made:
        made["description"] = _text(made["description"])
    return made


def _text(description: str | None) -> str:
    return re.sub(r"\s+", " ", (description or "").replace("``", "`")).strip()


def _set_bounds(made: Schema, node: Schema) -> None:
    """Exclusive bounds as booleans, and a bound for what has none."""
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if exclusive in node:
            made[bound], made[exclusive] = node[exclusive], True
    if made.get("type") == "integer":
        made.setdefault("format", "int64")
    elif made.get("type") == "string" and "enum" not in made and made.get("format") not in ("date", "date-time"):
        made.setdefault("maxLength", MAX_TEXT_LENGTH)
    elif made.get("type") == "array":
        made.setdefault("maxItems", MAX_LIST_ITEMS)
        made.setdefault("x-kubernetes-list-type", "atomic")


def _merged(node: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """One object for a tagged union: the fields of all members, and one rule per kind."""
    tag = node["discriminator"]["propertyName"]
    members = {
        kind: _translated({"$ref": reference}, definitions, defaults=False)
        for kind, reference in node["discriminator"]["mapping"].items()
    }
    names = list(dict.fromkeys(name for member in members.values() for name in member["properties"]))
    properties = {
        name: _loosest([member["properties"][name] for member in members.values() if name in member["properties"]])
        for name in names
    }
    for name, field in properties.items():
        kinds = [kind for kind, member in members.items() if name in member["properties"]]
        if name != tag and len(kinds) < len(members):
            field["description"] = f"{field['description']} Only with `{tag}: {'` or `'.join(kinds)}`."
    properties[tag] = {**properties[tag], "enum": list(members)}
    rules = [rule for kind, member in members.items() for rule in _rules_of(tag, kind, member, properties)]
    return {
        "type": "object",
        "description": " ".join(f"`{kind}`: {member['description']}" for kind, member in members.items()),
        "required": [tag],
        "properties": properties,
        "x-kubernetes-validations": rules,
    }


def _loosest(fields: list[Schema]) -> Schema:
    """One schema that accepts what any of ``fields`` accepts; they differ in their bounds only."""
    made = {key: value for key, value in fields[0].items() if key not in ("minimum", "maximum")}
    for bound, choose in (("minimum", min), ("maximum", max)):
        exclusive = "exclusiveMinimum" if bound == "minimum" else "exclusiveMaximum"
        if all(bound in field for field in fields):
            made[bound] = choose(field[bound] for field in fields)
            if any(field[bound] == made[bound] and exclusive not in field for field in fields):
                made.pop(exclusive, None)
        else:
            made.pop(exclusive, None)
    return made


def _rules_of(tag: str, kind: str, member: Schema, properties: Mapping[str, Schema]) -> Iterator[dict[str, str]]:
    """The rule of one kind, then the bounds and the checks of the kind where they are tighter than those of all."""
    needed = [name for name in member["required"] if name != tag]
    foreign = [name for name in properties if name not in member["properties"]]
    clauses = [*(f"has(self.{name})" for name in needed), *(f"!has(self.{name})" for name in foreign)]
    allowed = [name for name in member["properties"] if name != tag]
    needs = f" and needs {' and '.join(needed)}" if needed else ""
    yield _guarded(tag, kind, " && ".join(clauses), f"`{tag}: {kind}` takes only {', '.join(allowed)}{needs}")
    for name in allowed:
        for sign, limit in _tighter(member["properties"][name], properties[name]):
            yield _guarded(
                tag, kind, f"!has(self.{name}) || self.{name} {sign} {limit}", f"{name}: must be {sign} {limit}"
            )
    for rule in member.get("x-kubernetes-validations", ()):
        yield _guarded(tag, kind, rule["rule"], rule["message"])


def _guarded(tag: str, kind: str, rule: str, message: str) -> dict[str, str]:
    return {"rule": f"self.{tag} != '{kind}' || ({rule})", "message": message}


def _tighter(field: Schema, merged: Schema) -> Iterator[tuple[str, str]]:
    """The bounds of ``field`` that ``merged`` does not have, as sign and literal."""
    for bound, sign in (("minimum", ">"), ("maximum", "<")):
        exclusive = "exclusiveMinimum" if bound == "minimum" else "exclusiveMaximum"
        own = (field.get(bound), field.get(exclusive, False))
        if own[0] is not None and own != (merged.get(bound), merged.get(exclusive, False)):
            limit = float(own[0]) if field["type"] == "number" else int(own[0])
            yield sign if own[1] else f"{sign}=", repr(limit)


def page() -> str:
    """The CustomResourceDefinition as YAML."""
    head = "# Generated by `python -m prlcoder.spec.crd`; a test checks that it is up to date.\n"
    return head + yaml.safe_dump(definition(), sort_keys=False, allow_unicode=True, width=120)


if __name__ == "__main__":
    sys.stdout.write(page())
