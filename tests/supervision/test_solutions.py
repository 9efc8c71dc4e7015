"""Whole-solution variants: what they are composed of, and the supervision that holds them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from prlcoder.executor import Executor, ResourceLimits
from prlcoder.mutator import RuleTeacher, Variant
from prlcoder.mutator.solutions import SolutionTeacher, compose
from prlcoder.problems.model import CallTest, CallTests, Problem
from prlcoder.segmenter import Segment, segment
from prlcoder.spec import TrainingRun
from prlcoder.spec.checks import findings
from prlcoder.supervision import store
from prlcoder.supervision.build import Settings, build

PROMPT = "def total(xs):\n"
PROGRAM = PROMPT + "    n = 0\n    for x in xs:\n        n += x\n    return n\n"
LIMITS = ResourceLimits(cpu_s=2.0, wall_s=5.0, memory_mib=256)


def parts(*texts: str) -> list[Segment]:
    ends = [sum(len(text) for text in texts[: number + 1]) for number in range(len(texts))]
    return [Segment(end - len(text), end, "simple", text) for text, end in zip(texts, ends, strict=True)]


def test_every_rewrite_is_once_the_first_of_a_variant() -> None:
    rewrites = {0: [Variant("mutation", "m", "x\n"), Variant("refactoring", "r", "y\n")]}
    assert compose(parts("a\n", "b\n"), rewrites, random.Random(0)) == [
        Variant("mutation", "m", "x\nb\n"),
        Variant("refactoring", "r", "y\nb\n"),
    ]


def test_refactored_solutions_hold_refactorings_only_and_mutated_ones_at_least_one_mutation() -> None:
    rewrites = {
        place: [Variant("mutation", "m", f"m{place}\n"), Variant("refactoring", "r", f"r{place}\n")]
        for place in range(5)
    }
    found = [
        variant
        for seed in range(40)
        for variant in compose(parts(*["a\n", "b\n", "c\n", "d\n", "e\n"]), rewrites, random.Random(seed))
    ]
    operators = {(variant.kind, tuple(sorted(set(variant.operator.split("+"))))) for variant in found}
    assert operators == {("mutation", ("m",)), ("mutation", ("m", "r")), ("refactoring", ("r",))}
    changed = {sum(line[0] in "mr" for line in variant.text.splitlines()) for variant in found}
    assert changed == {1, 2, 3}


def test_the_given_part_of_a_program_stays() -> None:
    whole = [Segment(0, len(PROMPT), "header", PROMPT), Segment(len(PROMPT), len(PROGRAM), "solution", "")]
    teacher = SolutionTeacher(RuleTeacher(0), "block", 0)
    variants = teacher.propose("p", PROGRAM, whole, 1)
    assert variants == teacher.propose("p", PROGRAM, whole, 1)
    assert len(variants) > 5
    assert {variant.kind for variant in variants} == {"mutation", "refactoring"}
    assert all(PROMPT not in variant.text for variant in variants)
    assert len({variant.text for variant in variants} - {PROGRAM[len(PROMPT) :]}) == len(variants)
    assert any(len(segment(PROMPT + v.text, "block")) and v.operator.count("+") > 1 for v in variants)


@pytest.mark.needs_sandbox
def test_a_build_of_solutions_has_programs_and_no_steps(tmp_path: Path) -> None:
    cases = tuple(CallTest((xs,), {}, sum(xs)) for xs in ([], [3], [1, 2, -9]))
    problem = Problem(id="p", statement="", tests=CallTests("total", cases), solutions=(PROGRAM,), prompt=PROMPT)
    settings = Settings("block", 0, 2, LIMITS, [], unit="solution")
    with Executor(workers=1, limits=LIMITS) as executor:
        made = [
            build(lambda: iter([problem]), tmp_path / name, settings, teachers=[RuleTeacher(0)], executor=executor)
            for name in "ab"
        ]
    assert made[0][0]["content_hash"] == made[1][0]["content_hash"]
    counts = made[0][0]["counts"]
    rows = list(store.read_rows(tmp_path / "a", "programs"))
    assert (counts["steps"], counts["pairs"], counts["programs"]) == (0, 0, len(rows))
    assert not list(store.read_rows(tmp_path / "a", "steps"))
    assert {row["origin"] for row in rows} == {"canonical", "mutation", "refactoring"}
    assert {row["label"] for row in rows if row["bucket"] != "survivor"} == {"chosen", "rejected"}
    assert all(row["program"].startswith(PROMPT) for row in rows)
    assert all(row["label"] == "chosen" for row in rows if row["origin"] != "mutation")


def test_what_needs_steps_is_refused_for_whole_solutions() -> None:
    spec = {
        "model": {"path": "org/name"},
        "problems": {"source": "nano"},
        "reward": {"kind": "prm"},
        "supervision": {"unit": "solution", "teachers": [{"kind": "rules"}, {"kind": "policy"}]},
        "policy": {"algorithm": "dpo"},
    }
    run = {"apiVersion": "prlcoder.dev/v1alpha1", "kind": "TrainingRun", "metadata": {"name": "x"}, "spec": spec}
    found = findings(TrainingRun.model_validate(run))
    assert [finding.location for finding in found] == [
        ("spec", "reward"),
        ("spec", "policy"),
        ("spec", "supervision", "teachers", 1),
    ]
    spec["supervision"] = {"unit": "segment"}
    assert findings(TrainingRun.model_validate(run)) == []
