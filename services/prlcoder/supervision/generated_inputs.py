"""Generates inputs from the given inputs of a problem: type-aware changes within their envelope, fixed by the seed.

The results are tests without expected answers; ``differential`` takes these from the canonical solution. Problems whose
tests are not plain pairs of input and answer (a checker, several right answers, objects built by the test) get none.
"""

from __future__ import annotations

import hashlib
import json
import marshal
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from prlcoder.executor import assertions
from prlcoder.executor.jailed.values import encode
from prlcoder.problems.model import AssertTests, CallTest, CallTests, Comparison, Problem, StdioTest, StdioTests
from prlcoder.supervision import stdin_text
from prlcoder.supervision.argument_mutation import mutated
from prlcoder.supervision.input_invariants import Relation, Values, holds, relations
from prlcoder.supervision.input_ranges import Envelope, describe

INPUTS: Final = 32  # per problem
ATTEMPTS: Final = 16  # per input
EXTRA_CHANGE_PROBABILITY: Final = 0.4  # probability of one more change after each change
MAX_INPUT_BYTES: Final = 1 << 14
MAX_ALL_BYTES: Final = 1 << 17


def generate(problem: Problem, seed: int, count: int = INPUTS) -> CallTests | StdioTests | None:
    """Return at most ``count`` new inputs as tests with empty expected answers; none equals a given input.

    Returns None if the problem's tests are not plain pairs, or if no new input lies within the envelope.
    """
    tests = problem.tests
    if not isinstance(tests, AssertTests) and tests.checker:
        return None  # several answers may be right, so the canonical one decides nothing
    key = json.dumps([seed, problem.id]).encode()
    rng = random.Random(int.from_bytes(hashlib.sha256(key).digest()))
    if isinstance(tests, StdioTests):
        texts = stdin_text.generate([case.stdin for case in tests.cases], rng, count)
        cases_of_text = tuple(StdioTest(text, "") for text in texts)
        return StdioTests(cases_of_text, tests.comparison, tests.tolerance) if texts else None
    calls = given_calls(tests)
    if not calls:
        return None
    positional = len(calls[0][0])
    names = tuple(calls[0][1])
    inputs = [(*args, *keywords.values()) for args, keywords in calls]
    generated = generate_values(inputs, rng, count)
    cases = tuple(
        CallTest(values[:positional], dict(zip(names, values[positional:], strict=True)), None) for values in generated
    )
    comparison = tests.comparison if isinstance(tests, CallTests) else Comparison.VALUE
    return CallTests(tests.entry_point, cases, comparison) if cases else None


CallArguments = tuple[tuple[Any, ...], dict[str, Any]]


def given_calls(tests: CallTests | AssertTests) -> list[CallArguments]:
    """Return the calls of tests that are plain pairs, if they have the most common signature; keywords in one order."""
    if isinstance(tests, CallTests):
        calls: list[CallArguments] = [(case.args, case.kwargs) for case in tests.cases]
    else:
        rewritten = assertions.rewrite(tests)
        if rewritten is None or any(check.expected is None for check in rewritten.checks):
            return []
        calls = [(call.args, call.kwargs) for call in rewritten.calls]
    signatures = Counter((len(args), tuple(sorted(keywords))) for args, keywords in calls)
    if not signatures:
        return []
    common = signatures.most_common(1)[0][0]
    return [
        (args, {name: keywords[name] for name in common[1]})
        for args, keywords in calls
        if (len(args), tuple(sorted(keywords))) == common
    ]


def generate_values(inputs: Sequence[Values], rng: random.Random, count: int) -> list[tuple[Any, ...]]:
    """Return at most ``count`` new argument lists within the envelopes of ``inputs`` that keep their invariants."""
    if not inputs[0]:
        return []
    envelopes = [describe(column) for column in zip(*inputs, strict=True)]
    kept = relations(inputs)
    small = [tuple(values) for values in inputs if len(encode(tuple(values))) <= MAX_INPUT_BYTES]
    seen = {encode(tuple(values)) for values in inputs}
    pool, made, size = list(small), [], 0
    for _ in range(ATTEMPTS * count if pool else 0):
        candidate = _changed(rng.choice(pool), pool, envelopes, rng)
        if not _lies_within(candidate, envelopes, kept):
            continue
        key = encode(candidate)
        if key in seen or len(key) > MAX_INPUT_BYTES:
            continue
        seen.add(key)
        pool.append(candidate)
        made.append(candidate)
        size += len(key)
        if len(made) == count or size > MAX_ALL_BYTES:
            break
    return made


def _changed(
    base: tuple[Any, ...], pool: Sequence[Values], envelopes: Sequence[Envelope], rng: random.Random
) -> tuple[Any, ...]:
    """Return ``base`` with one or more changes. Each changes one argument or takes it from another input."""
    values = list(marshal.loads(marshal.dumps(base)))  # a deep copy: inputs are plain values
    while True:
        place = rng.randrange(len(values))
        if len(pool) > 1 and rng.random() < 0.1:
            values[place] = rng.choice(pool)[place]
        else:
            values[place] = mutated(values[place], envelopes[place], rng)
        if rng.random() >= EXTRA_CHANGE_PROBABILITY:
            return tuple(values)


def _lies_within(values: tuple[Any, ...], envelopes: Sequence[Envelope], kept: Sequence[Relation]) -> bool:
    admitted = all(envelope.admits(value) for envelope, value in zip(envelopes, values, strict=True))
    return admitted and holds(kept, values)
