"""What Helm makes of the chart and values, without a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.chart import CASES, CHART, SERVICES, Helm, Manifest, StrictLoader, environment_of, of_kind

from prlcoder.cli.main import command_parser
from prlcoder.operator.settings import OperatorSettings

EVERYTHING = f"--values={CHART / 'ci' / 'everything-values.yaml'}"


def pods(manifests: list[Manifest]) -> dict[str, Any]:
    """The pod specs of a rendering by the name of their object."""
    found = {name: one["spec"]["template"]["spec"] for name, one in of_kind(manifests, "Deployment").items()}
    return found | {name: one["spec"] for name, one in of_kind(manifests, "Pod").items()}


@pytest.mark.parametrize("values", CASES, ids=lambda path: path.stem)
def test_lint_finds_nothing(helm: Helm, values: Path) -> None:
    done = helm("lint", "--strict", str(CHART), f"--values={values}", check=False)
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout


@pytest.mark.parametrize("values", CASES, ids=lambda path: path.stem)
def test_no_object_repeats_a_name_or_a_key_of_a_list(helm: Helm, values: Path) -> None:
    manifests = helm.render(f"--values={values}")
    names = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in manifests]
    assert len(names) == len(set(names))
    for spec in pods(manifests).values():
        (container,) = spec["containers"]
        for items, key in (
            (spec.get("volumes", []), "name"),
            (container.get("env", []), "name"),
            (container.get("ports", []), "containerPort"),
            (container.get("volumeMounts", []), "mountPath"),
        ):
            keys = [item[key] for item in items]
            assert len(keys) == len(set(keys))


@pytest.mark.parametrize("values", CASES, ids=lambda path: path.stem)
def test_pods_are_restricted_but_for_the_executors_seccomp_profile(helm: Helm, values: Path) -> None:
    for name, spec in pods(helm.render(f"--values={values}")).items():
        (container,) = spec["containers"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        profile = spec["securityContext"]["seccompProfile"]["type"]
        assert profile == "RuntimeDefault" or (name.endswith("-executor") and "runtimeClassName" not in spec)


def test_the_operator_reads_the_settings_that_the_chart_gives(helm: Helm) -> None:
    operator = pods(helm.render())["prlcoder-operator"]["containers"][0]
    assert OperatorSettings.from_environment(environment_of(operator)) == OperatorSettings(
        image="localhost/prlcoder/trainer:0.1.0",
        policy_image="localhost/prlcoder/policy:0.1.0",
        claim="prlcoder-runs",
        service_account="prlcoder-run",
        namespace=None,
        metrics_port=8081,
        services={
            "segmenter": "prlcoder-segmenter.prlcoder.svc:8101",
            "mutator": "prlcoder-mutator.prlcoder.svc:8102",
            "executor": "prlcoder-executor.prlcoder.svc:8103",
        },
    )


def test_runs_are_given_no_service_with_tls_or_tokens(helm: Helm) -> None:
    operator = pods(helm.render("--set=executor.tls.secretName=x", "--set=mutator.tokens.secretName=y"))
    settings = OperatorSettings.from_environment(environment_of(operator["prlcoder-operator"]["containers"][0]))
    assert list(settings.services) == ["segmenter"]


def test_with_credentials_runs_use_services_with_tls_or_tokens(helm: Helm) -> None:
    guarded = ("--set=executor.tls.secretName=x", "--set=mutator.tokens.secretName=y")
    operator = pods(helm.render(*guarded, "--set=runs.credentials.secretName=z"))["prlcoder-operator"]
    settings = OperatorSettings.from_environment(environment_of(operator["containers"][0]))
    assert settings.services == {
        "segmenter": "plaintext://prlcoder-segmenter.prlcoder.svc:8101",
        "mutator": "plaintext://prlcoder-mutator.prlcoder.svc:8102",
        "executor": "tls://prlcoder-executor.prlcoder.svc:8103",
    }
    assert (settings.credentials, settings.credential_keys) == ("z", ("ca.crt", "token"))


def test_a_service_elsewhere_is_not_installed_and_its_address_is_passed_on(helm: Helm) -> None:
    manifests = helm.render(f"--values={CHART / 'ci' / 'operator-only-values.yaml'}")
    assert of_kind(manifests, "Deployment").keys() == {"prlcoder-operator"}
    settings = OperatorSettings.from_environment(environment_of(pods(manifests)["prlcoder-operator"]["containers"][0]))
    assert settings.services == {"executor": "sandbox-prlcoder-executor.sandboxes.svc:8103"}
    assert settings.claim == ""


def test_a_namespaced_release_has_no_object_of_the_cluster(helm: Helm) -> None:
    manifests = helm.render(f"--values={CHART / 'ci' / 'namespaced-values.yaml'}")
    assert {one["metadata"].get("namespace") for one in manifests} == {"prlcoder"}
    assert not of_kind(manifests, "ClusterRole")
    operator = pods(manifests)["prlcoder-operator"]["containers"][0]
    assert environment_of(operator)["PRLCODER_OPERATOR_NAMESPACE"] == "prlcoder"


def test_a_deployment_with_an_autoscaler_declares_no_replicas(helm: Helm) -> None:
    manifests = helm.render(EVERYTHING)
    scaled = of_kind(manifests, "HorizontalPodAutoscaler").keys()
    assert scaled == {"code-segmenter", "code-mutator"}
    declared = {name: "replicas" in one["spec"] for name, one in of_kind(manifests, "Deployment").items()}
    assert declared == {f"code-{name}": f"code-{name}" not in scaled for name in ("operator", *SERVICES)}
    assert all("strategy" in one["spec"] for one in of_kind(manifests, "Deployment").values())


def test_only_the_executor_has_no_egress(helm: Helm) -> None:
    policies = of_kind(helm.render(EVERYTHING), "NetworkPolicy")
    assert policies.keys() == {f"code-{name}" for name in SERVICES}
    closed = [name for name, one in policies.items() if "Egress" in one["spec"]["policyTypes"]]
    assert closed == ["code-executor"]
    assert policies["code-executor"]["spec"]["egress"] == []


def test_gpus_are_limits_and_wait_for_the_old_pod(helm: Helm) -> None:
    policy = of_kind(helm.render(EVERYTHING), "Deployment")["code-policy"]["spec"]
    assert policy["template"]["spec"]["containers"][0]["resources"]["limits"] == {"amd.com/gpu": "2", "memory": "32Gi"}
    assert policy["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_the_crd_is_the_generated_one_and_stays_only_if_it_is_to_be_kept(helm: Helm) -> None:
    source = yaml.load((CHART / "files" / "trainingruns.yaml").read_text(encoding="utf-8"), StrictLoader)
    name = source["metadata"]["name"]
    kept = of_kind(helm.render(), "CustomResourceDefinition")[name]
    assert kept["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert kept == source
    assert of_kind(helm.render("--set=crds.keep=false"), "CustomResourceDefinition")[name] == source
    assert not of_kind(helm.render("--set=crds.install=false"), "CustomResourceDefinition")


@pytest.mark.parametrize("name", SERVICES)
def test_the_arguments_of_a_service_are_those_of_the_command(helm: Helm, name: str) -> None:
    options = ["--set=prm.enabled=true", "--set=prm.model=x", "--set=policy.enabled=true", "--set=policy.model=y"]
    arguments = pods(helm.render(*options))[f"prlcoder-{name}"]["containers"][0]["args"]
    parsed = command_parser(arguments[0]).parse_args(arguments[1:])
    assert (parsed.host, parsed.insecure) == ("0.0.0.0", True)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("executor.replicsa=2", ("executor", "replicsa")),
        ("operatr.workers=2", ("operatr",)),
        ("executor.replicas=two", ("/executor/replicas", "integer")),
        ("crds.keep=1", ("/crds/keep", "boolean")),
        ("rbac.scope=galaxy", ("/rbac/scope", "cluster")),
        ("storage.size=big", ("/storage/size",)),
        ("prm.enabled=true", ("prm.model", "give the folder or hub id")),
        ("executor.address=host:1", ("executor.address", "set executor.enabled=false")),
        ("executor.runtimeClassName=", ("executor.seccompProfile", "Unconfined")),
        ("storage.kind=existing", ("storage.claim", "name the claim")),
        ("monitoring.serviceMonitor=true", ("monitoring.serviceMonitor", "monitoring.coreos.com/v1")),
        ("monitoring.prometheusRule=true", ("monitoring.prometheusRule", "monitoring.coreos.com/v1")),
        ("prm.enabled=true,prm.model=x,runs.namespaces={a}", ("prm.mountStorage", "add default to runs.namespaces")),
        ("prmRoute.enabled=true", ("prmRoute.enabled", "prm.enabled=true")),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(helm: Helm, setting: str, words: tuple[str, ...]) -> None:
    message = helm.refusal(setting)
    assert [word for word in words if word not in message] == [], message


@pytest.mark.parametrize("name", ["one-node-8-gpus", "four-nodes"])
def test_the_page_shows_the_values_that_are_tested(name: str) -> None:
    page = (CHART.parents[1] / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    assert (CHART / "ci" / f"{name}-values.yaml").read_text(encoding="utf-8") in page
