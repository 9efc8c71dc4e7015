"""The CustomResourceDefinition follows the models, is structural, and refuses what the models refuse."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.spec.crd.validator import NoValidatorError, validate, validator

from prlcoder.errors import InputError
from prlcoder.spec import Spec, manifest
from prlcoder.spec.crd import MUTABLE, definition

ROOT = Path(__file__).resolve().parents[2]
CRD = ROOT / "charts" / "prlcoder" / "files" / "trainingruns.yaml"
QUICKSTART = manifest.load(ROOT / "examples" / "quickstart.yaml").model_dump(
    mode="json", by_alias=True, exclude_unset=True
)
SCHEMA = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
LLM = {"kind": "llm", "baseUrl": "http://host/v1", "model": "m"}
BOTH = [{"kind": "rules"}, {"kind": "policy"}]

Schema = dict[str, Any]


def nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every schema below ``schema`` with its path."""
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from nodes(field, f"{path}.{name}")
    for keyword in ("items", "additionalProperties"):
        if keyword in schema:
            yield from nodes(schema[keyword], f"{path}[]")


def below_spec() -> list[tuple[str, Schema]]:
    """Every schema of the spec and the status with its path."""
    return [(path, node) for path, node in nodes(SCHEMA) if path.startswith((".spec", ".status"))]


def test_the_schema_is_structural() -> None:
    for path, node in nodes(SCHEMA):
        assert node.keys().isdisjoint({"$ref", "anyOf", "oneOf", "allOf", "const", "title", "discriminator"}), path
        free = ("x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields")
        assert sum(key in node for key in ("type", *free)) == 1, path
        assert "additionalProperties" not in node or "properties" not in node, path


def test_every_field_is_described() -> None:
    undescribed = [path for path, node in below_spec() if not path.endswith("[]") and not node.get("description")]
    assert undescribed == []


def test_every_text_list_and_map_is_bounded_so_that_rules_have_a_cost() -> None:
    for path, node in below_spec():
        if node.get("type") == "string":
            assert "maxLength" in node or "enum" in node or node.get("format") in ("date", "date-time"), path
        if node.get("type") == "array":
            assert "maxItems" in node, path
            assert "x-kubernetes-list-type" in node, path
        if "additionalProperties" in node:
            assert "maxProperties" in node, path


def test_the_union_of_teachers_has_no_defaults_and_a_rule_per_kind() -> None:
    teacher = SCHEMA["properties"]["spec"]["properties"]["supervision"]["properties"]["teachers"]["items"]
    assert [path for path, node in nodes(teacher) if "default" in node] == []
    first_rules = {rule["rule"].split(" || ")[0] for rule in teacher["x-kubernetes-validations"]}
    assert first_rules == {"self.kind != 'rules'", "self.kind != 'llm'", "self.kind != 'policy'"}
    assert teacher["properties"]["temperature"]["minimum"] == 0.0  # the language model's; the policy's is above 0
    assert "exclusiveMinimum" not in teacher["properties"]["temperature"]
    assert "maximum" not in teacher["properties"]["mutations"]  # the rules' has none


def test_the_defaults_are_those_of_the_models() -> None:
    spec = Spec.model_validate({"model": {"path": "x"}, "problems": {"source": "y"}}).model_dump(by_alias=True)
    for name, field in SCHEMA["properties"]["spec"]["properties"].items():
        if "default" in field and field["type"] != "object":
            assert field["default"] == spec[name], name
    assert (
        "default"
        not in SCHEMA["properties"]["spec"]["properties"]["problems"]["properties"]["split"]["properties"]["by"]
    )


def test_the_columns_and_names_of_the_resource() -> None:
    names, version = definition()["spec"]["names"], definition()["spec"]["versions"][0]
    assert (names["shortNames"], names["categories"]) == (["trun"], ["prlcoder"])
    columns = version["additionalPrinterColumns"]
    assert [one["name"] for one in columns if "priority" not in one] == ["Phase", "Stage", "Step", "Restarts", "Age"]
    assert [one["name"] for one in columns if "priority" in one] == ["ETA", "Reason", "Queue", "Algorithm"]
    assert version["subresources"] == {"status": {}}


@pytest.fixture(scope="module")
def api_server() -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    """The answers of the API server's validation to requests."""
    try:
        validator()
    except NoValidatorError as error:
        pytest.skip(str(error))

    def answers(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answer = validate(CRD, requests)
        assert answer["definition"] == []
        found: list[dict[str, Any]] = answer["objects"]
        return found

    return answers


def changed(**spec: Any) -> dict[str, Any]:
    """The quickstart with fields of its spec replaced, or removed where the value is None."""
    run = copy.deepcopy(QUICKSTART)
    run["spec"] = {name: value for name, value in {**run["spec"], **spec}.items() if value is not None}
    return run


def pods(**fields: Any) -> dict[str, Any]:
    """The quickstart with settings of the policy stage's pods."""
    return changed(stages={"policy": fields})


VALID = {
    "the quickstart": QUICKSTART,
    "written out with nulls": yaml.safe_load(manifest.dump(manifest.from_object(QUICKSTART))),
    "a chat model": changed(
        model={"path": "x", "systemMessage": "Be brief.", "chatTemplateArguments": {"thinking": False, "depth": 2}},
        pretrain=None,
    ),
    "evaluation alone": changed(
        model={"path": "x"}, pretrain=None, supervision=None, sft=None, reward=None, policy=None
    ),
    "supervision from a folder": changed(supervision={"teachers": [], "from": "s3://bucket/x"}),
    "whole solutions": changed(supervision={"unit": "solution"}, reward={"kind": "orm"}, policy=None),
    "whole solutions whose outcome model rewards rollouts": changed(
        supervision={"unit": "solution"},
        reward={"kind": "orm"},
        policy={"algorithm": "ppo", "rl": {"rewards": [{"kind": "outcome-model"}], "credit": {"rule": "outcome"}}},
    ),
    "an outcome model beside the reward model": changed(evaluation={"outcomeModel": "runs/orm/reward"}),
    "a language model": changed(
        supervision={
            "teachers": [
                {**LLM, "budget": {"cost": 1.5}, "pricePerMillionPrompt": 1, "pricePerMillionCompletion": 2},
                {"kind": "policy", "temperature": 3},
                {"kind": "rules", "mutations": 33},
            ]
        }
    ),
    "one source twice": changed(evaluation={"benchmarks": [{}, {"source": "held-out", "name": "again"}]}),
    "one day": changed(problems={"source": "x", "select": {"since": "2024-01-01", "until": "2024-01-01"}}),
    "pods": pods(
        nodes=2,
        resources={"limits": {"nvidia.com/gpu": 1, "memory": "16Gi"}, "claims": [{"name": "gpu"}]},
        resourceClaims=[{"name": "gpu", "resourceClaimTemplateName": "template"}],
        env=[{"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}}],
        tolerations=[{"key": "spot", "operator": "Exists"}, {"operator": "Exists"}],
        nodeSelector={"zone": "a"},
        imagePullSecrets=[{"name": "registry"}],
    ),
}

# What is wrong, the manifest, and the field and a part of the message of the API server.
INVALID: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "no stage",
        changed(
            model={"path": "x"},
            pretrain=None,
            supervision=None,
            sft=None,
            reward=None,
            policy=None,
            evaluation=None,
        ),
        "spec",
        "no stage to run; add at least one of",
    ),
    (
        "two origins",
        changed(model={"path": "x", "scratch": {}, "promptTemplate": "nano"}),
        "spec.model",
        "give exactly one of `path` and `scratch`",
    ),
    (
        "a file of no folder",
        changed(model={"scratch": {}, "promptTemplate": "nano", "ggufFile": "x.gguf"}),
        "spec.model",
        "give `path` as well",
    ),
    (
        "a system message without a chat",
        changed(model={"scratch": {}, "promptTemplate": "nano", "systemMessage": "Be brief."}),
        "spec.model",
        "is for `promptTemplate: chat`",
    ),
    (
        "nothing to train on",
        changed(problems={"source": "x", "split": {"validation": 0.5, "test": 0.5}}),
        "spec.problems",
        "their sum must stay below 1",
    ),
    (
        "no test problems",
        changed(problems={"source": "x", "split": {"test": 0}}),
        "spec",
        "the split has no such problems; set problems.split.test",
    ),
    ("pre-training of a given model", changed(model={"path": "x"}), "spec", "only a model from scratch is pre-trained"),
    ("no chat template", changed(model={"scratch": {}}), "spec.model", "set it to nano or plain"),
    ("no supervision", changed(supervision=None), "spec", "policy: needs supervision and the spec has none"),
    ("no teacher", changed(supervision={"teachers": []}), "spec", "no teacher proposes variants"),
    (
        "pairs of solutions",
        changed(supervision={"unit": "solution"}, reward=None, policy={"algorithm": "dpo"}),
        "spec",
        "policy: needs steps",
    ),
    ("steps of solutions", changed(supervision={"unit": "solution"}), "spec", "reward: needs steps"),
    (
        "wrong steps of solutions",
        changed(supervision={"unit": "solution", "teachers": BOTH}, policy=None, reward=None),
        "spec",
        "the policy looks for wrong steps",
    ),
    (
        "a teacher twice",
        changed(supervision={"teachers": [*BOTH, {"kind": "rules"}]}),
        "spec.supervision.teachers[2]",
        "Duplicate value",
    ),
    ("no sft for the reward model", changed(sft=None), "spec", "reward.model: `sft` is not a stage"),
    (
        "no sft for the policy",
        changed(sft=None, reward=None, policy={"init": "sft"}),
        "spec",
        "policy.init: `sft` is not a stage",
    ),
    ("no origins", changed(policy={"dpo": {"origins": []}}), "spec", "no pair would be left"),
    (
        "origins that no teacher makes",
        changed(supervision={}, policy={"dpo": {"origins": ["policy"]}}),
        "spec",
        "no teacher makes rejected steps of these origins",
    ),
    ("no programs for rft", changed(supervision={}, policy={"controls": [{"kind": "rft"}]}), "spec", "rft needs"),
    ("no benchmark", changed(evaluation={"benchmarks": []}), "spec", "nothing to evaluate on"),
    (
        "an outcome model that chooses nothing",
        changed(evaluation={"outcomeModel": "x", "bestOfN": False}),
        "spec",
        "evaluation.outcomeModel: has no effect with `bestOfN: false`",
    ),
    (
        "two outcome models",
        changed(reward={"kind": "orm"}, evaluation={"outcomeModel": "x"}),
        "spec",
        "evaluation.outcomeModel: the run's own reward model is an outcome reward model",
    ),
    (
        "two benchmarks of one name",
        changed(evaluation={"benchmarks": [{}, {"source": "mbpp", "name": "held-out", "path": "p"}]}),
        "spec",
        "give each its own `name`",
    ),
    ("no path", changed(evaluation={"benchmarks": [{"source": "mbpp"}]}), "spec", "a published benchmark needs `path`"),
    (
        "a path of a split",
        changed(evaluation={"benchmarks": [{"source": "held-out", "path": "p"}]}),
        "spec",
        "remove `path`",
    ),
    (
        "days in the wrong order",
        changed(problems={"source": "x", "select": {"since": "2024-02-01", "until": "2024-01-01"}}),
        "spec.problems.select",
        "`since` comes after `until`",
    ),
    ("a step of length 0", changed(sft={"learningRate": 0}), "spec.sft.learningRate", "greater than 0"),
    ("a negative deadline", changed(progressDeadlineSeconds=-1), "spec.progressDeadlineSeconds", "equal to 0"),
    ("two evaluators", changed(stages={"evaluate": {"nodes": 2}}), "spec.stages", "set it to 1"),
    (
        "two values",
        pods(env=[{"name": "A", "value": "x", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]),
        "spec.stages.policy.env[0]",
        "give only one of",
    ),
    ("no source", pods(env=[{"name": "A", "valueFrom": {}}]), "spec.stages.policy.env[0].valueFrom", "exactly one of"),
    ("a variable twice", pods(env=[{"name": "A"}, {"name": "A"}]), "spec.stages.policy.env[1]", "Duplicate value"),
    ("no taint", pods(tolerations=[{}]), "spec.stages.policy.tolerations[0]", "set `operator: Exists`"),
    (
        "a value that is not compared",
        pods(tolerations=[{"key": "a", "operator": "Exists", "value": "v"}]),
        "spec.stages.policy.tolerations[0]",
        "takes none",
    ),
    ("no claim", pods(resourceClaims=[{"name": "gpu"}]), "spec.stages.policy.resourceClaims[0]", "exactly one of"),
]
TEACHERS: list[tuple[str, dict[str, Any], str]] = [
    ("no base URL", {"kind": "llm", "model": "m"}, "needs baseUrl and model"),
    ("a field of another kind", {**LLM, "samples": 3}, "`kind: llm` takes only"),
    ("a key in the URL", {**LLM, "baseUrl": "http://user@host/v1"}, "name the key in `apiKeyEnv`"),
    ("no variants", {**LLM, "mutations": 0, "refactorings": 0}, "ask for at least one variant"),
    ("too many variants", {**LLM, "mutations": 33}, "mutations: must be <= 32"),
    ("too hot", {**LLM, "temperature": 2.5}, "temperature: must be <= 2.0"),
    ("too cold", {"kind": "policy", "temperature": 0}, "temperature: must be > 0.0"),
    ("one price", {**LLM, "pricePerMillionPrompt": 1}, "or neither"),
    ("a budget without prices", {**LLM, "budget": {"cost": 1}}, "`budget.cost` needs"),
]
INVALID += [
    (what, changed(supervision={"teachers": [teacher]}), "spec.supervision.teachers[0]", message)
    for what, teacher, message in TEACHERS
]


def test_valid_manifests_are_accepted_with_the_same_meaning(api_server: Callable[[Any], Any]) -> None:
    for (what, run), answer in zip(VALID.items(), api_server([{"object": run} for run in VALID.values()]), strict=True):
        assert answer["mistakes"] == [], what
        assert manifest.from_object(answer["object"]) == manifest.from_object(run), what


def test_invalid_manifests_are_refused_by_the_api_server_and_by_the_models(api_server: Callable[[Any], Any]) -> None:
    answers = api_server([{"object": run} for _, run, _, _ in INVALID])
    for (what, run, field, message), answer in zip(INVALID, answers, strict=True):
        assert [one for one in answer["mistakes"] if one.startswith(f"{field}: ") and message in one], (what, answer)
        with pytest.raises(InputError):
            manifest.from_object(run)


def test_a_run_can_change_only_where_its_stages_do_not_depend_on_it(api_server: Callable[[Any], Any]) -> None:
    later = {"suspend": True, **{name: 9 for name in MUTABLE if name != "suspend"}}
    allowed, *refused = api_server(
        [
            {"object": changed(**later), "old": QUICKSTART},
            {"object": changed(seed=1), "old": QUICKSTART},
            {"object": changed(evaluation=None), "old": QUICKSTART},
            {"object": changed(queueName="q"), "old": QUICKSTART},
        ]
    )
    assert allowed["mistakes"] == []
    for name, answer in zip(("seed", "evaluation", "queueName"), refused, strict=True):
        (mistake,) = answer["mistakes"]
        assert f"{name}: cannot change once the run exists; create another run" in mistake


def test_a_name_that_pods_cannot_have_is_refused(api_server: Callable[[Any], Any]) -> None:
    run = changed()
    run["metadata"]["name"] = "a" * 41
    ((mistake,),) = [answer["mistakes"] for answer in api_server([{"object": run}])]
    assert "use at most 38 small letters" in mistake
