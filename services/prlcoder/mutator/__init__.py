"""Teachers: they rewrite one segment of a known-correct program."""

from prlcoder.mutator.model import BatchTeacher, Proposals, RewriteSite, Teacher, Variant, VariantKind
from prlcoder.mutator.teacher import RuleTeacher

__all__ = ["BatchTeacher", "Proposals", "RewriteSite", "RuleTeacher", "Teacher", "Variant", "VariantKind"]
