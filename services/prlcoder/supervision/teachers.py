"""From a spec's teachers to those that propose variants for segments (the policy teaches in another way)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prlcoder.mutator import BatchTeacher, Teacher
from prlcoder.spec import LlmTeacher, PolicyTeacher, RulesTeacher, Services
from prlcoder.stages.services import rule_teacher

CACHE = "teacher-cache.sqlite"  # in the supervision's folder, unless the spec names another file


def proposing(
    sections: Iterable[RulesTeacher | LlmTeacher | PolicyTeacher], services: Services, *, seed: int, folder: Path
) -> list[Teacher | BatchTeacher]:
    """The teachers of the spec's sections, in order; the rules behind ``services.mutator`` where it has an address.
    ``InputError`` if one lacks its key."""
    teachers: list[Teacher | BatchTeacher] = []
    for section in sections:
        if isinstance(section, RulesTeacher):
            teachers.append(rule_teacher(services, section, seed))
        elif isinstance(section, LlmTeacher):
            from prlcoder.mutator.llm import LanguageModelTeacher

            teachers.append(LanguageModelTeacher(section, seed=seed, cache=folder / CACHE))
    return teachers


def described(section: RulesTeacher | LlmTeacher | PolicyTeacher) -> dict[str, Any]:
    """What of a section decides a supervision's content, as plain values for its settings."""
    if isinstance(section, LlmTeacher):
        from prlcoder.mutator import llm

        return llm.described(section)
    return section.model_dump(by_alias=True)
