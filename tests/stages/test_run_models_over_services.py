"""The models of a run behind addresses are those in its folders, whatever the servers served before."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fixtures.serving import Serve

from prlcoder.policy.serving.service import PolicyService
from prlcoder.policy.serving.settings import PolicySettings
from prlcoder.prm.serving.service import PrmService
from prlcoder.prm.serving.settings import PrmSettings
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import render
from prlcoder.segmenter import segment
from prlcoder.spec import Services
from prlcoder.stages.models import open_engine, open_scorer

pytestmark = pytest.mark.needs_torch


def test_texts_and_scores_are_those_of_this_process(
    serve: Serve, policies: dict[str, Path], reward_models: dict[str, Path], training_problems: tuple[Problem, ...]
) -> None:
    served = PolicySettings(str(policies["second"]), engine="transformers")
    policy = serve(lambda limits, registry: PolicyService(limits, served, registry))
    prm = serve(lambda limits, registry: PrmService(limits, PrmSettings(str(reward_models["second"])), registry))
    here, there = Services(), Services(policy=f"127.0.0.1:{policy.port}", prm=f"127.0.0.1:{prm.port}")

    prompts = [render(problem, "nano").text for problem in training_problems[:4]]
    texts = [
        open_engine(services, str(policies["first"]), max_new_tokens=30).generate(
            prompts, samples=2, temperature=1.0, seed=5, stop=["\n\n"]
        )
        for services in (here, there)
    ]
    assert texts[0] == texts[1]

    items = [(render(one, "plain"), one.canonical, segment(one.canonical, "line")) for one in training_problems[:4]]
    scores = [open_scorer(services, str(reward_models["first"])).score(items) for services in (here, there)]
    for ours, theirs in zip(*scores, strict=True):
        assert [one.logit for one in ours] == pytest.approx([one.logit for one in theirs], abs=2e-4)
