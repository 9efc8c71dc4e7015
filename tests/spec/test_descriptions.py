"""Every field of the manifest is described, in the models and in their JSON schema."""

from __future__ import annotations

from prlcoder.spec import Section, TrainingRun


def sections(section: type[Section] = Section) -> list[type[Section]]:
    """All sections of the spec, their bases included."""
    return [found for child in section.__subclasses__() for found in (child, *sections(child))]


def test_every_section_and_every_field_is_described() -> None:
    undescribed = [
        f"{section.__name__}.{name}"
        for section in sections()
        for name in section.model_fields
        if not (section.model_fields[name].description or "").endswith(".")
    ]
    assert undescribed == []
    assert [section.__name__ for section in sections() if not section.__doc__] == []


def test_the_json_schema_carries_the_descriptions() -> None:
    schema = TrainingRun.model_json_schema(by_alias=True)
    sections = schema["$defs"]
    for section in (schema, *sections.values()):
        for name, field in section["properties"].items():
            referenced = sections.get(field.get("$ref", "").rpartition("/")[2], {})  # pydantic says nothing twice
            assert field.get("description") or referenced.get("description"), f"{section['title']}.{name}"
