"""What all sections of the spec share: their base class and the types of their fields.

Field names are camelCase in YAML and snake_case in Python. Unknown fields are refused; ``prlcoder.spec.manifest`` turns
pydantic's errors into messages that name the nearest known field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema

Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=1)]
DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


NO_CRD_DEFAULT: dict[str, Any] = {"x-prlcoder-no-default": True}
"""Extra keyword of the JSON schema for a field whose default depends on other fields, so that the CRD omits it."""


@dataclass(frozen=True)
class CelRule:
    """A check as the Kubernetes API server makes it.

    ``rule`` is a CEL expression that is true for a valid section ``self``. An optional field that is absent is not
    ``has()``; fields with a default are always there, except in unions. ``message`` names the field and the fix.
    """

    rule: str
    message: str


def unique_by(key: str) -> dict[str, Any]:
    """Extra keywords of the JSON schema for a list whose items differ in ``key``."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


class Section(BaseModel):
    """The base of every section: camelCase in files, no unknown fields, immutable.

    The docstring under a field is its description in the reference page, in the JSON schema and in the CRD.
    ``cel_rules`` are the section's own validators as rules for the API server.
    """

    cel_rules: ClassVar[tuple[CelRule, ...]] = ()

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The JSON schema of the section, with its rules under Kubernetes' keyword."""
        made = handler(schema)
        if cls.cel_rules:
            rules = [{"rule": rule.rule, "message": rule.message} for rule in cls.cel_rules]
            handler.resolve_ref_schema(made)["x-kubernetes-validations"] = rules
        return made
