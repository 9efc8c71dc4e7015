"""Creates the teachers that a spec names. The policy teacher is not among them: it does not rewrite segments."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prlcoder.mutator import BatchTeacher, Teacher
from prlcoder.spec import LlmTeacher, PolicyTeacher, RulesTeacher, Services
from prlcoder.stages.services import rule_teacher

CACHE_FILE = "teacher-cache.sqlite"  # in the supervision's folder, unless the spec names another file


def proposing(
    sections: Iterable[RulesTeacher | LlmTeacher | PolicyTeacher], services: Services, *, seed: int, folder: Path
) -> list[Teacher | BatchTeacher]:
    """Return the teachers of the spec's sections, in order.

    The rule teacher is the mutator service if ``services.mutator`` has an address. Raises ``InputError`` if a teacher's
    API key is missing.
    """
    teachers: list[Teacher | BatchTeacher] = []
    for section in sections:
        if isinstance(section, RulesTeacher):
            teachers.append(rule_teacher(services, section, seed))
        elif isinstance(section, LlmTeacher):
            from prlcoder.mutator.llm import LanguageModelTeacher

            teachers.append(LanguageModelTeacher(section, seed=seed, cache=folder / CACHE_FILE))
    return teachers


def described(section: RulesTeacher | LlmTeacher | PolicyTeacher) -> dict[str, Any]:
    """Return the fields of a section that determine a supervision's content, as plain values."""
    if isinstance(section, LlmTeacher):
        from prlcoder.mutator import llm

        return llm.described(section)
    return section.model_dump(by_alias=True)
