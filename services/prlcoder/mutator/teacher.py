"""The rule teacher: a weighted, seeded choice among the operators' rewrites of one segment.

What it promises of every variant, whatever the operator: it differs from the segment and from the other variants;
the whole program still compiles (except for the rare syntax bugs, which never do); comment and blank lines and the
white space at the end are the segment's; a mutation compiles to other byte code than the original and the rest.
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
from prlcoder.mutator.ngram_model import usage
from prlcoder.mutator.rewrite_sampler import RewriteCandidate, RewriteSampler
from prlcoder.mutator.rules import MUTATIONS, REFACTORINGS
from prlcoder.mutator.rules.edits import Edits, Span, disjoint, splice
from prlcoder.mutator.rules.program import ProgramAnalysis, analyse
from prlcoder.mutator.rules.registry import BugClass, Operator
from prlcoder.segmenter.model import Segment

SYNTAX_SHARE = 0.015  # of mutations
TELLING_SHARE = 4  # what stands out fills up at most this part of a segment's mutations, or one
SHORTLISTED = 3  # mutations that one is chosen from; of refactorings the first that does not stand out is taken
RAREST = 12.0  # nats; what is rarer yet is weighed like this
MOST_OF_ONE = 4  # one operator gives at most this part of a segment's mutations, and one
HIGHER_ORDER_SHARE = 0.3  # of mutations, where two rewrites fit in the segment: bugs of language models span lines
_SEMANTIC = [operator for operator in MUTATIONS.values() if operator.bug_class is not BugClass.SYNTAX]
_SYNTAX = [operator for operator in MUTATIONS.values() if operator.bug_class is BugClass.SYNTAX]


class RuleTeacher:
    """Proposes up to ``mutations`` and ``refactorings`` variants for a segment, without a model."""

    name = "rules"

    def __init__(self, seed: int, mutations: int = 4, refactorings: int = 1) -> None:
        self._seed = seed
        self._mutations = mutations
        self._refactorings = refactorings

    def propose(self, problem_id: str, source: str, segments: list[Segment], index: int) -> list[Variant]:
        """Variants of ``segments[index]``, mutations first; the same in every process for the same arguments.

        Segments that are no steps get none. Raises ``SyntaxError`` or ``ValueError`` if the source does not compile.
        """
        segment = segments[index]
        if not segment.is_step:
            return []
        key = json.dumps([self._seed, problem_id, index, source]).encode("ascii")
        rng = random.Random(int.from_bytes(hashlib.sha256(key).digest()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a SyntaxWarning of the program's would come again for each variant
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
    """The choice of variants for one segment."""

    def __init__(self, program: ProgramAnalysis, span: Span, rng: random.Random) -> None:
        self._program = program
        self._span = span
        self._rng = rng
        self._text = program.source[span.start : span.end]
        self._margins = _margins(self._text)
        self._texts = {self._text}
        self._trial = CompileCheck(program, span)
        self._codes: set[CompiledRewrite] = set()

    def mutations(self, count: int) -> list[Accepted]:
        """At most ``count`` mutations; few of them such that their text stands out, whatever the segment offers."""
        most = max(1, count // MOST_OF_ONE)
        list_ = self._shortlist(_SEMANTIC, self._program, self._span, most, size=SHORTLISTED)
        broken: RewriteSampler | None = None  # rarely needed
        accepted: list[Accepted] = []
        while len(accepted) < count:
            if self._rng.random() < SYNTAX_SHARE:
                broken = broken or RewriteSampler(self._program, self._span, _SYNTAX, self._rng)
                if candidate := broken.draw():
                    accepted += self._accepted(candidate)
                    continue
            candidate = list_.draw()
            if candidate is None and len(accepted) < max(1, count // TELLING_SHARE):
                candidate = list_.draw_telling()
            if candidate is None:
                break
            paired = list_.pair(candidate) if self._rng.random() < HIGHER_ORDER_SHARE else None
            accepted += (self._accepted(paired) if paired else []) or self._accepted(candidate)
            list_.discount(paired or candidate)
        return accepted

    def refactorings(self, count: int) -> list[Accepted]:
        """At most ``count`` refactorings."""
        list_ = self._shortlist(list(REFACTORINGS.values()), self._program, self._span)
        accepted: list[Accepted] = []
        while len(accepted) < count and (candidate := list_.draw() or list_.draw_telling()):
            accepted += self._accepted(candidate)
            list_.discount(candidate)
        return accepted

    def with_mutated(self, refactoring: Accepted, mutations: list[Accepted], count: int) -> list[Accepted]:
        """The mutations, ``count`` of them replaced by the refactoring with a bug (the same bug, if there is room for
        both). What a refactoring looks like (a fresh name, another form) must stand in rejected steps about as often,
        against chosen ones, as the original's looks do: style must not betray the label."""
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
        if not both:  # as a rule there is room
            both += self._mutated(variant.text, candidate, count)
        return [*both, *plain][: len(mutations)]

    def _mutated(self, text: str, refactoring: RewriteCandidate, count: int) -> list[Accepted]:
        """At most ``count`` mutations of the refactored segment, which is analysed anew."""
        before, after = self._program.source[: self._span.start], self._program.source[self._span.end :]
        program, span = ProgramAnalysis(before + text + after), Span(self._span.start, self._span.start + len(text))
        list_ = self._shortlist(_SEMANTIC, program, span, most=1)
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
        most: int | None = None,
        size: int = 1,
    ) -> Shortlist:
        """Rewrites of the span by these operators, weighed against the text that it has."""
        model = usage()
        surprise = model.surprise(program.source[span.start : span.end])

        def usual(edits: Edits) -> float:
            excess = model.surprise(splice(program.source, span, edits)) - surprise
            return math.exp(-min(max(excess, 0.0), RAREST))

        return Shortlist(RewriteSampler(program, span, operators, self._rng, most), usual, self._rng, size)

    def _accepted(self, candidate: RewriteCandidate) -> list[Accepted]:
        """The variant of a candidate, or nothing if it breaks one of the promises."""
        return self._accepted_text(candidate, splice(self._program.source, self._span, candidate.edits))

    def _accepted_text(self, candidate: RewriteCandidate, text: str) -> list[Accepted]:
        if text in self._texts or _margins(text) != self._margins or not self._compiles_as_meant(candidate, text):
            return []
        self._texts.add(text)
        return [(Variant(candidate.kind, candidate.name, text), candidate)]

    def _compiles_as_meant(self, candidate: RewriteCandidate, text: str) -> bool:
        """Whether the program compiles (or, for a syntax bug, does not), and a mutation to something new."""
        broken = candidate.operators[0].bug_class is BugClass.SYNTAX
        try:
            code = self._trial.code(text)
        except (SyntaxError, ValueError, RecursionError):
            return broken
        if broken or (candidate.kind == "mutation" and (code in self._codes or self._trial.is_original(code))):
            return False
        self._codes.add(code)
        return True


def _margins(text: str) -> tuple[str, list[str]]:
    """What no variant may change: the white space at the end, and the blank and comment lines in their order."""
    end = text[len(text.rstrip()) :]
    lines = (line.strip() for line in text.splitlines())
    return end, [line for line in lines if not line or line.startswith("#")]
