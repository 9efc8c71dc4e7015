"""``--set`` sets single fields and refuses what is not FIELD=VALUE."""

from __future__ import annotations

from typing import Any

import pytest

from prlcoder.errors import InputError
from prlcoder.spec.overrides import apply, parse


@pytest.mark.parametrize(
    ("text", "location", "value"),
    [
        ("spec.seed=1", ("spec", "seed"), 1),
        ("seed=1", ("spec", "seed"), 1),
        ("metadata.name=x", ("metadata", "name"), "x"),
        ("sft=null", ("spec", "sft"), None),
        ("sft=", ("spec", "sft"), None),
        ("model.path=a=b", ("spec", "model", "path"), "a=b"),
        ("policy.controls[1].kind=nll", ("spec", "policy", "controls", 1, "kind"), "nll"),
        ("policy.controls.1.kind=nll", ("spec", "policy", "controls", 1, "kind"), "nll"),
        ("tracking.reportTo=[a, b]", ("spec", "tracking", "reportTo"), ["a", "b"]),
        ("policy.dpo={beta: 0.5}", ("spec", "policy", "dpo"), {"beta": 0.5}),
    ],
)
def test_an_override_has_a_location_and_a_value(text: str, location: tuple[str | int, ...], value: Any) -> None:
    assert parse(text) == (location, value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed", "--set seed: is not FIELD=VALUE; write it as in --set spec.seed=1"),
        ("=1", "--set =1: is not FIELD=VALUE; write it as in --set spec.seed=1"),
        ("a..b=1", "--set a..b=1: `a..b` is not a field's path; write it as in spec.policy.controls[0].kind"),
        ("a[x]=1", "--set a[x]=1: `a[x]` is not a field's path; write it as in spec.policy.controls[0].kind"),
        ("seed=[1", "--set seed=[1: spec.seed: the value is not YAML; quote it"),
        ("list[2]=1", "--set list[2]=1: spec.list[2]: `spec.list` has 2 items; give an index up to 1"),
        ("list.a=1", "--set list.a=1: spec.list.a: `spec.list` is a list; give an index, as in spec.list[0]"),
        ("seed.a=1", "--set seed.a=1: spec.seed.a: `spec.seed` holds no fields; set spec.seed as a whole"),
        ("none[0]=1", "--set none[0]=1: spec.none[0]: `spec.none` has 0 items; set spec.none as a whole"),
    ],
)
def test_a_refusal_names_the_option(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        apply({"spec": {"seed": 0, "list": [{}, {}], "none": []}}, [text])
    assert str(caught.value) == message


def test_missing_sections_are_made_and_the_given_data_is_left_alone() -> None:
    data = {"spec": {"sft": None}}
    changed, origins = apply(data, ["sft.epochs=2", "policy.dpo.beta=0.5", "sft.epochs=3"])
    assert changed == {"spec": {"sft": {"epochs": 3}, "policy": {"dpo": {"beta": 0.5}}}}
    assert data == {"spec": {"sft": None}}
    assert origins == {
        ("spec", "sft", "epochs"): "sft.epochs=3",
        ("spec", "policy", "dpo", "beta"): "policy.dpo.beta=0.5",
    }
