"""Labels come from execution: small problems whose right labels are plain to see, in the real sandbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from prlcoder.executor import ExecutionResult, Executor, ResourceLimits, Verdict
from prlcoder.mutator import Variant
from prlcoder.problems.model import CallTest, CallTests, Problem, StdioTest, StdioTests
from prlcoder.problems.prompts import ModelInput, PromptTemplate, render
from prlcoder.segmenter import Segment
from prlcoder.spec import PolicyTeacher
from prlcoder.supervision.labelling import Labelled, label, variant_limits
from prlcoder.supervision.pairs import pairs
from prlcoder.supervision.policy_teacher import PolicySource, teach

pytestmark = pytest.mark.needs_sandbox
LIMITS = ResourceLimits(cpu_s=2.0, wall_s=5.0, memory_mib=256)
PROMPT = "def f(a):\n"
BODY = "    b = a + 1\n    c = b * 2\n    return c\n"


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with Executor(workers=1, limits=LIMITS) as sandbox:
        yield sandbox


def problem(solution: str = PROMPT + BODY, *, id: str = "p") -> Problem:
    cases = tuple(CallTest((a,), {}, (a + 1) * 2) for a in (0, 1, 5))
    return Problem(
        id=id, statement="# twice the successor\n", tests=CallTests("f", cases), solutions=(solution,), prompt=PROMPT
    )


class Scripted:
    """A teacher that proposes what the test wrote down, by segment text."""

    name = "scripted"

    def __init__(self, variants: dict[str, list[Variant]]) -> None:
        self.variants = variants

    def propose(self, problem_id: str, source: str, segments: list[Segment], index: int) -> list[Variant]:
        return self.variants.get(segments[index].text, [])


class Playback:
    """A policy that answers with prepared completions, whatever the seed."""

    def __init__(self, answers: dict[str, list[str]]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.tokenizer = None

    def generate(
        self,
        prompts: Sequence[str | ModelInput],
        *,
        samples: int,
        temperature: float,
        seed: int,
        stop: Sequence[str] = (),
    ) -> list[list[str]]:
        texts = [prompt if isinstance(prompt, str) else prompt.text for prompt in prompts]
        self.asked.extend(texts)
        return [self.answers.get(text, ["    return None\n"])[:samples] for text in texts]


def labelled(executor: Executor, *problems: Problem, variants: dict[str, list[Variant]] | None = None) -> Labelled:
    return label(problems, mode="line", teachers=[Scripted(variants or {})], executor=executor, limits=LIMITS)


def test_the_verdict_of_the_whole_program_is_the_label(executor: Executor) -> None:
    variants = {
        "    b = a + 1\n": [
            Variant("mutation", "constant", "    b = a + 2\n"),
            Variant("mutation", "reorder", "    b = 1 + a\n"),
            Variant("mutation", "name", "    b = z + 1\n"),
            Variant("refactoring", "swap", "    b = a - -1\n"),
        ]
    }
    result = labelled(executor, problem(), variants=variants)
    found = {(step.segment, step.origin): (step.label, step.verdict) for step in result.steps if step.teacher}
    assert found == {
        ("    b = a + 2\n", "mutation"): ("rejected", "wrong_answer"),
        ("    b = 1 + a\n", "mutation"): ("chosen", "passed"),
        ("    b = z + 1\n", "mutation"): ("rejected", "runtime_error"),
        ("    b = a - -1\n", "refactoring"): ("chosen", "passed"),
    }
    canonical = [step for step in result.steps if step.origin == "canonical"]
    assert [step.segment for step in canonical] == BODY.splitlines(keepends=True)
    assert all(step.prefix + step.segment + step.rest == PROMPT + BODY for step in canonical)
    assert canonical[0].criticality == pytest.approx(2 / 3)
    assert canonical[1].criticality is None


def test_what_the_prompt_gives_is_not_a_step(executor: Executor) -> None:
    assert all(step.start >= len(PROMPT) for step in labelled(executor, problem()).steps)


def test_a_refactoring_that_fails_is_quarantined_and_never_a_step(executor: Executor) -> None:
    variants = {"    c = b * 2\n": [Variant("refactoring", "bad", "    c = b * 3\n")]}
    result = labelled(executor, problem(), variants=variants)
    assert [(row["reason"], row["operator"]) for row in result.quarantine] == [("refactoring_fails", "bad")]
    assert not any(step.operator == "bad" for step in result.steps)
    assert not any("b * 3" in program.program for program in result.programs)


def test_a_canonical_solution_that_fails_is_quarantined_with_its_verdict(executor: Executor) -> None:
    result = labelled(executor, problem(PROMPT + "    return 0\n", id="bad"), problem(id="good"))
    assert [(row["problem_id"], row["reason"], row["verdict"]) for row in result.quarantine] == [
        ("bad", "canonical_solution_fails", "wrong_answer")
    ]
    assert {step.problem_id for step in result.steps} == {"good"}


def taught(
    executor: Executor, settings: PolicyTeacher, answers: dict[str, list[str]]
) -> tuple[Labelled, dict[str, int]]:
    result = labelled(executor, problem())
    prompt = render(problem(), "nano")
    source = PolicySource(Playback(answers), {"p": prompt}, PromptTemplate("nano"), (), settings)
    return result, teach(result, source, mode="line", executor=executor, seed=0)


def policy_steps(result: Labelled) -> set[tuple[str, str, str]]:
    return {(step.prefix, step.segment, step.label) for step in result.steps if step.origin == "policy"}


def test_splice_finds_the_first_wrong_step_behind_a_right_rewrite(executor: Executor) -> None:
    sample = "    b = 1 + a\n    c = b * 3\n    return c\n"
    settings = PolicyTeacher(kind="policy", samples=1, locate="splice")
    result, counts = taught(executor, settings, {render(problem(), "nano").text: [sample]})
    after = PROMPT + "    b = 1 + a\n"
    assert policy_steps(result) == {
        (PROMPT, "    b = 1 + a\n", "chosen"),
        (after, "    c = b * 3\n", "rejected"),
        (after, "    c = b * 2\n", "chosen"),
    }
    assert (counts["policy_failing"], counts["policy_located"]) == (1, 1)
    made = [pair for pair in pairs(result.steps, seed=0, per_segment=4) if pair.rejected_origin == "policy"]
    assert [(p.prefix, p.chosen, p.rejected) for p in made] == [(after, "    c = b * 2\n", "    c = b * 3\n")]


def test_a_passing_sample_gives_chosen_steps_only(executor: Executor) -> None:
    sample = "    b = 1 + a\n    c = 2 * b\n    return c\n"
    settings = PolicyTeacher(kind="policy", samples=1, locate="splice")
    result, counts = taught(executor, settings, {render(problem(), "nano").text: [sample]})
    assert {label for _, _, label in policy_steps(result)} == {"chosen"}
    assert counts["policy_passing"] == 1


def test_a_sample_that_does_not_parse_gives_a_program_and_no_step(executor: Executor) -> None:
    settings = PolicyTeacher(kind="policy", samples=1, locate="splice")
    result, counts = taught(executor, settings, {render(problem(), "nano").text: ["    b = (\n"]})
    assert counts["policy_unparsable"] == 1
    assert policy_steps(result) == set()
    assert ("rejected", "compile_error") in {(program.label, program.verdict) for program in result.programs}


def test_rollout_finds_the_first_step_that_cannot_be_completed(executor: Executor) -> None:
    sample = "    b = a\n    b += 1\n    c = b * 5\n    return c\n"
    prompt = render(problem(), "nano").text
    settings = PolicyTeacher(kind="policy", samples=1, locate="rollout", rollouts=2)
    answers = {
        prompt: [sample],
        prompt + "    b = a\n    b += 1\n": ["    return b\n", "    return b * 2\n"],
    }
    result, counts = taught(executor, settings, answers)
    assert counts["policy_located"] == 1
    at = PROMPT + "    b = a\n    b += 1\n"
    assert (at, "    c = b * 5\n", "rejected") in policy_steps(result)
    assert (at, "    return b * 2\n", "chosen") in policy_steps(result)


def test_a_variants_limits_follow_the_canonical_solution() -> None:
    tests = StdioTests((StdioTest("", "1\n"),), test_limit_s=4.0)
    problem = Problem("p", "Print 1.", tests, solutions=("print(1)\n",))
    quick, slow = (ExecutionResult(Verdict.PASSED, cpu_s=seconds) for seconds in (0.1, 3.0))
    limits = ResourceLimits(cpu_s=10.0, wall_s=20.0)
    assert variant_limits(problem, limits, quick) == ResourceLimits(cpu_s=1.0, wall_s=20.0, test_s=1.0)
    assert variant_limits(problem, limits, slow) == ResourceLimits(cpu_s=10.0, wall_s=20.0, test_s=4.0)
    without = replace(problem, tests=replace(tests, test_limit_s=None))
    assert variant_limits(without, limits, quick) == ResourceLimits(cpu_s=1.0, wall_s=20.0)
