"""``labels: strict``: generated tests demote, never promote; what cannot be trusted as an oracle does not count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from prlcoder.executor import Executor, ResourceLimits
from prlcoder.mutator import Variant
from prlcoder.problems.model import AssertTests, CallTest, CallTests, Problem, StdioTest, StdioTests
from prlcoder.problems.prompts import PromptTemplate, render
from prlcoder.segmenter import Segment
from prlcoder.spec import PolicyTeacher
from prlcoder.supervision.differential import Oracle, oracles
from prlcoder.supervision.labelling import Labelled, label
from prlcoder.supervision.pairs import pairs
from prlcoder.supervision.policy_teacher import PolicySource, teach

pytestmark = pytest.mark.needs_sandbox
LIMITS = ResourceLimits(cpu_s=4.0, wall_s=10.0, memory_mib=256)
PROMPT = "def f(a):\n"
GIVEN = (0, 3, 9)
CANONICAL = PROMPT + "    b = a + 1\n    return b * 2\n"


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with Executor(workers=1, limits=LIMITS) as sandbox:
        yield sandbox


def problem(solution: str = CANONICAL, tests: Any = None) -> Problem:
    namespace: dict[str, Any] = {}
    exec(solution, namespace)
    cases = tuple(CallTest((a,), {}, namespace["f"](a)) for a in GIVEN) if tests is None else ()
    return Problem(
        id="p", statement="# s\n", tests=tests or CallTests("f", cases), solutions=(solution,), prompt=PROMPT
    )


class Scripted:
    """A teacher that proposes what the test wrote down for the first step."""

    name = "scripted"

    def __init__(self, *variants: Variant) -> None:
        self.variants = list(variants)

    def propose(self, problem_id: str, source: str, segments: list[Segment], index: int) -> list[Variant]:
        return self.variants if segments[index].text == "    b = a + 1\n" else []


def strict(executor: Executor, one: Problem, *variants: Variant, labels: str = "strict") -> Labelled:
    return label([one], mode="line", teachers=[Scripted(*variants)], executor=executor, limits=LIMITS, labels=labels)  # type: ignore[arg-type]


MUTATIONS = (
    Variant("mutation", "fails", "    b = a + 2\n"),
    Variant("mutation", "weakly-tested", "    b = a + 1 + (a == 5)\n"),
    Variant("mutation", "equivalent", "    b = 1 + a\n"),
    Variant("mutation", "crashes-elsewhere", "    b = {0: 1, 3: 4, 9: 10}[a]\n"),
    Variant("mutation", "runs-away-elsewhere", "    while a == 7: pass\n    b = a + 1\n"),
)


def test_a_mutation_that_passes_is_refuted_or_survives_and_is_never_chosen(executor: Executor) -> None:
    labelled = strict(executor, problem(), *MUTATIONS)
    found = {step.operator: (step.label, step.bucket, step.verdict, step.reason) for step in labelled.steps}
    found.pop("")
    assert found == {
        "fails": ("rejected", "rejected", "wrong_answer", ""),
        "weakly-tested": ("rejected", "rejected_generated", "passed", "generated"),
        "equivalent": ("", "survivor", "passed", ""),
        "crashes-elsewhere": ("rejected", "rejected_generated", "passed", "generated"),
        "runs-away-elsewhere": ("rejected", "rejected_generated", "passed", "generated"),
    }
    programs = {program.program: program.bucket for program in labelled.programs}
    assert sorted(programs.values()) == sorted([bucket for _, bucket, _, _ in found.values()] + ["chosen"])
    assert labelled.oracles is not None
    assert labelled.oracles.counts() == {"generated_asked": 1, "generated_problems": 1, "generated_inputs": 7}


def test_paper_labels_call_the_same_mutations_chosen(executor: Executor) -> None:
    labelled = strict(executor, problem(), *MUTATIONS[:4], labels="paper")
    found = {step.operator: (step.label, step.bucket) for step in labelled.steps if step.operator}
    assert found == {"fails": ("rejected", "rejected")} | dict.fromkeys(
        ("weakly-tested", "equivalent", "crashes-elsewhere"), ("chosen", "chosen")
    )


def test_pairs_use_what_only_a_generated_test_rejects_when_asked(executor: Executor) -> None:
    steps = strict(executor, problem(), *MUTATIONS[:3]).steps
    plain = pairs(steps, seed=0, per_segment=9)
    asked = pairs(steps, seed=0, per_segment=9, use_generated=True)
    assert {pair.rejected for pair in plain} == {"    b = a + 2\n"}
    assert {pair.rejected for pair in asked} == {"    b = a + 2\n", "    b = a + 1 + (a == 5)\n"}
    assert {pair.chosen for pair in asked} == {"    b = a + 1\n"}


def test_a_refactoring_that_a_generated_test_refutes_is_quarantined(executor: Executor) -> None:
    bad = Variant("refactoring", "bad", "    b = a + 1 if a != 5 else 0\n")
    good = Variant("refactoring", "good", "    c = 1\n    b = a + c\n")
    labelled = strict(executor, problem(), bad, good)
    assert [(row["reason"], row["operator"]) for row in labelled.quarantine] == [("refactoring_fails_generated", "bad")]
    assert {step.operator: step.bucket for step in labelled.steps if step.operator} == {"good": "chosen"}


def test_variants_with_identical_bytecode_are_dropped(executor: Executor) -> None:
    labelled = strict(
        executor,
        problem(),
        Variant("mutation", "same", "    b = (a + 1)\n"),
        Variant("refactoring", "same-too", "    b = \\\n    a + 1\n"),
        Variant("mutation", "new", "    b = a + 2\n"),
        Variant("mutation", "new-again", "    b = a + (1 + 1)\n"),
    )
    assert [step.operator for step in labelled.steps if step.operator] == ["new"]
    assert labelled.dropped["identical_bytecode"] == 3


# --- the oracle -----------------------------------------------------------------------------------------------------


def oracle(executor: Executor, one: Problem, limits: ResourceLimits = LIMITS) -> Oracle | None:
    return oracles([one], limits, 0, executor.run)[one.id]


def answered(found: Oracle | None) -> set[int]:
    assert found is not None
    return {case.args[0] for case in found.tests.cases}  # type: ignore[union-attr]


def test_an_input_on_which_the_canonical_solution_raises_does_not_count(executor: Executor) -> None:
    assert answered(oracle(executor, problem())) == {1, 2, 4, 5, 6, 7, 8}
    raises = problem(PROMPT + "    return 10 // (a - 5)\n")
    assert answered(oracle(executor, raises)) == {1, 2, 4, 6, 7, 8}


@pytest.mark.parametrize(
    "body",
    [
        "    import random\n    return a if a in (0, 3, 9) else random.random()\n",
        "    global n\n    n = globals().get('n', 0) + 1\n    return a if a in (0, 3, 9) else n\n",  # depends on order
        "    import time\n    return a if a in (0, 3, 9) else time.time_ns()\n",
        "    return a if a in (0, 3, 9) else object()\n",
        "    return a if a in (0, 3, 9) else float('nan')\n",
        "    return a if a in (0, 3, 9) else 'x' * 100000\n",
    ],
    ids=["random", "state", "time", "opaque", "nan", "huge"],
)
def test_an_answer_that_another_run_cannot_be_held_to_does_not_count(executor: Executor, body: str) -> None:
    found = oracle(executor, problem(PROMPT + body))
    assert found is None or len(found.answers) <= 1  # the state after half of the calls is the same in both orders


def test_a_canonical_solution_without_margin_has_no_oracle(executor: Executor) -> None:
    """A program near a limit would be judged by the machine's load."""
    slow = problem(PROMPT + "    for _ in range(10**9 if a not in (0, 3, 9) else 0): pass\n    return a\n")
    assert oracle(executor, slow, replace(LIMITS, cpu_s=1.0)) is None


def test_a_program_has_ten_times_the_canonical_solution_s_time(executor: Executor) -> None:
    found = oracle(executor, problem())
    assert found is not None
    assert 1.0 <= found.limits.cpu_s <= LIMITS.cpu_s


def test_standard_input_and_output(executor: Executor) -> None:
    tests = StdioTests((StdioTest("2 3\n", "6\n"), StdioTest("9 9\n", "81\n"), StdioTest("4 8\n", "32\n")))
    source = "a, b = map(int, input().split())\nprint(a * b)\n"
    one = Problem(id="p", statement="", tests=tests, solutions=(source,))
    found = oracle(executor, one)
    assert found is not None
    right, wrong = executor.run(
        found.execution(program) for program in (source, source.replace("a * b", "a * b + (b == 5)"))
    )
    assert not found.contradicts(right)
    assert found.contradicts(wrong)


def test_asserts_that_are_literal_pairs(executor: Executor) -> None:
    source = "".join(f"assert f({a}) == {(a + 1) * 2}\n" for a in GIVEN)
    found = oracle(executor, problem(tests=AssertTests(source, "f", False)))
    assert answered(found) == {1, 2, 4, 5, 6, 7, 8}
    assert oracle(executor, problem(tests=AssertTests(source + "assert f(1) in (4, 5)\n", "f", False))) is None


# --- the policy's programs ------------------------------------------------------------------------------------------


class Playback:
    """A policy that always writes the same programs."""

    def __init__(self, *completions: str) -> None:
        self.completions = list(completions)

    def generate(self, prompts: Any, *, samples: int, temperature: float, seed: int, stop: Any = ()) -> list[list[str]]:
        return [self.completions[:samples] for _ in prompts]


def test_a_refuted_sample_of_the_policy_labels_no_step(executor: Executor) -> None:
    labelled = strict(executor, problem())
    lucky = "    b = a + 1 + (a == 5)\n    return b * 2\n"
    right = "    b = 1 + a\n    return b + b\n"
    wrong_later = "    b = a + 1 + (a == 5)\n    return b * 3\n"
    settings = PolicyTeacher(kind="policy", samples=3, locate="splice")
    prompts = {"p": render(problem(), "nano")}
    source = PolicySource(Playback(lucky, right, wrong_later), prompts, PromptTemplate("nano"), (), settings)
    counts = teach(labelled, source, mode="line", executor=executor, seed=0)
    steps = {(step.segment, step.label) for step in labelled.steps if step.origin == "policy"}
    assert steps == {("    b = 1 + a\n", "chosen"), ("    return b + b\n", "chosen")}
    buckets = {program.program.removeprefix(PROMPT): program.bucket for program in labelled.programs}
    assert (buckets[lucky], buckets[right], buckets[wrong_later]) == ("rejected_generated", "chosen", "rejected")
    assert (counts["policy_refuted"], counts["policy_located"]) == (1, 0)
