"""The sandbox and the reward model as verl calls a custom reward function: loaded from its file, one sample a call,
in this process or by a service."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.serving import Serve

import prlcoder.adapters.verl as adapter
from prlcoder.errors import InputError
from prlcoder.executor.serving.service import ExecutorService
from prlcoder.executor.serving.settings import ExecutorSettings
from prlcoder.prm.serving.service import PrmService
from prlcoder.prm.serving.settings import PrmSettings
from prlcoder.problems.model import Problem

pytestmark = [pytest.mark.needs_sandbox, pytest.mark.needs_torch]
Score = Callable[..., float]


def as_verl_loads_it(name: str, **reward_kwargs: Any) -> Score:
    """The function ``name`` of the adapter's file, with the configuration's keyword arguments."""
    specification = importlib.util.spec_from_file_location("custom_module", adapter.__file__)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    function = getattr(module, name)
    return lambda **call: float(function(**call, **reward_kwargs))


@pytest.fixture(scope="module", params=["in process", "by service"])
def addresses(
    request: pytest.FixtureRequest, serve: Serve, reward_models: dict[str, Path]
) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Keyword arguments of ``verdict_score`` and of ``step_score``."""
    if request.param == "in process":
        yield {}, {"model": str(reward_models["first"])}
        return
    executor = serve(lambda limits, registry: ExecutorService(limits, ExecutorSettings(workers=1), registry))
    settings = PrmSettings(str(reward_models["first"]))
    prm = serve(lambda limits, registry: PrmService(limits, settings, registry))
    yield {"executor": f"127.0.0.1:{executor.port}"}, {"prm": f"127.0.0.1:{prm.port}"}


def call(score: Score, problem: Problem, answer: str) -> float:
    """One call with verl's arguments."""
    truth = adapter.ground_truth(problem)
    return score(data_source="prlcoder", solution_str=answer, ground_truth=truth, extra_info={"index": 0})


def test_scores_by_verdict(
    training_problems: tuple[Problem, ...], addresses: tuple[dict[str, str], dict[str, str]]
) -> None:
    score = as_verl_loads_it("compute_score", **addresses[0])
    problem = training_problems[0]
    fenced = f"Here it is.\n```python\n{problem.canonical}```\n"
    assert call(score, problem, fenced) == 1.0
    assert call(score, problem, f"```python\n{problem.prompt}\n    return None\n```") == -0.3
    assert call(score, problem, "```python\ndef (\n```") == -1.0


def test_scores_by_steps(
    training_problems: tuple[Problem, ...],
    addresses: tuple[dict[str, str], dict[str, str]],
    reward_models: dict[str, Path],
) -> None:
    from prlcoder.adapters.trl import StepReward
    from prlcoder.prm.scoring import LocalStepScorer

    problem = training_problems[0]
    score = as_verl_loads_it("step_score", template="plain", mode="line", **addresses[1])
    completion = problem.canonical[len(problem.prompt) :]
    local = StepReward(training_problems, LocalStepScorer(str(reward_models["first"])), template="plain", mode="line")
    (expected,) = local(completions=[completion], problem_id=[problem.id])
    assert call(score, problem, completion) == pytest.approx(expected, abs=1e-4)


def test_a_wrong_ground_truth_is_said(training_problems: tuple[Problem, ...]) -> None:
    score = as_verl_loads_it("verdict_score")
    for truth in ("42", "{}", "no json"):
        with pytest.raises(InputError, match=r"reward_model\.ground_truth: .*ground_truth\(problem\) returns"):
            score(data_source="", solution_str="", ground_truth=truth, extra_info=None)
    with pytest.raises(InputError, match="give prm"):
        call(as_verl_loads_it("step_score"), training_problems[0], "pass")
