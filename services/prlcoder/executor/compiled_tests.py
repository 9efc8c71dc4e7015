"""Compiles a problem's tests into calls to make inside the jail and checks to run on their answers outside.

A plan is made once per tests object and reused for the programs that follow.
"""

from __future__ import annotations

import ast
import builtins
import marshal
import secrets
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from prlcoder.executor import assertions
from prlcoder.executor.comparison import equal_encoded, value_comparison
from prlcoder.executor.jailed import logs, patches, program_warnings, wire
from prlcoder.executor.jailed.checking import FILE
from prlcoder.executor.jailed.values import VERSION, UndecodableError, decode, encode
from prlcoder.lru_cache import LruCache
from prlcoder.problems.model import AssertTests, CallTests, Comparison, StdioTests, Tests, Tolerance

MAX_PLANS: Final = 512
MAX_PREDICATE_BYTES: Final = 1 << 20  # of answers that a predicate looks at; a tester judges larger ones
TOKEN_BYTES: Final = 16


@dataclass(frozen=True)
class Case:
    """One test: ``passes`` judges the encoded answers ``[first : first + count]``."""

    first: int
    count: int
    passes: Callable[[Sequence[bytes]], bool]


@dataclass(frozen=True)
class Checker:
    """A checker's marshalled code, and for each case what it is given beside the answer.

    ``inputs`` are the arguments of each call, encoded, or the standard input of each run, as text; ``expected``
    likewise.
    """

    code: bytes
    inputs: tuple[bytes | str, ...]
    expected: tuple[bytes | str, ...]

    def part(self, first: int, count: int) -> Checker:
        """The checker for the cases ``[first : first + count]``."""
        return replace(self, inputs=self.inputs[first : first + count], expected=self.expected[first : first + count])


@dataclass(frozen=True)
class CallPlan:
    """Calls of ``entry_point`` and the cases over their answers.

    ``fresh``: evaluate the entry point's expression anew for every call (``Solution().f`` makes a new object).
    ``right``: the records of a candidate that answers exactly what is expected, where they are known. Equal bytes pass
    without being decoded; other bytes may still pass, such as ``1.0`` for ``1``.
    ``fallback`` runs the same tests where an answer has no value outside its process, such as a generator.
    """

    entry_point: str
    fresh: bool
    calls: bytes
    cases: tuple[Case, ...]
    right: bytes | None
    fallback: TesterPlan | None = None
    checker: Checker | None = None
    test_limit_s: float | None = None

    def part(self, first: int, count: int) -> CallPlan:
        """The plan of the cases ``[first : first + count]`` alone."""
        cases = self.cases[first : first + count]
        begin = cases[0].first
        end = cases[-1].first + cases[-1].count
        calls = marshal.dumps(marshal.loads(self.calls)[begin:end], VERSION)
        moved = tuple(replace(case, first=case.first - begin) for case in cases)
        checker = None if self.checker is None else self.checker.part(first, count)
        return replace(self, calls=calls, cases=moved, right=None, fallback=None, checker=checker)


@dataclass(frozen=True)
class TesterPlan:
    """Tests that only a tester process can run. ``tester`` is the body of its request.

    The tester begins its records with ``token``, which no candidate knows.
    """

    entry_point: str
    tester: bytes
    token: bytes


@dataclass(frozen=True)
class StdioPlan:
    """Inputs and expected outputs as bytes."""

    cases: tuple[tuple[bytes, bytes], ...]
    comparison: Comparison
    tolerance: Tolerance | None = None
    checker: Checker | None = None
    test_limit_s: float | None = None


@dataclass(frozen=True)
class SplitPlan:
    """A call plan in which each case runs in a separate process."""

    parts: tuple[CallPlan, ...]


@dataclass(frozen=True)
class FaultyTests:
    """Tests that cannot judge any program. ``fault`` says why."""

    fault: str


Plan = CallPlan | SplitPlan | TesterPlan | StdioPlan | FaultyTests


class PlanCache:
    """The most recently used plans, found by the identity of the tests object."""

    def __init__(self, fork_per_test: bool) -> None:
        self._fork_per_test = fork_per_test
        # The tests are kept beside their plan: as long as they live, no other object can get their id.
        self._plans = LruCache[int, tuple[Tests, Plan]](MAX_PLANS)

    def plan(self, tests: Tests) -> Plan:
        """The plan of ``tests``."""
        return self._plans.get_or_make(id(tests), lambda: (tests, self._make(tests)))[1]

    def _make(self, tests: Tests) -> Plan:
        plan = make_plan(tests)
        split_up = self._fork_per_test and isinstance(plan, CallPlan) and len(plan.cases) > 1
        return split(plan) if split_up and isinstance(plan, CallPlan) else plan


def make_plan(tests: Tests) -> Plan:
    """The plan that fits the kind of tests: calls where asserts can be rewritten to calls, a tester where not."""
    if isinstance(tests, AssertTests):
        return _plan_asserts(tests)
    if tests.checker:
        try:
            compile(tests.checker, FILE, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return FaultyTests(f"checker {_fault(error)}")
    return _plan_calls(tests) if isinstance(tests, CallTests) else _plan_stdio(tests)


def _fault(error: BaseException) -> str:
    """Why source text does not compile, with its line where that is known."""
    line = getattr(error, "lineno", None)
    return f"{f'line {line}: ' if line else ''}{type(error).__name__}: {getattr(error, 'msg', error)}"


def _plan_stdio(tests: StdioTests) -> StdioPlan:
    cases = tuple((_bytes(case.stdin), _bytes(case.expected)) for case in tests.cases)
    texts = tuple(case.stdin for case in tests.cases), tuple(case.expected for case in tests.cases)
    checker = Checker(_compiled(tests.checker), *texts) if tests.checker else None
    return StdioPlan(cases, tests.comparison, tests.tolerance, checker, tests.test_limit_s)


def _compiled(source: str) -> bytes:
    return marshal.dumps(compile(source, FILE, "exec", dont_inherit=True))


def split(plan: CallPlan) -> SplitPlan:
    """The same cases as one plan each, with only the calls of that case."""
    return SplitPlan(tuple(plan.part(number, 1) for number in range(len(plan.cases))))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _plan_calls(tests: CallTests) -> CallPlan:
    equal = value_comparison(tests.comparison, tests.tolerance)
    expected = [encode(test.expected) for test in tests.cases]
    # A NaN is unequal to itself although its bytes are equal, so equal bytes do not prove such an answer right.
    surely = [
        code if equal(test.expected, test.expected) else None for test, code in zip(tests.cases, expected, strict=True)
    ]
    cases = [Case(place, 1, _equality(code, surely[place], equal)) for place, code in enumerate(expected)]
    calls = marshal.dumps([(test.args, test.kwargs) for test in tests.cases], VERSION)
    checker = None
    if tests.checker:
        inputs = tuple(encode([*test.args, *test.kwargs.values()]) for test in tests.cases)
        checker = Checker(_compiled(tests.checker), inputs, tuple(expected))
    right = None if checker else _records(surely)
    limit = tests.test_limit_s
    return CallPlan(tests.entry_point, True, calls, tuple(cases), right, checker=checker, test_limit_s=limit)


def _equality(
    expected: bytes, surely: bytes | None, equal: Callable[[Any, Any], bool]
) -> Callable[[Sequence[bytes]], bool]:
    def passes(answers: Sequence[bytes]) -> bool:
        return answers[0] == surely or equal_encoded(answers[0], expected, equal)

    return passes


def _records(answers: Sequence[bytes | None]) -> bytes | None:
    """The records of these answers in order. None if an answer is unknown or there are no answers."""
    if not answers or None in answers:
        return None
    return b"".join(
        wire.frame(place, wire.ANSWER, answer) for place, answer in enumerate(answers) if answer is not None
    )


def _plan_asserts(tests: AssertTests) -> CallPlan | TesterPlan | FaultyTests:
    try:
        rewritten = assertions.rewrite(tests)
        if rewritten is None:
            return _plan_tester(tests)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return FaultyTests(_fault(error))
    if not rewritten.calls:
        return FaultyTests("they never call the candidate")
    calls = marshal.dumps([(call.args, call.kwargs) for call in rewritten.calls], VERSION)
    cases = tuple(Case(check.first, check.count, _predicate(check)) for check in rewritten.checks)
    right = _records([check.expected if check.count == 1 else None for check in rewritten.checks])
    return CallPlan(tests.entry_point, False, calls, cases, right, _plan_tester(tests))


def _plan_tester(tests: AssertTests) -> TesterPlan:
    """The body of the tester's request. The code is compiled here, once: the jail's interpreter is the same one."""
    setup, source = ast.parse(tests.setup), ast.parse(tests.source)
    names = unbound_names(ast.Module([*setup.body, *source.body], []))
    code = [compile(tree, name, "exec", dont_inherit=True) for tree, name in ((setup, "<setup>"), (source, "<tests>"))]
    mentioned = {name for one in code for name in _mentioned_names(one)}
    needs = [not needed.isdisjoint(mentioned) for needed in (patches.NAMES, logs.NAMES, program_warnings.NAMES)]
    token = secrets.token_bytes(TOKEN_BYTES)
    return TesterPlan(tests.entry_point, marshal.dumps((names, *code, tests.check, *needs, token)), token)


def _mentioned_names(code: types.CodeType) -> Iterator[str]:
    """The global names, attributes and modules that the code and its functions mention."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _mentioned_names(constant)


def unbound_names(tree: ast.Module) -> list[str]:
    """Names that ``tree`` reads somewhere and that neither it nor ``builtins`` binds."""
    read: dict[str, None] = {}
    bound: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                read[name] = None
            case ast.Name(id=name) | ast.arg(arg=name):
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.alias(name=name, asname=other):
                bound.add(other or name.partition(".")[0])
            case ast.ExceptHandler(name=str(name)):
                bound.add(name)
    return [name for name in read if name not in bound and not hasattr(builtins, name)]


def _predicate(check: assertions.Check) -> Callable[[Sequence[bytes]], bool]:
    def passes(answers: Sequence[bytes]) -> bool:
        if check.expected is not None and answers[0] == check.expected:
            return True
        if sum(map(len, answers)) > MAX_PREDICATE_BYTES:
            return False
        try:
            return check.holds([decode(answer) for answer in answers])
        except UndecodableError:
            return False

    return passes
