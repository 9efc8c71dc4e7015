"""The JobSet of a trainer of reinforcement learning whose servers are pods of their own (``servers: separate``). Pure.

The servers start first, and the trainer once they answer. The set has succeeded once the trainer has: JobSet removes
the servers then. A server that ends is restarted in its pod; a trainer that crashes restarts the whole set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from prlcoder.operator.api_objects import NewObject
from prlcoder.operator.constants import (
    COMPONENT_LABEL,
    CREDENTIALS_FOLDER,
    SERVER_COMPONENT,
    SERVER_LABEL,
    Reason,
)
from prlcoder.operator.job_sets import API_VERSION, failure_policy, group_spec
from prlcoder.operator.jobs import add_priority, child_metadata, job_name
from prlcoder.operator.model_servers import STAGE, ModelServer, add_addresses, server_container
from prlcoder.operator.observed import ObservedRun
from prlcoder.operator.pods import MANIFEST, labels, pod_template, restricted_pod
from prlcoder.operator.reasons import Explanation
from prlcoder.operator.settings import OperatorSettings
from prlcoder.operator.stage_options import StageOptions

TRAINER: Final = "trainer"
SERVER_BACKOFF_LIMIT: Final = 6  # how often a server may end before the set restarts
GRACE_S: Final = 60


def servers_job_set(run: ObservedRun, servers: Sequence[ModelServer], settings: OperatorSettings) -> NewObject:
    """The JobSet of the stage ``policy``: one replicated Job per server, and the trainer's."""
    options, name = StageOptions.read(run.spec, STAGE), job_name(run.name, STAGE)
    template = pod_template(run, STAGE, settings, ["prlcoder", "run", MANIFEST, "--stage", STAGE])
    (trainer,) = template["spec"]["containers"]
    add_addresses(trainer, {one.name: f"plaintext://{name}-{one.name}-0-0.{name}:{one.port}" for one in servers})
    add_priority(run, template)
    jobs = [_replicated(run, one.name, _server_job(run, one, template, options, settings)) for one in servers]
    last = _replicated(run, TRAINER, group_spec(1, template))
    last["dependsOn"] = [{"name": one.name, "status": "Ready"} for one in servers]
    return {
        "apiVersion": API_VERSION,
        "kind": "JobSet",
        "metadata": child_metadata(run, STAGE),
        "spec": {
            "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True},
            "successPolicy": {"operator": "All", "targetReplicatedJobs": [TRAINER]},
            "failurePolicy": failure_policy(run),
            "replicatedJobs": [*jobs, last],
        },
    }


def refused() -> Explanation:
    """Why a run with separate servers cannot begin on a cluster without JobSet."""
    what = "servers: separate runs the servers of reinforcement learning in a JobSet, and the cluster has no JobSet"
    return Explanation(Reason.NO_JOB_SET, f"{what}; install JobSet, or set servers to sidecar")


def _replicated(run: ObservedRun, name: str, job: NewObject) -> NewObject:
    return {"name": name, "replicas": 1, "template": {"metadata": {"labels": labels(run.name, STAGE)}, "spec": job}}


def _server_job(
    run: ObservedRun, server: ModelServer, trainer: NewObject, options: StageOptions, settings: OperatorSettings
) -> NewObject:
    """The Job of a server: its container is restarted in its pod, which keeps its name and its GPUs."""
    own = {**labels(run.name, STAGE), COMPONENT_LABEL: SERVER_COMPONENT, SERVER_LABEL: server.name}
    (beside,) = trainer["spec"]["containers"]
    container = server_container(server, options, settings, beside["volumeMounts"], security=_security(settings))
    container |= {
        "ports": [{"name": "grpc", "containerPort": server.port}],
        "readinessProbe": {"grpc": {"port": server.port}, "periodSeconds": 2, "timeoutSeconds": 3},
        "livenessProbe": {"tcpSocket": {"port": server.port}, "periodSeconds": 20, "failureThreshold": 6},
    }
    spec: dict[str, Any] = {
        "restartPolicy": "OnFailure",
        "terminationGracePeriodSeconds": GRACE_S,
        **restricted_pod(options, settings),
        "containers": [container],
        "volumes": trainer["spec"]["volumes"],
    }
    template: NewObject = {"metadata": {"labels": own}, "spec": spec}
    add_priority(run, template)
    return {
        "completionMode": "Indexed",
        "completions": 1,
        "parallelism": 1,
        "backoffLimit": SERVER_BACKOFF_LIMIT,
        "template": template,
    }


def _security(settings: OperatorSettings) -> tuple[str, ...]:
    """Plaintext. Where runs have a token for the chart's services, the servers ask for it."""
    listens = ("--host=0.0.0.0", "--insecure")
    has_token = settings.credentials and "token" in settings.credential_keys
    return (*listens, f"--token-file={CREDENTIALS_FOLDER}/token") if has_token else listens
