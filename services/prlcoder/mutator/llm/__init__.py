"""The language-model teacher (``docs/teacher.md``): variants written by a model behind an OpenAI-compatible endpoint.

``teacher`` is the entry. On the way out: ``prompts`` builds questions, ``batch`` sends many at once through
``endpoint`` with ``rate_limits``, ``breaker`` and ``costs``. On the way back: ``completions`` and ``answers`` parse,
``reindent`` and ``validate_proposals`` fit the proposals into the program. ``cache`` keeps every answer on disk.
"""

from prlcoder.mutator.llm.teacher import LanguageModelTeacher, described

__all__ = ["LanguageModelTeacher", "described"]
