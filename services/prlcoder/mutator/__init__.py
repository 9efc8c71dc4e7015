"""Teachers: they propose rewrites (variants) of one segment of a known-correct program. No code is executed here.

``model`` holds ``Variant`` and the teacher protocols. ``teacher`` is the embedded rule teacher: ``rules/`` has its
operators, ``rewrite_sampler`` draws rewrites, ``candidate_filter`` and ``ngram_model`` prefer those that look like real
code, ``compile_check`` and ``equivalence`` compare bytecode. ``llm/`` is the language-model teacher, ``solutions``
rewrites whole solutions, ``serving/`` is the gRPC service.
"""

from prlcoder.mutator.model import BatchTeacher, Proposals, RewriteSite, Teacher, Variant, VariantKind
from prlcoder.mutator.teacher import RuleTeacher

__all__ = ["BatchTeacher", "Proposals", "RewriteSite", "RuleTeacher", "Teacher", "Variant", "VariantKind"]
