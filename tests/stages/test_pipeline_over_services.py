"""A supervision made over services has the content of one made in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.serving import Serve

from prlcoder.executor import ExecutionRequest as Item
from prlcoder.executor import ResourceLimits
from prlcoder.executor.serving.service import ExecutorService
from prlcoder.executor.serving.settings import ExecutorSettings
from prlcoder.mutator import RuleTeacher
from prlcoder.mutator.serving.service import MutatorService
from prlcoder.problems.model import CallTest, CallTests
from prlcoder.problems.nano.suite import problems
from prlcoder.segmenter import SegmentationError, segment, segment_each
from prlcoder.segmenter.serving.service import SegmenterService
from prlcoder.spec import ExecutionSettings, NanoSuite, RulesTeacher, Services
from prlcoder.stages.services import (
    RemoteExecutor,
    RemoteRuleTeacher,
    RemoteSegmenter,
    address,
    open_executor,
    rule_teacher,
    segmenter,
)
from prlcoder.supervision.build import Settings, build

pytestmark = pytest.mark.needs_sandbox

SECTION = RulesTeacher(kind="rules", mutations=2, refactorings=1)
EXECUTION = ExecutionSettings(workers=1)
LIMITS = ResourceLimits(EXECUTION.cpu_limit, EXECUTION.wall_limit, EXECUTION.memory_limit)


@pytest.fixture(scope="module")
def services(serve: Serve) -> Services:
    settings = ExecutorSettings(workers=1)
    executor = serve(lambda limits, registry: ExecutorService(limits, settings, registry))
    mutator = serve(lambda limits, registry: MutatorService(limits, registry, workers=1))
    segmenter = serve(lambda limits, registry: SegmenterService(limits, registry, workers=1))
    ports = {"executor": executor.port, "mutator": mutator.port, "segmenter": segmenter.port}
    return Services(**{name: f"127.0.0.1:{port}" for name, port in ports.items()})


@pytest.fixture(autouse=True)
def no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EXECUTOR", "MUTATOR", "SEGMENTER"):
        monkeypatch.delenv(f"PRLCODER_{name}", raising=False)


def supervised(services: Services, folder: Path) -> dict[str, Any]:
    """The manifest of a small build."""
    suite = [problem for problem in problems(NanoSuite(train=6, validation=1, test=1)) if problem.split == "train"]
    with open_executor(services, EXECUTION) as executor:
        settings = Settings(
            mode="block",
            seed=3,
            pairs_per_segment=2,
            limits=LIMITS,
            described=[SECTION.model_dump()],
        )
        manifest, _ = build(
            lambda: iter(suite),
            folder,
            settings,
            teachers=[rule_teacher(services, SECTION, 3)],
            executor=executor,
            segmenter=segmenter(services),
        )
    return manifest


def test_the_content_hash_is_the_same(services: Services, tmp_path: Path) -> None:
    here = supervised(Services(), tmp_path / "here")
    there = supervised(services, tmp_path / "there")
    assert there["content_hash"] == here["content_hash"]
    assert there["counts"]["steps"] == here["counts"]["steps"] > 20


def test_the_environment_gives_addresses_and_the_spec_goes_first(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert address(Services(), "executor") is None
    monkeypatch.setenv("PRLCODER_EXECUTOR", "other:1")
    found = address(Services(), "executor")
    assert found is not None
    assert found.target == "other:1"
    found = address(services, "executor")
    assert found is not None
    assert found.target == services.executor
    monkeypatch.setenv("PRLCODER_EXECUTOR", services.executor or "")
    monkeypatch.setenv("PRLCODER_MUTATOR", services.mutator or "")
    with open_executor(Services(), EXECUTION) as executor:
        assert isinstance(executor, RemoteExecutor)
    assert isinstance(rule_teacher(Services(), SECTION, 0), RemoteRuleTeacher)
    assert segmenter(Services()) is segment_each
    monkeypatch.setenv("PRLCODER_SEGMENTER", services.segmenter or "")
    assert isinstance(segmenter(Services()), RemoteSegmenter)


def test_programs_that_are_not_unicode_text_get_the_same_verdict(services: Services) -> None:
    tests = CallTests("f", (CallTest((1,), {}, 2),))
    texts = ["x = '\ud800'", "def f(n): return 2 * n", "x = '\udfff'", "x = '\ud800'", "def f(n): return n", "'\ud800'"]
    found = []
    for place in (Services(), services):
        with open_executor(place, EXECUTION) as executor:
            results = executor.run(Item(text, tests) for text in texts)
            found.append([(result.verdict, result.reason, result.profile) for result in results])
    assert found[0] == found[1]


def test_the_remote_segmenter_cuts_as_the_segmenter_does(services: Services) -> None:
    programs = [f"x = {number}\ny = x\n" if number % 3 else f"x = ({number}\n" for number in range(150)]
    found, expected = (cut(programs, "line") for cut in (segmenter(services), segmenter(Services())))
    assert [isinstance(one, SegmentationError) for one in found] == [number % 3 == 0 for number in range(150)]
    assert [str(one) for one in found] == [str(one) for one in expected]
    assert segmenter(services)([], "line") == []


def steps(source: str) -> Iterator[tuple[list[Any], int]]:
    segments = segment(source, "line")
    return ((segments, index) for index in range(len(segments)))


def test_the_remote_teacher_proposes_what_the_rule_teacher_does(services: Services) -> None:
    sources = ["def f(a, b):\n    c = a + b\n    return c * 2\n", "for i in range(3):\n    print(i)\n"]
    remote, here = rule_teacher(services, SECTION, 5), RuleTeacher(5, 2, 1)
    for source in [*sources, sources[0]]:
        for segments, index in steps(source):
            assert remote.propose("p", source, segments, index) == here.propose("p", source, segments, index)
