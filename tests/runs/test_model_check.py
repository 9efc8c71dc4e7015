"""Which models of a spec are checked before the first stage, and how their fields are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prlcoder.errors import InputError
from prlcoder.runs.model_check import check_spec_models, named_models
from prlcoder.spec import Spec

SCRATCH: dict[str, Any] = {
    "model": {"scratch": {"preset": "nano"}, "promptTemplate": "nano"},
    "problems": {"source": "nano", "nano": {"train": 6, "validation": 2, "test": 2}, "split": {"by": "published"}},
    "supervision": {"labels": "paper", "teachers": [{"kind": "rules"}]},
}


def spec(**sections: Any) -> Spec:
    return Spec.model_validate({**SCRATCH, **sections})


def test_models_that_are_named_beside_the_base_are_found() -> None:
    found = named_models(
        spec(
            reward={"model": "/m/reward", "epochs": 1},
            policy={"init": "org/policy"},
            evaluation={"outcomeModel": "/m/orm", "benchmarks": [{"source": "held-out", "samples": 2, "k": [1]}]},
        )
    )
    assert [(one.field, one.path, one.use) for one in found] == [
        ("reward.model", "/m/reward", "reward base"),
        ("policy.init", "org/policy", "policy"),
        ("evaluation.outcomeModel", "/m/orm", "orm"),
    ]


def test_folders_of_given_stages_are_found_unless_they_are_in_an_object_store() -> None:
    given = named_models(spec(sft={"from": "/m/sft"}, reward={"from": "/m/prm"}, policy={"from": "memory://m/policy"}))
    assert [(one.field, one.use) for one in given] == [("reward.from", "prm"), ("sft.from", "policy")]
    assert named_models(spec(sft={}, policy={"init": "sft"}, reward={"model": "base"})) == []


@pytest.mark.needs_torch
@pytest.mark.parametrize(
    ("section", "field"),
    [
        ({"reward": {"model": "PATH"}}, "reward.model"),
        ({"reward": {"from": "PATH"}}, "reward.from"),
        ({"policy": {"init": "PATH"}}, "policy.init"),
        ({"evaluation": {"outcomeModel": "PATH"}}, "evaluation.outcomeModel"),
    ],
)
def test_a_damaged_model_is_refused_with_its_field(section: dict[str, Any], field: str, tmp_path: Path) -> None:
    named = {
        name: {key: str(tmp_path) if value == "PATH" else value for key, value in values.items()}
        for name, values in section.items()
    }
    with pytest.raises(InputError, match=rf"^spec\.{field}: model {tmp_path}: .*contains no config.json"):
        check_spec_models(spec(**named))
