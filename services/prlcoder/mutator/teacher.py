"""The rule teacher: a weighted, seeded choice among the operators' rewrites of one segment.

Every variant has these properties, whatever its operator:

- It differs from the segment and from the other variants.
- The whole program compiles with it, except for the rare syntax bugs, with which it never does.
- Comment lines, blank lines and trailing whitespace are the segment's.
- A mutation compiles to other bytecode than the original and the other variants.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import warnings
from collections.abc import Sequence

from prlcoder.mutator.candidate_filter import Shortlist
from prlcoder.mutator.compile_check import CompileCheck, CompiledRewrite
from prlcoder.mutator.model import Variant
from prlcoder.mutator.ngram_model import default_model
from prlcoder.mutator.rewrite_sampler import RewriteCandidate, RewriteSampler
from prlcoder.mutator.rules import MUTATIONS, REFACTORINGS
from prlcoder.mutator.rules.edits import Edits, Span, disjoint, splice
from prlcoder.mutator.rules.program import ProgramAnalysis, analyse
from prlcoder.mutator.rules.registry import BugClass, Operator
from prlcoder.segmenter.model import Segment

SYNTAX_SHARE = 0.015  # share of mutations that are syntax bugs
MAX_CONSPICUOUS_SHARE = 1 / 4  # conspicuous rewrites may fill up to this share of a segment's mutations, at least one
SHORTLIST_SIZE = 3  # each mutation is chosen among this many; a refactoring is the first that is not conspicuous
MAX_SURPRISAL_NATS = 12.0  # any larger excess surprisal counts as this much, so that no weight becomes 0
MAX_OPERATOR_SHARE = 1 / 4  # one operator may make up to this share of a segment's mutations, at least one
HIGHER_ORDER_SHARE = 0.3  # share of mutations that combine two rewrites: language models' bugs span several lines
_SEMANTIC = [operator for operator in MUTATIONS.values() if operator.bug_class is not BugClass.SYNTAX]
_SYNTAX = [operator for operator in MUTATIONS.values() if operator.bug_class is BugClass.SYNTAX]


class RuleTeacher:
    """Proposes up to ``mutations`` mutations and ``refactorings`` refactorings of a segment, without any model."""

    name = "rules"

    def __init__(self, seed: int, mutations: int = 4, refactorings: int = 1) -> None:
        self._seed = seed
        self._mutations = mutations
        self._refactorings = refactorings

    def propose(self, problem_id: str, source: str, segments: list[Segment], index: int) -> list[Variant]:
        """Return variants of ``segments[index]``, mutations first; the same arguments give the same in every process.

        Context segments get no variants. Raises ``SyntaxError`` or ``ValueError`` if the source does not compile.
        """
        segment = segments[index]
        if not segment.is_step:
            return []
        key = json.dumps([self._seed, problem_id, index, source]).encode("ascii")
        rng = random.Random(int.from_bytes(hashlib.sha256(key).digest()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a SyntaxWarning about the program would be repeated for each variant
            program, span = analyse(source), Span(segment.start, segment.end)
            proposal = _Proposal(program, span, rng)
            mutations = proposal.mutations(self._mutations)
            refactorings = proposal.refactorings(self._refactorings)
            for refactoring in refactorings[: len(mutations)]:
                bugs = max(1, len(mutations) // (2 * len(refactorings)))
                mutations = proposal.with_mutated(refactoring, mutations, bugs)
            return [variant for variant, _ in [*mutations, *refactorings]]


Accepted = tuple[Variant, RewriteCandidate]


class _Proposal:
    """Chooses the variants of one segment."""

    def __init__(self, program: ProgramAnalysis, span: Span, rng: random.Random) -> None:
        self._program = program
        self._span = span
        self._rng = rng
        self._text = program.source[span.start : span.end]
        self._margins = _margins(self._text)
        self._texts = {self._text}
        self._check = CompileCheck(program, span)
        self._codes: set[CompiledRewrite] = set()

    def mutations(self, count: int) -> list[Accepted]:
        """Return at most ``count`` mutations; only a few of them may be conspicuous."""
        per_operator = max(1, int(count * MAX_OPERATOR_SHARE))
        list_ = self._shortlist(_SEMANTIC, self._program, self._span, per_operator, size=SHORTLIST_SIZE)
        broken: RewriteSampler | None = None  # rarely needed
        accepted: list[Accepted] = []
        while len(accepted) < count:
            if self._rng.random() < SYNTAX_SHARE:
                broken = broken or RewriteSampler(self._program, self._span, _SYNTAX, self._rng)
                if candidate := broken.draw():
                    accepted += self._accepted(candidate)
                    continue
            candidate = list_.draw()
            if candidate is None and len(accepted) < max(1, int(count * MAX_CONSPICUOUS_SHARE)):
                candidate = list_.draw_conspicuous()
            if candidate is None:
                break
            # If the two rewrites together break a promise (they may cancel out), the first is used alone.
            paired = list_.pair(candidate) if self._rng.random() < HIGHER_ORDER_SHARE else None
            accepted += (self._accepted(paired) if paired else []) or self._accepted(candidate)
            list_.discount(paired or candidate)
        return accepted

    def refactorings(self, count: int) -> list[Accepted]:
        """Return at most ``count`` refactorings."""
        list_ = self._shortlist(list(REFACTORINGS.values()), self._program, self._span)
        accepted: list[Accepted] = []
        while len(accepted) < count and (candidate := list_.draw() or list_.draw_conspicuous()):
            accepted += self._accepted(candidate)
            list_.discount(candidate)
        return accepted

    def with_mutated(self, refactoring: Accepted, mutations: list[Accepted], count: int) -> list[Accepted]:
        """Return the mutations, with ``count`` of them replaced by the refactoring with a bug.

        The bug is the replaced mutation's own if it does not touch the refactoring's edits. The reason: a refactored
        form (a fresh name, another construct) must occur in rejected steps about as often, relative to chosen ones, as
        the original form does. Otherwise style would reveal the label.
        """
        variant, candidate = refactoring
        both: list[Accepted] = []
        plain = list(mutations)
        for bug in reversed(mutations):
            operators, edits = bug[1].operators, bug[1].edits
            if len(both) == count or len(operators) > 1 or not edits or not disjoint(candidate.edits, edits):
                continue
            if accepted := self._accepted(RewriteCandidate(candidate.operators + operators, candidate.edits + edits)):
                both += accepted
                plain.remove(bug)
        if not both:  # rarely: every mutation touches the text that the refactoring changes
            both += self._mutated(variant.text, candidate, count)
        return [*both, *plain][: len(mutations)]

    def _mutated(self, text: str, refactoring: RewriteCandidate, count: int) -> list[Accepted]:
        """Return at most ``count`` mutations of the refactored segment, which is analysed as a program of its own."""
        before, after = self._program.source[: self._span.start], self._program.source[self._span.end :]
        program, span = ProgramAnalysis(before + text + after), Span(self._span.start, self._span.start + len(text))
        list_ = self._shortlist(_SEMANTIC, program, span, max_per_operator=1)
        accepted: list[Accepted] = []
        while len(accepted) < count and (bug := list_.draw()):
            both = RewriteCandidate(refactoring.operators + bug.operators, ())
            accepted += self._accepted_text(both, splice(program.source, span, bug.edits))
            list_.discount(bug)
        return accepted

    def _shortlist(
        self,
        operators: Sequence[Operator],
        program: ProgramAnalysis,
        span: Span,
        max_per_operator: int | None = None,
        size: int = 1,
    ) -> Shortlist:
        """Return the shortlist of these operators' rewrites of the span."""
        model = default_model()
        original = model.surprisal(program.source[span.start : span.end])

        def likelihood_ratio(edits: Edits) -> float:
            excess = model.surprisal(splice(program.source, span, edits)) - original
            return math.exp(-min(max(excess, 0.0), MAX_SURPRISAL_NATS))

        sampler = RewriteSampler(program, span, operators, self._rng, max_per_operator)
        return Shortlist(sampler, likelihood_ratio, self._rng, size)

    def _accepted(self, candidate: RewriteCandidate) -> list[Accepted]:
        """Return the variant of a candidate, or an empty list if it lacks one of the properties above."""
        return self._accepted_text(candidate, splice(self._program.source, self._span, candidate.edits))

    def _accepted_text(self, candidate: RewriteCandidate, text: str) -> list[Accepted]:
        if text in self._texts or _margins(text) != self._margins or not self._compiles_as_meant(candidate, text):
            return []
        self._texts.add(text)
        return [(Variant(candidate.kind, candidate.name, text), candidate)]

    def _compiles_as_meant(self, candidate: RewriteCandidate, text: str) -> bool:
        """Whether the program compiles (for a syntax bug: does not), and a mutation to new bytecode."""
        broken = candidate.operators[0].bug_class is BugClass.SYNTAX
        try:
            code = self._check.code(text)
        except (SyntaxError, ValueError, RecursionError):
            return broken
        if broken or (candidate.kind == "mutation" and (code in self._codes or self._check.is_original(code))):
            return False
        self._codes.add(code)
        return True


def _margins(text: str) -> tuple[str, list[str]]:
    """Return the parts that no variant may change: trailing whitespace, and the blank and comment lines in order."""
    end = text[len(text.rstrip()) :]
    lines = (line.strip() for line in text.splitlines())
    return end, [line for line in lines if not line or line.startswith("#")]
